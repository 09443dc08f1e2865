"""Exports of the landing."""
