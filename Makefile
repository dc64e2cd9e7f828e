# Everything is set up by the targets that need it. `make run` and `make test` work in a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SPARK_STAMP := $(VENV)/.spark

.PHONY: install run test test-slow lint format bench bench-crash bench-peers docs pictures verify-pyz clean lock

install: $(STAMP)

$(STAMP): requirements/lock.txt pyproject.toml
	@$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing the locked packages into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(STAMP)
	$(BIN)/affidavit run --demo

test: $(STAMP)
	$(BIN)/coverage erase
	COVERAGE_FILE=$(CURDIR)/.coverage COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml $(BIN)/coverage run -m pytest -m "not slow" -n 2 --dist loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --show-missing --fail-under=85

# Sail, Spark and pyiceberg: heavy, for the slow tier only. What the main lock pins stays as it is.
$(SPARK_STAMP): requirements/spark.txt $(STAMP)
	@echo "Installing Sail, Spark and pyiceberg into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/spark.txt
	@touch $@

test-slow: $(STAMP) $(SPARK_STAMP)
	$(BIN)/python -m pytest -m slow --timeout=1500 -n 2 --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/interrogate --quiet
	$(BIN)/codespell src tests docs bench README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md
	$(BIN)/deptry src
	$(BIN)/vulture

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python -m bench

bench-crash: $(STAMP)
	$(BIN)/python -m bench.crash --kills 200

docs: $(STAMP)
	$(BIN)/python -m tests.test_docs

bench-peers:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet prowler
	$(PYTHON) -m venv .venv-detectors
	.venv-detectors/bin/python -m pip install --quiet presidio-analyzer
	.venv-detectors/bin/python -m pip install --quiet --no-deps presidio-evaluator pyrit garak

pictures: $(STAMP)
	$(BIN)/python -m bench.pictures

verify-pyz: $(STAMP)
	$(BIN)/python -m affidavit.report.pyz dist/affidavit-verify.pyz

lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra demo --extra postgres --group dev pyproject.toml -o requirements/lock.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements/lock.txt requirements/spark.in -o requirements/spark.txt

clean:
	rm -rf $(VENV) build dist .coverage* .mypy_cache .ruff_cache .pytest_cache
