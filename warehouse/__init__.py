"""The DuckDB file behind every answer: who may open it, its own records, and SQL that many need."""
