"""From sealed files in the landing to the append-only tables of the schema raw."""
