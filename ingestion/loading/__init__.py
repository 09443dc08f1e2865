"""Loading sealed files from the landing into the append-only tables of the schema raw."""
