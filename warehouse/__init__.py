"""The DuckDB file of the warehouse: who may open it, its own records, and shared SQL."""
