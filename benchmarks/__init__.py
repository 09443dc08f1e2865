"""The benchmarks behind the README's figures; ratios of one run on one machine."""
