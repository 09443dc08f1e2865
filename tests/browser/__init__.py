"""The script for web pages, in a real browser."""
