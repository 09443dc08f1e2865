"""Checks on time, files and volumes. Those on rows are dbt's own tests (dbt_project/tests)."""
