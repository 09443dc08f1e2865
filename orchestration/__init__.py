"""Dagster's part: what runs, in which order, what is checked and what is published."""

import gc

# What Dagster, dbt and dlt make while they are imported stays. At Python's threshold of 700 objects
# a run spends a seventh of its processor time on finding that out; this costs ten megabytes.
gc.set_threshold(100_000, 10, 10)
