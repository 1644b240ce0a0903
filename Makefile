# LLM Memory. `make run` and `make test` need nothing before them but git, make and Python 3.10 or newer.

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
# Files of tests run beside each other, as many as there are cores; more than four only get in each other's way.
# Tests of what is known of other programs see every program of the machine, and those of other tests see theirs.
ALONE := tests/neighbours
AT_ONCE := --numprocesses logical --maxprocesses 4 --dist loadfile

.PHONY: run test check setup setup-for-tests translations demo-model test-models screenshots clean

run: setup translations demo-model ## Open the window, after setting up whatever is missing
	@$(BIN)/llmmem-gui $(ARGS)

test: setup-for-tests translations test-models ## Run all tests and say what they cover; ARGS="-k units" runs some
ifeq ($(ARGS),)
	@rm -rf build/coverage && mkdir -p build/coverage
	@$(BIN)/python -m coverage run -m pytest $(AT_ONCE) --ignore $(ALONE)
	@$(BIN)/python -m coverage run -m pytest $(ALONE)
	@$(BIN)/python packaging/coverage_by_folder.py
else
	@$(BIN)/python -m pytest $(ARGS)
endif

check: setup-for-tests ## Style, types and import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

setup: ## Make the environment in .venv, nothing else
	@$(PYTHON) packaging/set_up.py

setup-for-tests:
	@$(PYTHON) packaging/set_up.py --tests

translations: setup ## Compile the texts of the window that changed
	@$(BIN)/python packaging/translations.py compile

demo-model: setup ## Fetch the model to try the program with
	@$(BIN)/python -m llmmem_gui.service.demo_model

test-models: setup ## Fetch the two models that the tests use into .models
	@$(BIN)/python -m llmmem_gui.service.demo_model --for-tests --to .models

screenshots: setup-for-tests translations test-models ## Make the pictures of the README anew
	@$(BIN)/python docs/screenshots.py

clean: ## Remove everything that was made here, models included
	rm -rf .venv .models build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
