"""Tests of the room `sample`, module by module."""
