# Each target sets up .venv when it has to. A machine with Python 3.11 and make is enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv

.PHONY: run test check bench faults clean

run: $(VENV)/.installed
	$(VENV)/bin/python run.py
	$(VENV)/bin/python run.py --mode infer

test: $(VENV)/.installed-dev
	$(VENV)/bin/python -m pytest -n 2 -m "not slow"
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist loadfile -m "slow and not alone"
	$(VENV)/bin/python -m pytest -m "slow and alone"

check: $(VENV)/.installed-dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/.installed-bench  # 15 minutes; PODIUM_DATA=/path/to/photographs, else drawn images
	$(VENV)/bin/python -m benchmarks.all

faults: $(VENV)/.installed-dev  # kills, full disks, power cuts, damage: 40 minutes of 2 cores
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m tests.faults --document docs/reliability.md $(FAULTS)

clean:  # everything that can be made again; runs/ stays
	rm -rf $(VENV) .cache data/demo

$(VENV)/.installed: requirements.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -q -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(VENV)/bin/python -m pip install -q -r requirements-dev.txt
	touch $@

$(VENV)/.installed-bench: requirements-bench.txt $(VENV)/.installed
	$(VENV)/bin/python -m pip install -q -r requirements-bench.txt
	touch $@
