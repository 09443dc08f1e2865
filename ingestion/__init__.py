"""Receiving, storing and loading events; the README lists the folders."""
