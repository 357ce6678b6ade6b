# Two commands for everyone: `make run` tries the project, `make test` tests it.
# `make help` lists the rest. All paths are relative, so that a folder with spaces in its name works.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev
PEERS := .venv-bench/.installed
CODE := src tests benchmarks
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run test check format lint types imports pytest examples slow docs bench bench-full lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 20

run: $(RUN) ## set up and check the sample organisation
	@scripts/run-sample

test: $(DEV) ## set up for development and run everything CI runs
	@scripts/install-debian-packages
	@$(MAKE) --no-print-directory --keep-going check

check: format lint types imports pytest examples ## format, lint, types, imports, tests, the pack's examples
	@echo "check: all passed"

format: $(DEV)
	$(PY) -m ruff format --check $(CODE)

lint: $(DEV)
	$(PY) -m ruff check $(CODE)

types: $(DEV)
	$(PY) -m mypy

imports: $(DEV)
	$(VENV)/bin/lint-imports --no-cache

pytest: $(DEV)
	$(PY) -m pytest -m "not slow" --numprocesses logical --dist loadfile

examples: $(DEV)
	$(PY) -m policycheck test --pack controls

slow: $(DEV) ## the long form of the suites, many minutes
	$(PY) -m pytest -m slow

docs: $(DEV) ## write the reference of the pack into docs/controls
	$(PY) -m policycheck docs --pack controls --output docs/controls --mutants

bench: $(DEV) $(PEERS) ## measure beside other tools, 20 minutes; never fails for being slow
	$(PY) -m benchmarks

bench-full: $(DEV) $(PEERS) ## the sizes that take long, up to 100 million records
	$(PY) -m benchmarks --full

lock: $(DEV) ## resolve pyproject.toml into the hash-locked requirement files
	scripts/lock

clean: ## remove what was made, the environment included
	rm -rf $(VENV) .venv-bench build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find reports -mindepth 1 ! -name .gitkeep -delete
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# Setting up: an environment, then the locked packages, then this package from its source. The stamp
# files say what was installed, so that nothing is repeated until a lock file or pyproject.toml changes.

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: $(PYTHON) is missing or older than 3.11" >&2; \
		echo "help: install Python 3.11 or later, or name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
		exit 2; }
	@$(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); \
		echo "help: on Debian the module is in the package python3-venv" >&2; \
		exit 2; }

$(RUN): requirements.txt pyproject.toml | $(PY)
	@echo "installing locked packages into $(VENV)"
	@$(PY) -m pip install --quiet --require-hashes -r requirements.txt
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# What development needs includes what running needs, at the same versions.
$(DEV): requirements-dev.txt requirements.txt pyproject.toml | $(PY)
	@echo "installing locked packages for development into $(VENV)"
	@$(PY) -m pip install --quiet --require-hashes -r requirements-dev.txt
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ $(RUN)

# The tools that are measured beside it stand apart, since some ask for old versions. One that cannot be had is a row
# that says so.
$(PEERS): pyproject.toml | $(DEV)
	@echo "installing other tools into .venv-bench"
	@$(PYTHON) -m venv .venv-bench
	@pins=$$($(PY) -m benchmarks.peers); \
	.venv-bench/bin/python -m pip install --quiet $$pins || for pin in $$pins; do \
		.venv-bench/bin/python -m pip install --quiet $$pin || echo "note: $$pin cannot be had" >&2; \
	done
	@touch $@
