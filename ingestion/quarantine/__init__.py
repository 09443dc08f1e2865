"""Refused events: listed, shown, mended and replayed through the collector's own judge."""
