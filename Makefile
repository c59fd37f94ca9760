# Each target makes the environment that it needs, once: .venv/.installed-* says what is there.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo test test-all check dev bench

CANDIDATES := python3.11 python3 python
PYTHON ?= $(shell for candidate in $(CANDIDATES); do \
	$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$candidate && break; done)
BIN := .venv/bin
BASE := .venv/.installed
TEST := .venv/.installed-test
DEV := .venv/.installed-dev
BENCH := .venv/.installed-bench
# A process a core; the tests of one file share one, and what it has made.
CORES := -n auto --dist loadfile
# Tests and linters start no telemetry of their own.
export DAGSTER_DISABLE_TELEMETRY := 1

help:
	@echo "make demo      a whole search on a simulated market, in minutes"
	@echo "make dev       the Dagster UI on http://localhost:3000"
	@echo "make test      the fast tests          make test-all   the slow ones too"
	@echo "make check     linters, types, layers, fast tests, definitions"
	@echo "make bench     all measurements, beside other libraries"

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv .venv

$(BASE): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(TEST): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(BASE)

$(DEV): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(TEST) $(BASE)

$(BENCH): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@touch $@ $(BASE)

demo: $(BASE)
	$(BIN)/cappuccino run --profile mini --source simulated --workers 2

dev: $(BASE)
	$(BIN)/python -m cappuccino_assets.cli.instance
	DAGSTER_HOME="$(CURDIR)" $(BIN)/dagster dev

test: $(TEST)
	$(BIN)/python -m pytest $(CORES)

test-all: $(TEST)
	$(BIN)/python -m pytest $(CORES) -m "not network"

check: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(CORES)
	$(BIN)/dagster definitions validate -m cappuccino_assets.definitions

bench: $(BENCH)
	$(BIN)/python -m bench.run

