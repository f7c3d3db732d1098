"""Tests of the room `model`, module by module."""
