"""Builds the models on a cluster of Apache Spark, with Apache Iceberg as its tables.

One machine still loads and publishes. Its raw rows are copied to Iceberg (`raw_tables`), dbt builds
and tests the models on Spark, and the marts come back (`marts`). docs/scale.md says when and how.
"""
