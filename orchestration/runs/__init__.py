"""Runs of Dagster: how one waits its turn, what it says, and how long its records are kept."""
