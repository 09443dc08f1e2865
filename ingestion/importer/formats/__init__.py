"""One module per format: how one of its records becomes events."""
