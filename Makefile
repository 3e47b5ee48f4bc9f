# Two commands: `make run` starts a demo county, `make test` proves the whole thing.
# What they need is made by tools/prepare.py; docs/operations.md says how long it takes.
.DEFAULT_GOAL := help
.PHONY: help run install test lint fmt web bench soak clean prepare-dev

BIN := .venv/bin
PREPARE = python=$$(sh tools/python.sh) && "$$python" tools/prepare.py
# Tests run on several processes, which mostly wait for modems, browsers and databases; their order
# (tests/services/order.py) keeps all of them busy to the end.
WORKERS ?= 3

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

run: ## Start the demo county: installs, builds, seeds, prints addresses and logins
	@$(PREPARE) run pages
	@exec $(BIN)/python server.py demo $(ARGS)

install: ## Make the environment and the pages for a real installation; start nothing
	@$(PREPARE) run pages

test: ## Run every check and test, with real Redis, PostgreSQL and Chromium
	@$(PREPARE) dev services pages
	@exec $(BIN)/pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder $(ARGS)

lint: prepare-dev ## Format, lint, types, import contracts; types and tests of the pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(PREPARE) npm typecheck
	@$(PREPARE) npm test

fmt: prepare-dev ## Format the Python code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

web: ## Build the pages into web/static
	@$(PREPARE) pages

bench: prepare-dev ## Run the benchmarks of bench/ in full (ARGS="name …" picks some)
	$(BIN)/python -m bench $(ARGS)

soak: prepare-dev ## Run the long trials: a meeting of four hours in half of one, then SMS killed 200 times
	$(BIN)/python -m bench bridge_soak $(ARGS)
	$(BIN)/python -m bench soak $(ARGS)

clean: ## Remove what was made (not var/, which holds the demo's data)
	rm -rf .venv .node .stamps web/node_modules web/static conf/media/*.so dist htmlcov .coverage
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

prepare-dev:
	@$(PREPARE) dev
