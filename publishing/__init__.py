"""The file that people read: what it holds, how it is replaced, and the questions it answers."""
