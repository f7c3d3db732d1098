"""Tests of the room `storage`, module by module."""
