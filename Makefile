# duecast: make demo | test | lint | bench | ui | docs | clean
PYTHON ?= python3
EVENTS ?= 100000 1000000
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo test lint types layers bench ui docs clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

setup: $(STAMP)  ## create .venv and install duecast into it

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "duecast needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev,cluster]'
	@touch $(STAMP)

demo: setup  ## a synthetic company from its log to the ranked worklist
	$(BIN)/duecast demo

test: setup  ## the whole test suite
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

lint: setup  ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup  ## every comparison; EVENTS="100000 1000000 10000000"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks --events $(EVENTS)

ui: setup  ## open the pages
	$(BIN)/duecast ui

docs: setup  ## generate docs/features.md and docs/kpis.md from the catalogues
	$(BIN)/duecast features --markdown > docs/features.md
	$(BIN)/duecast kpis --markdown > docs/kpis.md

clean:  ## remove what can be made again
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
