# stbir: every task that people and machines run. `make` or `make help` lists them.
# On a fresh machine each target first makes .venv and installs what it needs; a second run installs nothing.
#   make test PYTHON=python3.12 VENV=.venv-312      another interpreter, another environment

PYTHON  ?= python3
VENV    ?= .venv
GALLERY ?= demo-out/samples.gallery
PORT    ?= 8000
BIN     := $(VENV)/bin
PIP     := $(BIN)/python -m pip --disable-pip-version-check --quiet

CORE := $(VENV)/.installed-core
WEB  := $(VENV)/.installed-web
DEV  := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help venv demo serve test check lint format bench experiments clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(DEV) ## make .venv with everything for development

demo: $(CORE) ## index the sample pictures, search them by drawing and words, save demo-out/contact-sheet.png
	$(BIN)/python examples/demo.py

serve: $(WEB) ## index the sample pictures if needed, serve the page on http://127.0.0.1:8000
	$(BIN)/stbir index samples/gallery --gallery $(GALLERY)
	$(BIN)/stbir serve --gallery $(GALLERY) --port $(PORT)

test: $(DEV) ## run the tests
	$(BIN)/python -m pytest

check: lint test ## lint, types, layers, then the tests: what CI runs

lint: $(DEV) ## style, formatting, types, layers; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(DEV) ## rewrite the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(CORE) ## measure import, search and indexing times into benchmarks/results, renew docs/benchmarks.md
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/render.py

experiments: $(DEV) ## measure every table and plot of docs/benchmarks.md (real data: STBIR_DATA; about an hour)
	$(BIN)/python benchmarks/experiments.py
	$(BIN)/python benchmarks/render.py

clean: ## remove what the other targets made, .venv too
	rm -rf $(VENV) demo-out dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# What is installed: CORE is what a user of the search gets, without PyTorch; WEB adds the service; DEV adds what the tests and training need.
$(CORE): pyproject.toml | $(BIN)/python
	@echo "installing stbir into $(VENV)" >&2
	$(PIP) install -e .
	@touch $@

$(WEB): pyproject.toml | $(BIN)/python
	@echo "installing stbir with its service into $(VENV)" >&2
	$(PIP) install -e '.[web]'
	@touch $(CORE) $@

$(DEV): pyproject.toml constraints-cpu.txt | $(BIN)/python
	@echo "installing stbir and everything its tests need into $(VENV) (about 3.2 GB)" >&2
	$(PIP) install -c constraints-cpu.txt -e '.[dev,train,hub,synth,report,web,milvus,ray]'
	@touch $(CORE) $(WEB) $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "stbir needs Python 3.11 or newer, $(PYTHON) is older: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
