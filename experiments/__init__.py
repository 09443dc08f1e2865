"""Experiments as the site defines them: who was shown what, and what is measured of them."""
