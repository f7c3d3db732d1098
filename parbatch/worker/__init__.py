"""One process and what it does with a chunk of items: entries, attempts, limits, evidence.

It is loaded in workers, which never see the checkpoint.
"""
