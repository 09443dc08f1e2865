"""Predicts who is about to convert: a site's questions, models learnt from trials, and scores."""
