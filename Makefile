# The one door for people: `make help`. The logic is in scripts under tests/.
SHELL := /bin/bash
.DEFAULT_GOAL := help

export HOME := $(or $(HOME),$(shell getent passwd "$$(id -u)" | cut -d: -f6))
export SCALEOUT_CACHE := $(abspath $(or $(SCALEOUT_CACHE),$(HOME)/.cache/scaleout-nova))
export PYTHON ?= python3
export LC_ALL := C.UTF-8
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/build/collections
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

export INVENTORY ?= inventories/lab

.PHONY: help demo report lab clean setup test lint unit sanity integration conformance molecule bench build tables

help: ## say what there is
	@awk -F ':[^#]*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: lab ## from a fresh Debian machine to a cloud that boots guests, in containers
	@tests/tools/demo.sh

report: ## what an example cloud of 300 hosts can still hold, as a table and as a page
	@tests/tools/setup.sh control
	@tests/tools/report.sh

lab: ## blank Debian 13 hosts for the playbooks, in containers
	@tests/tools/setup.sh control lab
	@python tests/lab/lab.py up --inventory "$(INVENTORY)"

clean: ## remove the lab, the venv and everything built
	@tests/tools/clean.sh

setup: ## install what the tests need (every target does it by itself)
	@tests/tools/setup.sh test

test: setup ## all the tests, the cheap ones first
	@python tests/tools/run_layers.py lint unit build sanity integration conformance molecule

lint: setup ## ansible-lint, ruff, mypy, documentation, role tables
	@tests/tools/lint.sh

tables: setup ## write the tables in roles/*/README.md from the argument specs
	@python tests/tools/readme_tables.py

unit: setup ## the Python parts by themselves
	@tests/tools/pytest.sh tests/unit --numprocesses auto --dist loadfile

build: setup ## build the collection, check it as Galaxy does, install it elsewhere and use it
	@python tests/tools/build.py

sanity: setup ## ansible-test sanity, without containers
	@python tests/tools/sanity.py

integration: setup ## modules against real services on loopback
	@tests/tools/pytest.sh tests/integration --numprocesses auto --dist loadfile

conformance: setup ## the capacity engine against a real Placement (CASES=2000 SEED=1)
	@python tests/conformance/run.py --cases $(or $(CASES),2000) --seed $(or $(SEED),1)

molecule: ## the roles on real hosts in containers
	@tests/tools/setup.sh test lab
	@tests/tools/molecule.sh

bench: ## measure a deployment (see docs/benchmarks.md)
	@tests/tools/setup.sh control lab
	@python tests/bench/bench.py
