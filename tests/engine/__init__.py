"""Tests of the room `engine`, module by module."""
