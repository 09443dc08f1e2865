"""The files between collector and warehouse: what they hold, and how they are read and written."""
