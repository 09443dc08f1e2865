"""The erasure of a person through everything: landing, raw, models, published file, records."""
