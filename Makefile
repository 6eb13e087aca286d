# Two commands do all set-up on a fresh machine: `make demo` and `make test`.
.PHONY: help demo serve test thorough apps bench soak matrix screens lint format setup clean
.DEFAULT_GOAL := help

# The public vectors and recorded runs, when they stand beside the checkout.
ifeq ($(origin DELEGATION_DATA), undefined)
ifneq ($(wildcard ../shared/data),)
export DELEGATION_DATA := $(abspath ../shared/data)
endif
endif
PYTHON := .venv/bin/python

help:
	@echo "make demo   run the main job: a support desk with a hijacked agent"
	@echo "make serve  serve the demo's store (or delegation.db) over HTTP"
	@echo "make test   run the tests: minutes"
	@echo "make thorough  the rest of them, which .ci/run runs too: faults, builds, laws with all their examples"
	@echo "make apps   try other people's applications behind a guard, each in its own environment (ONLY='prefect agno')"
	@echo "make bench  measure what docs/reference/performance.md shows (QUICK=1: a minute or two, nothing saved)"
	@echo "make matrix install beside other frameworks; the core tests with our oldest and newest libraries"
	@echo "make soak   fail over three PostgreSQL, kill a replica, take every processor, load for an hour"
	@echo "make screens  take the pictures of docs/how-to/reviewer-guide.md anew (Chromium)"
	@echo "make lint   run ruff, mypy and the import contracts"

setup:
	@bash .ci/setup.sh

demo: setup
	@$(PYTHON) -m delegation.cli demo

serve: setup
	@$(PYTHON) -m delegation.cli serve --show-keys

test: setup
	@bash .ci/system.sh
	@$(PYTHON) -m pytest -q -n 3 --dist worksteal -m "not thorough"

thorough: setup
	@bash .ci/system.sh
	@$(PYTHON) -m pytest -q -n 3 --dist worksteal -m "thorough or hypothesis"

apps: setup
	@PYTHONPATH=tests $(PYTHON) -m apps $(ONLY)

# What cannot be installed is said by name, its rows fail, and nothing is saved; the load's generator is named.
bench: setup
	@bash .ci/system.sh bench
	@$(PYTHON) -c 'import tenuo' 2>/dev/null \
		|| $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input -e '.[bench]' \
		|| echo "make bench: tenuo could not be installed. Its rows fail." >&2
	@PYTHONPATH=tests $(PYTHON) -m bench $(if $(QUICK),--quick)

soak: setup
	@bash .ci/system.sh soak
	@PYTHONPATH=tests $(PYTHON) -m soak

matrix: setup
	@PYTHONPATH=tests $(PYTHON) -m matrix

screens: setup
	@bash .ci/system.sh
	@PYTHONPATH=tests $(PYTHON) -m screens

lint: setup
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports

format: setup
	@$(PYTHON) -m ruff check --fix-only -q . && $(PYTHON) -m ruff format -q .

clean:
	rm -rf .venv demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
