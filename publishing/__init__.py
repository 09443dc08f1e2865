"""The published file that people read: its content, its replacement and its table macros."""
