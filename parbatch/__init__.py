"""Render a batch of items on every core: one true status per item, finished work never lost."""

__version__ = "0.1.0"
