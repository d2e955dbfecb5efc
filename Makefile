.PHONY: demo test lint bench chaos dist image-check lock clean

# The command is started hundreds of times: its bytecode is kept, as that of an installed one is.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
LOCAL := .tools/dynamodb_local
PYTHON ?= python3
# Tests wait for servers and clocks longer than they compute.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) * 3)')

# The main job on embedded servers: nothing else has to run.
demo:
	@echo "demo: installs this package and moto, a stand-in for AWS, into $(VENV) (once, about a minute; removed by make clean)"
	@$(MAKE) --no-print-directory $(VENV)/.demo
	$(BIN)/alternator-migrate demo

# Every test; those over DynamoDB Local need Java 17, and mvn (Maven) to fetch it once.
test:
	@echo "test: needs Python 3.11+, Java 17 ($$(command -v java || echo missing)) and, to fetch DynamoDB Local once, mvn ($$(command -v mvn || echo missing)); installs into $(VENV)"
	@echo "      10 to 14 minutes on two cores, by the machine; tests that lack a program say so and are skipped"
	@$(MAKE) --no-print-directory $(VENV)/.dev dynamodb-local
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The figures of speed and memory, as ratios within one run.
bench: $(VENV)/.dev dynamodb-local
	$(BIN)/python -m tests.bench $(BENCH_ARGS)

# The long form of the fault suite; `python -m tests.chaos --follow --seed 7` replays one schedule.
chaos: $(VENV)/.dev dynamodb-local
	$(BIN)/python -m tests.chaos --seeds 200 --jobs 2 $(CHAOS_ARGS)
	$(BIN)/python -m tests.chaos --follow --seeds 100 --jobs 2 $(CHAOS_ARGS)
	$(BIN)/python -m tests.chaos --tables --seeds 100 --jobs 2 $(CHAOS_ARGS)
	$(BIN)/python -m tests.chaos --exports --seeds 50 --jobs 2 $(CHAOS_ARGS)
	$(BIN)/python -m tests.chaos --follow --exports --seeds 50 --jobs 2 $(CHAOS_ARGS)

# A missing mvn is told, and the tests that need DynamoDB Local then say that they were skipped.
.PHONY: dynamodb-local
dynamodb-local: $(VENV)/.dev
	@if [ -z "$$DYNAMODB_LOCAL_HOME" ]; then \
	  $(BIN)/python tests/fetch_dynamodb_local.py $(LOCAL) || [ -z "$$CI" ]; fi

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	touch $@

$(VENV)/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/.demo

# A wheel and an sdist with the man pages, checked as a registry checks them.
dist: $(VENV)/.dist
	rm -rf dist build .man
	$(BIN)/python -m tests.readme.man .man
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*

$(VENV)/.dist: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . build click-man twine
	touch $@

# The image, built by buildah without an engine, and its command started in it; as root.
image-check:
	sh tests/build_image.sh

# The image's dependencies, by version and hash: compose/requirements.lock.
lock: $(VENV)/.lock
	printf 'setuptools>=77\nwheel\n' >$(VENV)/build.in
	$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --universal --generate-hashes --no-header \
	  --no-annotate --extra dask --extra metrics --extra ion pyproject.toml $(VENV)/build.in \
	  --output-file compose/requirements.lock

$(VENV)/.lock:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	touch $@

clean:
	rm -rf $(VENV) .tools .man build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
