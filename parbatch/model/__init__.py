"""Values that all rooms share: jobs, options, items, outcomes, results, and the words for them."""
