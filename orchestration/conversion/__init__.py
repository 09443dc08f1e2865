"""Who is about to convert: the questions a site asks, judged and kept for the models."""
