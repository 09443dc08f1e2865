"""What libraries know about values in raw: user agents, domains and time zones."""
