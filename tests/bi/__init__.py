"""Superset's dashboards: what they say, and that they say what the marts say."""
