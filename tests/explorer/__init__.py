"""The explorer: its pages, what they show, and what they do with what makes no sense."""
