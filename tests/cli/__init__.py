"""Tests of the room `cli`, module by module."""
