# Works with GNU make 3.81 and newer. Everything is installed into .venv; `make help` lists the rest.

# Without bytecode every start of a Dagster run takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PYTHON ?=
ARGS ?=

# Says which part failed; pytest comes last, so that its summary is the last thing seen.
check = echo "== $(1)"; $(2) || { echo "make test: $(1) failed" >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help sync dev test bench constraints

help: ## Show this help.
	@echo 'make sync   mirror every CRM stream into PostgreSQL once (ARGS="--full" for options)'
	@echo 'make dev    Dagster UI, gateway and database until Ctrl-C'
	@echo 'make test   every check and test'
	@echo 'make bench  speed and memory beside a raw COPY (ARGS="--contacts 600000" for options)'
	@echo 'Other commands: .venv/bin/crm-pipelines --help'

sync: ## Mirror every stream once.
	@PYTHON="$(PYTHON)" sh tools/prepare.sh run
	@$(BIN)/crm-pipelines sync $(ARGS)

dev: ## The long-running system, until Ctrl-C.
	@PYTHON="$(PYTHON)" sh tools/prepare.sh run
	@$(BIN)/crm-pipelines dev $(ARGS)

test: ## Every check and test.
	@PYTHON="$(PYTHON)" sh tools/prepare.sh dev
	@$(call check,ruff check,$(BIN)/ruff check --quiet .)
	@$(call check,ruff format --check,$(BIN)/ruff format --check --quiet .)
	@$(call check,mypy,$(BIN)/mypy --no-error-summary)
	@$(call check,lint-imports,$(BIN)/lint-imports --no-cache)
	@$(call check,pytest,$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS))

bench: ## Speed and memory of the mirror.
	@PYTHON="$(PYTHON)" sh tools/prepare.sh bench
	@$(BIN)/python -m crm_pipelines_tests.benchmarks $(ARGS)

constraints: ## Newest versions of everything, as pins.
	@PYTHON="$(PYTHON)" sh tools/prepare.sh bench
	@$(BIN)/python -m pip install --quiet --upgrade --upgrade-strategy eager -e '.[dev,bench]'
	@{ head -2 constraints.txt; $(BIN)/python -m pip freeze --exclude-editable; } > constraints.new
	@mv constraints.new constraints.txt
