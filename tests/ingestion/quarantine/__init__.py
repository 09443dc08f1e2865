"""Tests of the replay of refused events."""
