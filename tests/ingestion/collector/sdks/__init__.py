"""Live SDKs of others against a live collector."""
