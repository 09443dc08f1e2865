"""The endpoint: receives events over HTTP and answers once they are on disk."""
