# The commands of this repository. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run test trials lint bench lock

VENV ?= .venv
BIN := $(VENV)/bin
export VENV
# Many programs start from this checkout: whoever compiled a module first saves all others that.
export PYTHONDONTWRITEBYTECODE :=

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start everything with demo data; Ctrl-C stops it (PORT, DATABASE_URL, REDIS_URL are honored)
	@.ci/install base
	@exec $(BIN)/python manage.py up

test: ## Run all tests but the long trials
	@.ci/install dev
	@.ci/system
	@$(BIN)/python -m pytest -n 2 --no-loadscope-reorder -m "not trial" $(ARGS)

trials: ## Run the long trials: chaos, races, load
	@.ci/install dev
	@.ci/system
	@$(BIN)/python -m pytest -n 2 --no-loadscope-reorder -m trial $(ARGS)

lint: ## Check style, types, layers, templates and migrations
	@.ci/install dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	find templates -name '*.html' -exec $(BIN)/djade --check --target-version 5.2 {} +
	$(BIN)/python manage.py check --settings config.settings.test
	$(BIN)/python -W ignore manage.py makemigrations --check --dry-run --settings config.settings.test

bench: ## Measure everything and print the tables of docs/performance.md (with ARGS: lists and the gate only)
	@.ci/install dev
	@.ci/system
	@$(BIN)/python -m bench $(ARGS)
	@[ -n "$(ARGS)" ] || for one in webhooks analytics_ingest analytics_charts; do $(BIN)/python -m bench.$$one || exit 1; done

lock: ## Compile requirements/*.in into pinned and hashed *.txt (needs uv)
	cd requirements && for set in base dev production; do \
		uv pip compile --quiet --universal --python-version 3.11 --no-strip-extras --generate-hashes $$set.in -o $$set.txt || exit 1; \
	done
