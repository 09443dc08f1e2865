"""Runs of Dagster: how they queue, what they print, and how long their records are kept."""
