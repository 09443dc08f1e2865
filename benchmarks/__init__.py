"""What the README's figures come from; ratios of one run on one machine."""
