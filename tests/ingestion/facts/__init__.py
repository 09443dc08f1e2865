"""Tests of lines and files between collector and warehouse."""
