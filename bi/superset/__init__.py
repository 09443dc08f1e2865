"""Apache Superset on the published file: its start, its configuration and its dashboards."""
