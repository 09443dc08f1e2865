"""What Dagster does: which jobs run, in which order, what they check and what they publish."""

import gc

# The objects that Dagster, dbt and dlt make while they are imported stay in memory. At Python's
# threshold of 700 objects the garbage collector checks them so often that it takes a seventh of a
# run's processor time. The higher threshold costs ten megabytes.
gc.set_threshold(100_000, 10, 10)
