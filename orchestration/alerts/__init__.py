"""What is sent to the people on call: when, in which words, and through which channels."""
