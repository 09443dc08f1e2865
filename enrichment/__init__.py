"""Facts about facts: what an agent, a domain or a time zone says, from libraries that are kept."""
