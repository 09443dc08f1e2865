"""Tests of the client library, against a real HTTP server on the loopback interface."""
