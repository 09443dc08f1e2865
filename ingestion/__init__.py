"""Footfall's way in: the settings, the envelope, the collector and the loader."""
