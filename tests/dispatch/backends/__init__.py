"""Tests of the backends, module by module."""
