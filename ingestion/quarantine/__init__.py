"""Refused events: list, show, mend and replay them, with the same validation as the collector."""
