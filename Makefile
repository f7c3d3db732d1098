# `make run` and `make test` need Python 3.11 or newer and make; they set up .venv by themselves.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint unit exact bench faults clean

run: .venv/run.stamp
	$(BIN)/parbatch run --workers 8

test: .venv/test.stamp lint unit

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: .venv/test.stamp
	$(BIN)/python -m pytest -n 2 --dist worksteal

# Kills and disk errors at named system calls, hundreds of them: about an hour on two cores. Needs strace.
faults: .venv/test.stamp
	$(BIN)/python -m tests.faults.drills

# Changes of python-docx against acceleration, at length: every function of the table, and 2,000 programs.
exact: .venv/test.stamp
	PARBATCH_EXACT_PROGRAMS=2000 $(BIN)/python -m pytest -n 2 --timeout 3600 tests/docx/test_docx_changed.py

bench: .venv/bench.stamp
	$(BIN)/python -m benchmarks

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run.stamp: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/test.stamp: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ .venv/run.stamp

.venv/bench.stamp: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	touch $@ .venv/run.stamp

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
