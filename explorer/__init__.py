"""The explorer: pages that ask the published file, draw the answer and show its SQL."""
