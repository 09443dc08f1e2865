"""The wire protocols that events come by, and what they share."""
