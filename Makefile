# Each target sets up .venv when it has to. A machine with Python 3.11 and make is enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
# Processes that test at once.
JOBS ?= 2

.PHONY: run test test-all check bench bench-limits faults clean

run: $(VENV)/.installed
	$(VENV)/bin/python run.py
	$(VENV)/bin/python run.py --mode infer

# All at once, since collecting takes as long as many of the tests; then the few that nothing may run beside.
# A worker gets a stretch of the tests, so that most modules make their fixtures once.
test: NETS ?= $(shell .ci/nets)
test test-all: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n $(JOBS) --dist worksteal -m "not alone $(NETS)"
	$(VENV)/bin/python -m pytest -m alone $(shell grep -rl pytest.mark.alone tests --include='test_*.py')

test-all: NETS :=  # also those of timm's own nets, whatever has changed

check: $(VENV)/.installed-dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/.installed-bench  # 15 minutes; PODIUM_DATA=/path/to/photographs, else drawn images
	$(VENV)/bin/python -m benchmarks.all

bench-limits: $(VENV)/.installed-bench  # eight time limits from 1 to 6 minutes, and each run's inference: 35 minutes
	$(VENV)/bin/python -m benchmarks.all time_limit

faults: $(VENV)/.installed-dev  # kills, full disks, power cuts, damage: an hour of 2 cores
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
