"""The landing: how sealed files get there, and how it stays free of erased people."""
