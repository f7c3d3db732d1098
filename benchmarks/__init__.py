"""Benchmarks: `python -m benchmarks` runs all, and leaves JSON and a Markdown table in `benchmarks/results/`."""
