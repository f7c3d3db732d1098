"""Tests of the room `planning`, module by module."""
