"""Erasing a person: finding and removing all their events, in every place."""
