# Paribus. `make help` lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# 2 workers: each test process may hold a torch and a service
WORKERS ?= 2

# threads of a small decomposition wait for one another on busy cores (docs/decisions/0015)
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help install demo test test-deps test-all check format docs bench bench-answers bench-curves bench-upstream up clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.ready ## set up the virtual environment

# torch first and pinned: anything else that asks for it then finds it there
$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Paribus needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt torch
	$(BIN)/pip install --quiet -c constraints.txt -e '.[service,agent,figures,offline,dev]'
	@touch $@

demo: install ## the main job from end to end: serve, launch, two agents, best run per factor
	$(BIN)/python scripts/demo.py

test: install ## the fast suite
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

test-deps: install ## what some tests need beside: Chromium, other wandb clients, Lightning
	scripts/install-chromium.sh
	scripts/install-old-wandb.sh
	scripts/install-wandb-sweeps.sh
	scripts/install-lightning.sh

test-all: install ## every test, the slow ones too
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: install ## format, lint, types, import contracts, generated files, coverage; in the order of speed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python scripts/write_docs.py --check
	$(BIN)/mypy
	$(BIN)/coverage run -m pytest -q tests/sweeps
	$(BIN)/coverage report --fail-under=100

format: install ## bring the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: install ## write the generated reference pages and schemas anew
	$(BIN)/python scripts/write_docs.py

bench: install ## the service beside MLflow and a bare server, in one run
	@[ -x .venv-mlflow/bin/python ] || { $(PYTHON) -m venv .venv-mlflow && .venv-mlflow/bin/pip install --quiet mlflow; }
	$(BIN)/python benchmarks/service/run.py

bench-answers: install ## answers over very many runs beside statsmodels, and what intervals cover
	@[ -x .venv-statsmodels/bin/python ] || { $(PYTHON) -m venv .venv-statsmodels && .venv-statsmodels/bin/pip install --quiet statsmodels; }
	$(BIN)/python benchmarks/answers/run.py
	$(BIN)/python benchmarks/coverage/run.py

bench-curves: install ## rules over runs whose truth is known, and curves of many runs beside MLflow and Trackio
	@[ -x .venv-mlflow/bin/python ] || { $(PYTHON) -m venv .venv-mlflow && .venv-mlflow/bin/pip install --quiet mlflow; }
	@[ -x .venv-trackio/bin/python ] || { $(PYTHON) -m venv .venv-trackio && .venv-trackio/bin/pip install --quiet trackio; }
	$(BIN)/python -m benchmarks.findings.run
	$(BIN)/python -m benchmarks.curves.run

bench-upstream: install ## an import of 2,000 runs from a second Paribus, of 50,000 from memory, and their use
	$(BIN)/python -m benchmarks.upstream.run
	@rm -rf .bench-upstream
	$(BIN)/python -m benchmarks.upstream.run --fake --runs 50000 --data-dir .bench-upstream
	$(BIN)/python -m benchmarks.upstream.using .bench-upstream
	$(BIN)/python -m benchmarks.upstream.beside
	$(BIN)/python -m benchmarks.upstream.killed
	@rm -rf .bench-upstream

up: install ## the service on this machine, for development
	$(BIN)/paribus serve --dev

clean: ## remove what the demo and the tools left
	rm -rf .demo .bench-upstream .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage
