# `make` creates .venv: with uv if uv is installed, otherwise with python3 -m venv and pip.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# The number of histories of `make exactness`, and the seed of the first one.
HISTORIES ?= 10000
SEED ?= 1
SUPERSET := .venv-superset
SPARK := .venv-spark

.PHONY: help install client demo test check up nightly superset test-superset reference exactness faults fuzz bench cluster test-cluster \
	lock env-example clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Footfall needs Python 3.11 to 3.13: make PYTHON=python3.12 …" >&2; exit 2; }
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --clear --python $(PYTHON) $(VENV) \
		&& uv pip install --quiet --python $(RUN) --require-hashes -r requirements.lock \
		&& uv pip install --quiet --python $(RUN) --no-deps --no-build-isolation -e .; \
	else \
		$(PYTHON) -m venv --clear $(VENV) || { echo "python3 -m venv is missing: apt install python3-venv" >&2; exit 2; } \
		&& $(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock \
		&& $(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $@

install: $(VENV)/.installed ## install everything into .venv

client: install ## the client's wheel, into dist/: for products that are not in this checkout
	@$(RUN) -m hatchling build --target wheel -d dist

demo: install ## run a synthetic product's first weeks and print the answers
	$(RUN) -m demo

# Two processes: most of the long tests wait for a dbt or a Dagster that uses one core.
test: install ## all tests of CI except the reference run
	$(RUN) -m pytest -n 2 --dist worksteal --durations 10

check: install ## ruff, mypy, import-linter, sqlfluff, dbt parse, dagster definitions validate
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo --no-cache
	$(VENV)/bin/sqlfluff lint --processes 2 --disable-progress-bar dbt_project
	FOOTFALL_HOME=$$(mktemp -d) sh -ec '$(RUN) -m orchestration prepare; \
		DAGSTER_HOME=$$FOOTFALL_HOME/dagster $(VENV)/bin/python -m dagster definitions validate -w workspace.yaml; \
		rm -r "$$FOOTFALL_HOME"'

up: install ## collector on :8080, Dagster's UI on :3000 and the explorer on :3001, until Ctrl-C
	@$(RUN) -m orchestration up

# Superset's Python packages are others than ours, so it has a virtual environment of its own.
$(SUPERSET)/.installed: bi/superset/requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' \
		|| { echo "Superset needs Python 3.11 or 3.12: make superset PYTHON=python3.12" >&2; exit 2; }
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --clear --python $(PYTHON) $(SUPERSET) \
		&& uv pip install --quiet --python $(SUPERSET)/bin/python --require-hashes -r $<; \
	else \
		$(PYTHON) -m venv --clear $(SUPERSET) \
		&& $(SUPERSET)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<; \
	fi
	@touch $@

superset: install $(SUPERSET)/.installed ## Apache Superset with dashboards of the published file on :8088, until Ctrl-C
	@$(RUN) -m bi.superset.start

test-superset: install $(SUPERSET)/.installed ## Superset's charts, through its API, while a nightly job publishes
	$(RUN) -m pytest -s -m superset tests/bi

nightly: install ## the nightly job once, without a UI
	@$(RUN) -m orchestration nightly

reference: install ## send real data through client, collector and nightly job; compare with published answers
	$(RUN) -m pytest -m reference tests/reference

exactness: install ## ten thousand random histories: increments = full refresh = oracle
	$(RUN) -m pytest -s -m exactness tests/transformation/test_definition.py tests/test_models_agree_with_oracle.py \
		tests/test_semantic_layer.py --histories $(HISTORIES) --first-seed $(SEED)

faults: install ## a thousand kills, power cuts, disk faults and clock steps: nothing acknowledged is lost
	$(RUN) -m pytest -s tests/faults --rounds 1000 -m "crashes or not crashes"
	$(RUN) -m pytest -s tests/orchestration -m crashes

fuzz: install ## ten thousand hostile requests and fifty thousand unusual events: nothing stops
	$(RUN) -m pytest -s tests/fuzz --requests 10000 --events 50000

bench: install ## the benchmarks, with other tools beside ours
	$(RUN) -m benchmarks


# Spark and what talks to it. The jar with Iceberg is in a wheel whose own requirements nobody needs.
$(SPARK)/.installed: cluster/requirements.lock pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --clear --python $(PYTHON) $(SPARK) \
		&& uv pip install --quiet --python $(SPARK)/bin/python --require-hashes -r cluster/requirements.lock \
		&& uv pip install --quiet --python $(SPARK)/bin/python --no-deps jsoniq==3.0.2 \
		&& uv pip install --quiet --python $(SPARK)/bin/python --no-deps --no-build-isolation -e .; \
	else \
		$(PYTHON) -m venv --clear $(SPARK) \
		&& $(SPARK)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r cluster/requirements.lock \
		&& $(SPARK)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps jsoniq==3.0.2 \
		&& $(SPARK)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $@

cluster: $(SPARK)/.installed ## Spark, Iceberg and PostgreSQL on this machine, until Ctrl-C: docs/scale.md
	$(SPARK)/bin/python -m cluster up

test-cluster: $(SPARK)/.installed ## the tests that need Spark; apt: postgresql libpostgresql-jdbc-java openjdk-17-jre-headless
	$(SPARK)/bin/python -m pytest -s -m cluster tests/cluster


LOCK := uv pip compile --quiet --universal --generate-hashes --no-strip-extras --python-version 3.11 \
	--no-emit-package footfall --custom-compile-command "make lock"

lock: ## write the lock files again from pyproject.toml and bi/superset/requirements.in (needs uv)
	$(LOCK) --extra collector --extra warehouse --extra explorer --extra agents --extra metrics --extra s3 --extra dev --extra sdks \
		--output-file requirements.lock pyproject.toml
	$(LOCK) --extra collector --extra warehouse --extra explorer --extra s3 --constraints requirements.lock \
		--output-file deploy/requirements.lock pyproject.toml
	$(LOCK) --output-file bi/superset/requirements.lock bi/superset/requirements.in
	$(LOCK) --extra collector --extra warehouse --extra explorer --extra dev --extra spark --constraints requirements.lock \
		--output-file cluster/requirements.lock pyproject.toml cluster/requirements.in

env-example: install ## write .env.example again from Settings
	$(RUN) -m orchestration.env_example > .env.example

clean: ## remove .venv and caches, never data
	rm -rf $(VENV) $(SUPERSET) $(SPARK) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
