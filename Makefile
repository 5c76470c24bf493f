# kubewin.hostprocess. The two commands to know: `make demo` and `make test`.
SYSTEM_PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
CORE ?= 2.19
VENV = build/core-$(CORE)/venv
PYTHON = $(VENV)/bin/python
export ANSIBLE_COLLECTIONS_PATH = $(CURDIR)/build/core-$(CORE)/collections
export PYTHONPATH = $(CURDIR)/tests:$(CURDIR)/build/core-$(CORE)/collections
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help environment demo test lint unit bench differential oracle matrix molecule clean

help:
	@echo "make demo          three bare Windows nodes to HostProcess pods and a report, for real (first time: about 15 minutes)"
	@echo "make test          everything this project can test"
	@echo "make lint          format, style, ansible-lint, ansible-test sanity"
	@echo "make bench         the numbers in README"
	@echo "make differential  the HostProcess rules against real API servers, at length"
	@echo "make oracle        ask Kubernetes' and hcsshim's own functions for tests/oracle/limits.json again"
	@echo "make molecule      every molecule scenario of extensions/molecule on the laboratory"
	@echo "make matrix        every supported containerd line and kubelet as judge of what we write"
	@echo "make clean         remove build/ (the cache of built binaries outside the tree stays)"

environment:
	@test -n "$(SYSTEM_PYTHON)" || { echo "Python 3.11 or newer is needed and none was found (python3.11, python3.12, python3.13, python3)."; exit 2; }
	@$(SYSTEM_PYTHON) tests/tools/bootstrap.py --core $(CORE)

demo: environment
	@exec $(PYTHON) -m demo

test: environment
	@-$(SYSTEM_PYTHON) tests/tools/bootstrap.py --core 2.21 --no-system-packages
	@exec $(PYTHON) tests/tools/run_tests.py

lint: environment
	@exec $(PYTHON) tests/tools/run_tests.py --only lint

unit: environment
	@exec $(PYTHON) tests/tools/run_tests.py --only unit

bench: environment
	@exec $(PYTHON) tests/bench/bench.py

differential: environment
	@exec $(PYTHON) -m differential

oracle: environment
	@exec $(PYTHON) tests/oracle/generate.py

matrix: environment
	@exec $(PYTHON) -m engines

molecule: environment
	@SCENARIOS=all exec $(PYTHON) tests/tools/run_tests.py --only molecule

clean:
	rm -rf build
