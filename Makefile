# Each target works on a fresh machine. `make run` builds the lab, runs the article's stages on it and makes the report.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Python keeps its compiled modules: without them, each start of the suite takes a second longer.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
PYTHON := $(VENV)/bin/python
PYTEST := $(PYTHON) -m pytest
COMMAND := $(VENV)/bin/istio-conformance
READY := $(VENV)/.ready
CODE := conftest.py fixtures lab reports suites
# `make test` writes each finished phase here, so that .ci/run can name the missing ones.
PHASES := reports/phases

.PHONY: help check selftests-mrstu selftests-others lint run test test-full test-installers bench clean pins

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

$(READY): requirements.txt pyproject.toml
	@.ci/venv $(VENV)
	@touch $@

check: $(READY) ## check format, lint, types, layers, YAML, workflows and selftests; no cluster, under a minute
	@$(MAKE) -j3 --output-sync=target selftests-mrstu selftests-others lint

# Two halves that take about the same time, so that two cores run them side by side.
selftests-mrstu: $(READY)
	@$(PYTEST) suites/selftest/test_[mrstu]*.py --distribution lab -m 'not lab and not slow' --quiet

selftests-others: $(READY)
	@$(PYTEST) suites/selftest --ignore-glob='*/test_[mrstu]*.py' --distribution lab -m 'not lab and not slow' --quiet

lint: $(READY)
	@$(PYTHON) -m ruff format --check --quiet $(CODE)
	@$(PYTHON) -m ruff check --quiet $(CODE)
	@$(PYTHON) -m mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(PYTHON) -m yamllint --strict .github manifests suites
	@.ci/actionlint
	@.ci/shellcheck
	@$(PYTEST) suites/article suites/ledger --distribution lab --collect-only --quiet
	@$(PYTEST) suites/article --distribution lab --setup-plan --quiet
	@$(PYTEST) suites/upgrade --distribution lab --setup-plan --quiet
	@$(PYTEST) suites/lab --distribution lab --setup-plan --quiet

run: $(READY) ## run the article's stages and make the report; DISTRIBUTION=upstream or lab names the source
	@$(COMMAND) run $(if $(DISTRIBUTION),--distribution $(DISTRIBUTION))

# This upgrade tests the suite, and other work on the machine makes latencies, lag and fewer requests, so it accepts these.
# It accepts no failed request. While istiod 1.31 replaces istiod 1.30 in place, new pods are refused: docs/findings.md.
BUSY := --exempt latency-p50 --exempt latency-p99 --exempt lag --exempt load --exempt silence --exempt requests \
  --budget latency-p50=5 --budget latency-p99=20 --budget missed-injections=20 --budget refused-injections=30

test: ## check, slow selftests and run, then the lab's tests on a real engine and an upgrade in quick mode; CI runs this
	@rm -f $(PHASES)
	@$(MAKE) check
	@$(PYTEST) suites/selftest --distribution lab -m slow --quiet
	@echo check >> $(PHASES)
	@$(MAKE) run DISTRIBUTION=lab
	@echo stages >> $(PHASES)
	@$(PYTEST) suites/lab --distribution lab -m 'not full and not matrix'
	@echo promises >> $(PHASES)
	@$(COMMAND) upgrade --distribution lab $(BUSY)
	@echo upgrade >> $(PHASES)

test-installers: ## the article by each installer with each profile and a revision
	@$(PYTEST) suites/lab/test_installers.py --distribution lab

test-full: test ## test, plus the slow tests: single stages, causes, faults of runs and upgrades
	@$(PYTEST) suites/lab --distribution lab -m full

bench: $(READY) ## measure warm runs and noticing lag; `istio-conformance bench --help` lists the others
	@$(COMMAND) bench

clean: $(READY) ## remove leftover clusters, networks and engines, and the generated folders
	@$(COMMAND) lab clean
	@$(COMMAND) clean
	rm -f reports/html/index.html reports/html/upgrade.html $(PHASES)
	@rmdir reports/html 2>/dev/null || true
	rm -rf reports/results reports/results-upgrade .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

pins: $(READY) ## resolve requirements.in into requirements.txt
	@$(PYTHON) -m venv $(VENV)/pins
	@$(VENV)/pins/bin/pip install --quiet pip-tools
	@$(VENV)/pins/bin/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --upgrade requirements.in
