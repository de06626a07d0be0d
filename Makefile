# Two commands are enough: `make demo` and `make test`. Both build .venv once from the committed, hash-locked
# requirements (with uv when it is there, else with pip), and again only when the lock or pyproject.toml changes.

# Two more than two cores, because many tests wait for a server or a deadline.
WORKERS ?= 4
# The interpreter to build .venv with, where the newest one is not wanted: make test PYTHON=/usr/bin/python3
PYTHON ?=
ENOUGH := import sys, venv; sys.exit(sys.version_info < (3, 11))
LOCKED := .venv/.locked-$(shell cat requirements/dev.txt pyproject.toml | cksum | cut -d ' ' -f 1)
PYTEST := .venv/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# What failed on two busy cores is run once more, alone, and counts only if it fails again: servers and deadlines are real.
# A run that broke off (any other exit status than 1) proves nothing and is not saved by that.
ALONE = [ $$? -eq 1 ] && .venv/bin/python -m pytest --last-failed --last-failed-no-failures none
# The loop while one works: no PostgreSQL, no Prefect, no command line, no reliability, nothing slow. make test leaves
# out nothing.
QUICK := -m "not slow" -k "not postgresql" $(addprefix --ignore=tests/,console flows reliability served)
# Half of the code that is installed. What a process imports of it all the same is compiled then, and kept.
HARDLY_IMPORTED := apprise|cfnlint|dateparser|docker|graphql|lexers|moto|mpmath|mypy|mypyc|networkx|oauthlib|pip|pkg_resources|rich_rst|ruamel|setuptools|stdnum|sympy|tests|typeshed
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

# Containers often forbid bytecode. Then every process that a test starts compiles the project anew.
unexport PYTHONDONTWRITEBYTECODE
# A traceback names lines, not columns within them. Every import is shorter by a twentieth for it.
export PYTHONNODEBUGRANGES := 1
# Nobody does algebra here, and the idle threads of numpy's library spin for a while in every process.
export OPENBLAS_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help demo test check lint bench lock clean venv

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(LOCKED) ## import a manifest and activate its SIMs at a simulated carrier on this machine
	.venv/bin/simline demo

test: $(LOCKED) ## run every test, the slow ones too
	$(PYTEST) || { $(ALONE); }

# `make check test` runs no test twice: the quick ones are among all of them.
check: lint ## look at style, types and layers, then run the quick tests
ifeq ($(filter test,$(MAKECMDGOALS)),)
	$(PYTEST) $(QUICK) || { $(ALONE) $(QUICK); }
endif

lint: $(LOCKED) ## look at style, types and layers
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: $(LOCKED) ## measure speed and memory against references
	.venv/bin/python -m benchmarks

lock: ## pin the dependencies anew after pyproject.toml changed (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv. Install it, then run again." >&2; exit 1; }
	$(COMPILE) pyproject.toml --output-file requirements/run.txt
	$(COMPILE) pyproject.toml --extra dev --output-file requirements/dev.txt

clean: ## remove what these commands made (.venv, caches, demo-run); never a database or a manifest
	rm -rf .venv demo-run build dist node_modules .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv: $(LOCKED) ## build .venv and nothing else

$(LOCKED):
	@rm -f .venv/.locked-*; \
	if ! .venv/bin/python -c '$(ENOUGH)' 2>/dev/null; then \
		for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
			if $$python -c '$(ENOUGH)' 2>/dev/null; then break; fi; python=; \
		done; \
		if [ -z "$$python" ]; then \
			echo "simline needs Python 3.11 or newer with its venv module. Install one, then run make again." >&2; exit 1; \
		fi; \
		echo "Building .venv with $$python"; \
		if command -v uv >/dev/null; then uv venv --quiet --clear --python "$$(command -v $$python)" .venv; \
		else $$python -m venv --clear .venv; fi || { \
			echo "$$python could not make .venv. On Debian: apt install python3-venv. Then run make again." >&2; exit 1; \
		}; \
	fi
	@if command -v uv >/dev/null; then \
		uv pip sync --quiet --require-hashes --python .venv/bin/python requirements/dev.txt && \
		uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .; \
	else \
		.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements/dev.txt && \
		.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .; \
	fi
	@.venv/bin/python -m compileall -qq -j 0 -x '/($(HARDLY_IMPORTED))/' .venv/lib || true
	@touch $@
