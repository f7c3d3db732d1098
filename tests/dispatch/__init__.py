"""Tests of the room `dispatch`, module by module."""
