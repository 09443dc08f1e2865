"""Who is about to convert: a site's questions, and what is learnt, judged and said of them."""
