"""Tests of the part `engine/products`, module by module."""
