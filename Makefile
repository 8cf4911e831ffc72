# `make chat` talks, `make test` checks. Both make what they need; nothing else has to be installed
# but Python 3.11 or newer (with venv and pip) and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# pip's build of torch for CPUs; on an Intel GPU the worker's own interpreter has another one.
TORCH := torch==2.13.0

.PHONY: chat install test test-server test-ipex lint types format benchmark picture clean

chat: $(VENV)/installed
	@$(BIN)/parley chat

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Parley needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Parley into $(VENV) (once; about 450 MB) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "Installing what the tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev,torch]"
	@touch $@

test: lint types
	$(BIN)/python -m pytest

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/installed-dev
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The openai back end against a real server: SERVER is the command that starts one (docs/servers.md).
test-server: $(VENV)/installed-dev
	PARLEY_TEST_SERVER='$(SERVER)' $(BIN)/python -m pytest tests/bot/generation/test_real_server.py

# The ipex back end: ipex-llm itself on the CPU, in an environment of its own (once; about 5 GB).
test-ipex: $(VENV)/installed-dev
	$(BIN)/parley backend install ipex --cpu --folder .venv-ipex
	IPEX_PYTHON=$(CURDIR)/.venv-ipex/bin/python $(BIN)/python -m pytest tests/ipex

# The README's picture, from a real chat with the demo model.
picture: $(VENV)/installed
	$(BIN)/python -m tools.picture

# What Parley itself costs. Prints; nothing is asserted.
benchmark: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.whole
	$(BIN)/python -m benchmarks.pipe
	$(BIN)/python -m benchmarks.storage
	$(BIN)/python -m benchmarks.delivery

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Reliability (docs/reliability.md). None of these is part of `make test`, which runs a fixed set.
CHAOS_FIRST ?= 0
CHAOS_SEEDS ?= 1000
CHAOS_PROCESSES ?= 100
export CHAOS_FIRST

.PHONY: chaos soak fuzz

# Schedules of faults by seed, on each platform: so many in process, and so many of whole processes.
chaos: $(VENV)/installed-dev
	$(BIN)/python -m tests.chaos $(CHAOS_FIRST) --count $(CHAOS_SEEDS)
	CHAOS_PROCESSES=$(CHAOS_PROCESSES) $(BIN)/python -m pytest tests/chaos/test_processes.py

# Mixed traffic: SOAK_SECONDS of virtual time in process, SOAK_REAL_SECONDS with whole processes.
soak: $(VENV)/installed-dev
	$(BIN)/python -m tests.chaos.soak

# 100,000 inputs and more from outside: 2,000 examples for each property.
fuzz: $(VENV)/installed-dev
	$(BIN)/python -m pytest tests/fuzz --hypothesis-profile thorough --timeout 3600
