# `make run` and `make test` need Python 3.11 or newer and make; they set up .venv by themselves.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run help test lint house unit faults exact bench clean

run: .venv/run.stamp ## Make the sample briefs with 8 workers, into outputs/countries/ (also plain `make`)
	$(BIN)/parbatch run --workers 8

help: ## Show these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: .venv/test.stamp lint unit ## Check and test everything, as CI does

lint: .venv/test.stamp ## Check style, types, the layers of imports and how the code is laid out
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/house.py

house: .venv/bin/python ## Count how the code is laid out, and say where a bound is broken
	$(BIN)/python tools/house.py

unit: .venv/test.stamp ## Run all tests on two cores
	$(BIN)/python -m pytest -n 2 --dist worksteal

# Kills and disk errors at named system calls, hundreds of them: about an hour on two cores. Needs strace.
faults: .venv/test.stamp ## Kill parbatch at hundreds of system calls: about an hour; needs strace
	$(BIN)/python -m tests.faults.drills

# Changes of python-docx against acceleration, at length: every function of the table, and 2,000 programs.
exact: .venv/test.stamp ## Compare accelerated documents at length: 2,000 programs, every function that is replaced
	PARBATCH_EXACT_PROGRAMS=2000 $(BIN)/python -m pytest -n 2 --timeout 3600 tests/docx/test_changed.py

bench: .venv/bench.stamp ## Measure what README says of costs, into benchmarks/results/
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

clean: ## Remove .venv and what the tools keep
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
