# Everything a clone needs; `make help` lists it. Another environment: make VENV=path TARGET
PYTHON ?= python3
VENV ?= .venv
PREFECT_PORT ?= 4200
TENSORBOARD_PORT ?= 6006
ARGS ?=
NAME ?=

python := $(VENV)/bin/python
installed := $(VENV)/.installed
docs := $(VENV)-docs

export NAME  # the shell takes it from its environment, never as a part of its own words

.PHONY: help run test test-system mutants faults bench check ui grid docs docs-tools setup
.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F ':.*## *' '/^[a-z-]+:.*##/ {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup  ## train, evaluate and export every setting of params.yaml; ARGS="--grid omniglot --jobs 4"
	@$(python) -m pipeline run $(ARGS)

test: check  ## check, then run all tests but the slow ones
	@OMP_NUM_THREADS=1 $(python) -m pytest -n 2 -m "not slow and not system" $(ARGS)

test-system: setup  ## the slow tests: end to end, by DVC, Prefect and a browser
	@OMP_NUM_THREADS=1 $(python) -m pytest -n 2 -m "slow or system" $(ARGS)

mutants: setup  ## how many of 400 small faults the tests notice: an hour; goes on where it stopped
	@OMP_NUM_THREADS=1 $(python) -m tests.mutation $(ARGS)

faults: setup  ## thousands of spoilt files, hundreds of kills: hours; goes on where it stopped
	@OMP_NUM_THREADS=1 $(python) -m tests.faults $(ARGS)

bench: setup  ## beside higher, torchopt, torch-maml (pip install '.[bench]' --no-deps): 15 minutes
	@OMP_NUM_THREADS=1 $(python) -m benchmarks.peers $(ARGS)

check: setup  ## ruff and mypy --strict
	@$(python) -m ruff check .
	@$(python) -m ruff format --check .
	@$(python) -m mypy --strict

ui: setup  ## Prefect's pages on port 4200 and TensorBoard on port 6006, until Ctrl-C
	@$(python) -m pipeline ui --port $(PREFECT_PORT) --tensorboard $(TENSORBOARD_PORT)

grid: setup  ## start or refresh grids/NAME: the same pipeline for parameters of its own; NAME=omniglot
	@$(python) -m pipeline grid new -- "$$NAME"

docs: $(docs)/.installed  ## the pages of docs/ as a site, into site/; loads nothing while it builds
	@NO_MKDOCS_2_WARNING=1 $(docs)/bin/python -m mkdocs build --strict --quiet $(ARGS)
	@echo "site/index.html; with its search: $(python) -m http.server -d site"

docs-tools: $(docs)/.installed

# Its tools in an environment of their own: they read the docstrings and import nothing.
$(docs)/.installed: requirements-docs.lock
	@test -e $(docs)/bin/python || $(PYTHON) -m venv $(docs)
	@$(docs)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.lock
	@touch $@

setup: $(installed)

# The marker is made again when the pins differ from those that were installed, and only then.
ifneq ($(shell cmp requirements.lock $(installed) 2>/dev/null && echo same),same)
.PHONY: $(installed)
endif
$(installed): | $(python)
	@echo "Installing the pinned packages into $(VENV): some gigabytes, once, 3 to 10 minutes ..."
	@$(python) -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(python) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@cp requirements.lock $@

$(python):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: needs Python 3.11 or newer; say which: make PYTHON=python3.11 ..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV)
