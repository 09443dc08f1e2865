"""Tests of the files between collector and warehouse."""
