"""Tests of the room `worker`, module by module."""
