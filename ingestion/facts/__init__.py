"""What a line and a file between collector and warehouse hold, and how to read and write them."""
