.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# Compiled modules are kept even where the environment says otherwise (images often do): a sync loads two thousand
# modules, and compiling them each time takes three seconds.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo test test-fast test-whole test-foreign test-all coverage snapshots docs lint types hooks bench format ui \
  notebook lock clean

help: ## list what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

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
	@$(BIN)/python -c 'import instantly_pipeline.orchestration.sync_job, instantly_pipeline.orchestration.instance.event_log'
	@touch $@

demo: setup ## from nothing to marts: a local Instantly API, two syncs, models, a published file
	@$(BIN)/instantly-pipeline demo

# on a disk of memory, where there is one with room: the tests wait for thousands of small writes to be safe
ROOM = $(shell df --output=avail /dev/shm 2> /dev/null | tail -1)
TEMP = $(shell test "$(ROOM)" -gt 4000000 2> /dev/null && echo TMPDIR=/dev/shm)

# files in their own order: those with few and long tests must not be left for the end; conftest.py keeps some together
PYTEST = $(TEMP) $(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder

# MEASURE=1 notes which branches were taken, for `make coverage`. It costs a third more time, so of test-whole the worlds
# of the warehouse are not measured: they take no other branches than the rest.
COVER = $(if $(MEASURE),--cov --cov-report=)
MEASURED = tests/api tests/cli tests/lake tests/orchestration tests/receiver tests/run tests/sandbox tests/sync

test: setup ## the tests (below four minutes on two cores)
	@$(PYTEST) $(COVER)

test-fast: setup ## the quick ones of them, to run all day (below 40 seconds on two cores); names what has become slow
	@$(PYTEST) -m "not medium and not whole and not slow and not foreign" --durations=10 --durations-min=0.5

test-whole: setup ## whole runs and commands, worlds and kills (CI runs them, too)
ifdef MEASURE
	@$(PYTEST) $(COVER) --cov-append -m "whole and not slow" $(MEASURED)
	@$(PYTEST) -m "whole and not slow" $(MEASURED:%=--ignore=%)
else
	@$(PYTEST) -m "whole and not slow"
endif

test-foreign: setup ## clients of the API that others wrote read the sandbox (installs an npm package; skips in words without)
	@$(PYTEST) -m foreign tests/foreign

test-all: setup ## the tests with the long and the foreign ones
	@$(PYTEST) -m "" $(COVER)

coverage: ## the branches that `make test test-whole MEASURE=1` took; fails below the floor
	@$(BIN)/coverage json -q -o - | $(BIN)/python .ci/branches.py

snapshots: docs ## write what tests compare with: help, definitions, published schema, generated documents
	@WRITE_SNAPSHOTS=1 $(PYTEST) -m snapshot

docs: setup ## write the generated documents alone
	@$(BIN)/python -m instantly_pipeline.docs.generate

SQL = sql instantly_pipeline/report/sql

lint: setup ## ruff, import-linter, deptry (imports are declared), sqlfluff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/deptry . 2>&1 | grep -v "^Scanning"; exit $${PIPESTATUS[0]}
	@$(BIN)/sqlfluff lint --processes 0 $(SQL)

types: setup ## mypy --strict
	@$(BIN)/mypy

hooks: setup ## run the linters at each commit, types and snapshots at each push
	@$(BIN)/pre-commit install

bench: setup ## the targets, then dlt, a bare script and Airbyte's CDK beside ours, on the sandbox; ROWS=10000 ROUNDS=1 for a short one
	@$(BIN)/python -m benchmarks.run $(if $(ROWS),--rows $(ROWS)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(PARTS),--parts $(PARTS))

format: setup ## format Python and SQL
	@$(BIN)/ruff check --fix -q .
	@$(BIN)/ruff format -q .
	@$(BIN)/sqlfluff fix -q --processes 0 $(SQL)

# from Dagster's home, since Dagster would put the .env of the folder it is started in before the environment
ui: setup ## open Dagster on http://localhost:3000
	@umask 077 && home="$$($(BIN)/python -c 'from instantly_pipeline.settings import dagster_home as d; print(d())')" && \
		mkdir -p "$$home" && cd "$$home" && DAGSTER_HOME="$$home" DAGSTER_DISABLE_TELEMETRY=1 \
		PYTHONWARNINGS=ignore::FutureWarning "$(CURDIR)/$(BIN)/dagster" dev -w "$(CURDIR)/workspace.yaml"

notebook: setup ## open the tour of the published file, a notebook, in the browser
	@$(BIN)/marimo --quiet edit --skip-update-check notebooks/tour.py

lock: setup ## compile requirements.lock from pyproject.toml
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --extra dev --extra notebooks --extra socks \
	  --python-version 3.11 pyproject.toml -o requirements.lock

clean: ## remove the environment and the demo's data
	@rm -rf .venv demo-data
