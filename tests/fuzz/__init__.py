"""Hostile requests, thousands of them: the collector answers each, and loses nothing."""
