"""Tests of the endpoint and the load."""
