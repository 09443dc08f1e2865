"""Pulling what other tools hold, window by window, into the landing."""
