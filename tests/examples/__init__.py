"""Tests of the room `examples`, module by module."""
