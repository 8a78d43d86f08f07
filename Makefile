# One command each, from a fresh machine: `make run` builds the lab, runs the article's stages on it and makes the report.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PYTHON := $(VENV)/bin/python
PYTEST := $(PYTHON) -m pytest
READY := $(VENV)/.ready
CODE := conftest.py fixtures lab reports suites
# More options for pytest: make run ARGS='--stage gateway --keep-cluster'
ARGS ?=
# Another Istio than the newest that the lab knows: make run ISTIO=1.29.1
ISTIO ?=
# What is upgraded, how, and for how long: make upgrade FROM=1.28.2 TO=1.29.1 MODE=gate STRATEGY=canary
FROM ?=
TO ?=
MODE ?=
STRATEGY ?=
# Each finished phase of `make test` is written here, so that .ci/run can name what was not reached.
PHASES := reports/phases

.PHONY: help check selftests lint run upgrade test test-full ledger clean bench lab pins actionlint

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

$(READY): requirements.txt
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
	@$(PYTHON) -m lab build
	@echo lab >> $(PHASES)
	@$(PYTHON) -m reports install
	@PYTHON=$(PYTHON) .ci/stages article $(if $(ISTIO),--istio-version $(ISTIO)) $(ARGS)

upgrade: $(READY) ## an upgrade under traffic, both strategies with their way back, judged, and its report
	@$(PYTHON) -m lab build
	@$(PYTHON) -m reports install
	@PYTHON=$(PYTHON) .ci/stages upgrade $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO)) \
	  $(if $(MODE),--mode $(MODE)) $(if $(STRATEGY),--strategy $(STRATEGY)) $(ARGS)

# The requests of the upgrade have no leeway here; its latencies and its generator's lag do, since neighbours on the
# same machine make them, and what is tested is the suite.
BUSY := --unproven-passes --budget latency-p50=5 --budget latency-p99=20

test: ## check, run, the lab's own promises on a real engine, an upgrade in quick mode: what CI does
	@rm -f $(PHASES)
	@$(MAKE) check
	@echo check >> $(PHASES)
	@$(MAKE) run
	@$(PYTEST) suites/lab -m 'not full'
	@echo promises >> $(PHASES)
	@$(MAKE) upgrade ARGS='$(BUSY)'

test-full: test ## test, and what takes longer: stages alone, causes, faults of a run and of an upgrade
	@$(PYTEST) suites/lab -m full

ledger: $(READY) ## whether the installed Istio does what its kept ledger says: one cluster, two minutes
	@$(PYTEST) suites/ledger $(if $(ISTIO),--istio-version $(ISTIO)) $(ARGS)

lab: $(READY) ## build the lab and nothing else
	@$(PYTHON) -m lab build

bench: $(READY) ## the figures: warm and cold runs, noticing lag
	@$(PYTHON) -m suites.bench $(ARGS)

clean: $(READY) ## remove every cluster, network and engine that runs left behind, and the generated folders
	@$(PYTHON) -m lab clean
	rm -f reports/html/index.html reports/html/upgrade.html $(PHASES)
	@rmdir reports/html 2>/dev/null || true
	rm -rf reports/results reports/results-upgrade .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

pins: $(READY) ## resolve requirements.in into requirements.txt
	@$(PYTHON) -m venv $(VENV)/pins
	@$(VENV)/pins/bin/pip install --quiet pip-tools
	@$(VENV)/pins/bin/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --upgrade requirements.in
