"""The reference run: real data through client, collector and nightly, against known answers."""
