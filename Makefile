.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# Compiled modules are kept even where the environment says otherwise (images often do): a sync loads two thousand
# modules, and compiling them anew each time takes it three seconds.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo test test-whole test-all lint types bench format ui notebook docs lock clean

help: ## list what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: .venv/.ready ## make .venv from requirements.lock (done by the others when it is missing)

# uv is taken from the lock, by its hash, because it installs the rest in seconds; pip does it where uv cannot
.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; say which: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing what requirements.lock names into .venv ..."
	@awk '/^uv==/{on=1} on{print} on&&!/\\$$/{exit}' requirements.lock > .venv/uv.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r .venv/uv.txt
	@$(BIN)/uv pip sync -q --require-hashes -p $(BIN)/python requirements.lock 2> .venv/uv.log \
	  || $(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m ensurepip -q 2> /dev/null || true
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -c 'import instantly_pipeline.orchestration.run, instantly_pipeline.orchestration.instance.event_log'
	@touch $@

demo: setup ## from nothing to marts: a local Instantly API, two syncs, models, a published file
	@$(BIN)/instantly-pipeline demo

# on a disk of memory, where there is one with room: the tests wait for thousands of small writes to be safe
ROOM = $(shell df --output=avail /dev/shm 2> /dev/null | tail -1)
TEMP = $(shell test "$(ROOM)" -gt 4000000 2> /dev/null && echo TMPDIR=/dev/shm)

# files in their own order: those with few and long tests must not be left for the end; conftest.py keeps some together
PYTEST = $(TEMP) $(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder

test: setup ## the tests (about four minutes on two cores)
	@$(PYTEST)

test-whole: setup ## whole runs and commands, worlds and kills (CI runs them, too)
	@$(PYTEST) -m "whole and not slow"

test-all: setup ## the tests with the long ones, and the coverage
	@$(PYTEST) -m "" --cov --cov-report=term

lint: setup ## ruff, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: setup ## mypy --strict
	@$(BIN)/mypy

bench: setup ## ours, dlt, a bare script and Airbyte's CDK on the same sandbox; ROWS=10000 ROUNDS=1 for a short one
	@$(BIN)/python -m benchmarks.run $(if $(ROWS),--rows $(ROWS)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(PARTS),--parts $(PARTS))

format: setup ## format the code
	@$(BIN)/ruff check --fix -q .
	@$(BIN)/ruff format -q .

# from Dagster's home, since Dagster would put the .env of the folder it is started in before the environment
ui: setup ## open Dagster on http://localhost:3000
	@umask 077 && home="$$($(BIN)/python -c 'from instantly_pipeline.settings import dagster_home as d; print(d())')" && \
		mkdir -p "$$home" && cd "$$home" && DAGSTER_HOME="$$home" DAGSTER_DISABLE_TELEMETRY=1 \
		PYTHONWARNINGS=ignore::FutureWarning "$(CURDIR)/$(BIN)/dagster" dev -w "$(CURDIR)/workspace.yaml"

notebook: setup ## open the tour of the published file, a notebook, in the browser
	@$(BIN)/marimo --quiet edit --skip-update-check notebooks/tour.py

docs: setup ## write the generated documents anew
	@$(BIN)/python -m instantly_pipeline.docs.generate

lock: setup ## compile requirements.lock from pyproject.toml
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --extra dev --extra notebooks --extra socks \
	  --python-version 3.11 pyproject.toml -o requirements.lock

clean: ## remove the environment and the demo's data
	@rm -rf .venv demo-data
