"""The endpoint: it receives events over HTTP and answers when they are on disk."""
