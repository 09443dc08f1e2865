"""Taking events away: the landing in formats that other tools read."""
