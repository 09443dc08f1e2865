"""Checks on time, files and volumes. Checks on rows are dbt tests (dbt_project/tests)."""
