"""What parbatch is measured with; `make bench` runs all of it."""
