"""Tools of others on the published file."""
