"""Imports, from small files of each documented shape."""
