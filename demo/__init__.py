"""`make demo`: a product's first weeks, from the client to the answers.

Everybody in it is synthetic. What they do is drawn from a seed, and the truth about them is known
(`demo.law`), so that an answer can be compared with it.
"""
