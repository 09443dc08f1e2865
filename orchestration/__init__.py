"""Dagster's part: what runs, in which order, what is checked and what is published."""
