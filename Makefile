# One command each, from a fresh machine: `make run` builds the lab, runs the article's stages on it and makes the report.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PYTHON := $(VENV)/bin/python
PYTEST := $(PYTHON) -m pytest
COMMAND := $(VENV)/bin/istio-conformance
READY := $(VENV)/.ready
CODE := conftest.py fixtures lab reports suites
# Each finished phase of `make test` is written here, so that .ci/run can name what was not reached.
PHASES := reports/phases

.PHONY: help check selftests lint run test test-full bench clean pins

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

$(READY): requirements.txt pyproject.toml
	@.ci/venv $(VENV)
	@touch $@

check: $(READY) ## format, lint, types, layers, YAML, workflows, selftests, collection: no cluster, under a minute
	@$(MAKE) -j2 --output-sync=target selftests lint

selftests: $(READY)
	@$(PYTEST) suites/selftest -m 'not lab' --quiet

lint: $(READY)
	@$(PYTHON) -m ruff format --check --quiet $(CODE)
	@$(PYTHON) -m ruff check --quiet $(CODE)
	@$(PYTHON) -m mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(PYTHON) -m yamllint --strict .github manifests suites
	@.ci/actionlint
	@$(PYTEST) suites/article suites/ledger --collect-only --quiet
	@$(PYTEST) suites/article --setup-plan --quiet
	@$(PYTEST) suites/upgrade --setup-plan --quiet

run: $(READY) ## the lab, the article's stages on it, and the report
	@$(COMMAND) run --distribution lab

# Requests have no leeway in the upgrade here. Latencies and the generator's lag do: other work on the same machine
# causes them, and what is tested is the suite.
BUSY := --unproven-passes --budget latency-p50=5 --budget latency-p99=20

test: ## check, run, the lab's own promises on a real engine, an upgrade in quick mode: what CI does
	@rm -f $(PHASES)
	@$(MAKE) check
	@echo check >> $(PHASES)
	@$(MAKE) run
	@echo stages >> $(PHASES)
	@$(PYTEST) suites/lab -m 'not full'
	@echo promises >> $(PHASES)
	@$(COMMAND) upgrade --distribution lab $(BUSY)
	@echo upgrade >> $(PHASES)

test-full: test ## test, and what takes longer: stages alone, causes, faults of a run and of an upgrade
	@$(PYTEST) suites/lab -m full

bench: $(READY) ## the figures: warm runs and noticing lag; `istio-conformance bench --help` lists the others
	@$(COMMAND) bench

clean: $(READY) ## remove every cluster, network and engine that runs left behind, and the generated folders
	@$(COMMAND) lab clean
	rm -f reports/html/index.html reports/html/upgrade.html $(PHASES)
	@rmdir reports/html 2>/dev/null || true
	rm -rf reports/results reports/results-upgrade .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

pins: $(READY) ## resolve requirements.in into requirements.txt
	@$(PYTHON) -m venv $(VENV)/pins
	@$(VENV)/pins/bin/pip install --quiet pip-tools
	@$(VENV)/pins/bin/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --upgrade requirements.in
