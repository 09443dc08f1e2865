"""Bringing history: exports of other tools become files of the landing's bulk format."""
