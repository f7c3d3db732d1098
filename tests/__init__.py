"""Tests: one module a module; `faults` kills real processes."""
