# A fresh machine needs Python 3.11 or newer, pip and make. Everything else lands in .venv.
#   make demo PYTHON=python3.12 ARGS="--quick"      make test JOBS=4 ARGS="tests/run -x"
PYTHON ?= python3
JOBS ?= 2
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# The test installation contains the demo's: once it is there, the demo installs nothing.
FOR_DEMO := $(if $(wildcard $(VENV)/.installed-test),$(VENV)/.installed-test,$(VENV)/.installed-demo)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo install test lint format clean distclean

help:
	@echo "make demo       install and run the demonstration (ARGS=... are its options)"
	@echo "make test       install with everything the tests need and run them"
	@echo "make install    only install, with everything the tests need"
	@echo "make lint       ruff and pyright"
	@echo "make format     let ruff format the code"
	@echo "make clean      remove caches and build products; distclean removes .venv as well"

demo: $(FOR_DEMO)
	$(BIN)/jaxsci demo $(ARGS)

install: $(VENV)/.installed-test

test: install
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build dist .pytest_cache .ruff_cache
	find . -name $(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)

# Installed again only when pyproject.toml changes; the code itself is installed editable.
$(VENV)/.installed-demo: pyproject.toml | $(VENV)/.created
	$(BIN)/python -m pip install --quiet --editable ".[plot]"
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/.created
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	@touch $@

$(VENV)/.created:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "jaxsci needs Python 3.11 or newer. Name one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@
