"""The error of a cluster that a person has to mend. It needs none of the cluster's libraries."""

from __future__ import annotations


class ClusterUnusable(RuntimeError):
    """Spark, the Iceberg catalog or the folder of its tables does not work; it says what to do."""
