"""Who is about to convert: a site's questions, models that learn from trials, and their scores."""
