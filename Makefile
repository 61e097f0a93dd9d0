# Everything starts here. Each target installs what it needs, once: `make demo` on a fresh machine is enough.
#
#   make demo     run the demo; arguments in ARGS, for instance ARGS="--port 8300 --pace 0"
#   make test     every test: Python with the newest and the oldest packages, JavaScript, Chromium
#   make check    ruff, mypy, import rules, Lua, eslint, vue-tsc
#   make chaos    servers, Redis and clients are broken by a seed, and what was seen is judged;
#                 ARGS="--seed 7 --seconds 120 --clients 300"
#   make fuzz     every way in is tried with what a seed draws; ARGS="--seed 7 --seconds 300"
#   make bench    what benchmarks/ measures; ARGS="--only abuse" attacks the server beside Node's
#   make dist     a wheel with all that the demo needs, in dist/
#   make clean    remove all that was made

PYTHON ?= python3
BIN := .venv/bin
OLDEST := .venv-oldest/bin
PIP := python -m pip --disable-pip-version-check install --quiet
SAY = @printf '\033[2m%s\033[0m\n'

FRONTEND := $(shell find frontend presence_progress/public/js presence_progress/demo/web \
	presence_progress/demo/pages -name node_modules -prune -o -type f -print 2>/dev/null)
STATIC := presence_progress/demo/static/.built

.PHONY: demo test test-python test-oldest test-javascript check check-python check-lua \
	check-javascript chaos fuzz bench build frontend dist clean

demo: .venv/demo $(STATIC)
	@exec $(BIN)/presence-progress demo $(ARGS)

# --- what is needed -----------------------------------------------------------------------------

.venv/bin/python:
	@tools/needs python $(PYTHON)
	$(SAY) "Making a Python environment in .venv …"
	@$(PYTHON) -m venv .venv

.venv/demo: pyproject.toml setup.py | .venv/bin/python
	$(SAY) "Installing Python packages …"
	@$(BIN)/$(PIP) --editable .
	@touch $@

.venv/develop: .venv/demo
	$(SAY) "Installing what tests and checks need …"
	@$(BIN)/$(PIP) --editable '.[test,check]'
	@touch $@

.venv/bench: .venv/develop
	$(SAY) "Installing what the benchmarks compare with …"
	@$(BIN)/$(PIP) --editable '.[bench]'
	@touch $@

# Frappe v15's own pins: the oldest packages that this one must live with.
.venv-oldest/develop: pyproject.toml setup.py tests/oldest.txt
	@tools/needs python $(PYTHON)
	$(SAY) "Making a Python environment with Frappe v15's packages in .venv-oldest …"
	@test -x $(OLDEST)/python || $(PYTHON) -m venv .venv-oldest
	@$(OLDEST)/$(PIP) --constraint tests/oldest.txt --editable '.[test]'
	@touch $@

frontend: frontend/node_modules/.installed

frontend/node_modules/.installed: frontend/package.json frontend/package-lock.json
	@tools/needs node
	$(SAY) "Installing JavaScript packages …"
	@cd frontend && npm ci --no-audit --no-fund --loglevel=error --update-notifier=false
	@touch $@

build: $(STATIC)

$(STATIC): frontend/node_modules/.installed $(FRONTEND)
	$(SAY) "Building the pages …"
	@cd frontend && npm run --silent build
	@touch $@

# --- tests --------------------------------------------------------------------------------------

# The two sets of packages side by side: most of a test's time is waiting.
test: test-javascript
	@$(MAKE) --no-print-directory -j2 test-oldest test-python

test-python: .venv/develop $(STATIC)
	@tools/needs chromium
	$(BIN)/python -m pytest $(ARGS)

# The browser shows the same whatever the packages: tests/e2e runs with the newest alone.
test-oldest: .venv-oldest/develop $(STATIC)
	$(OLDEST)/python -m pytest --ignore tests/e2e $(ARGS)

test-javascript: frontend
	cd frontend && npm run --silent test

# --- checks -------------------------------------------------------------------------------------

check: check-python check-lua check-javascript

check-python: .venv/develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-lua: .venv/develop
	@tools/needs luacheck
	$(BIN)/python tools/check_lua.py

check-javascript: frontend
	cd frontend && npm run --silent check

# --- the rest -----------------------------------------------------------------------------------

chaos: .venv/develop
	@$(BIN)/python -m tests.chaos $(ARGS)

fuzz: .venv/develop
	@$(BIN)/python -m tests.fuzz $(ARGS)

bench: .venv/bench frontend
ifeq (,$(findstring --only,$(ARGS)))
	$(BIN)/python -m benchmarks.track
	$(BIN)/python -m benchmarks.eta
	$(BIN)/python -m benchmarks.rooms
	$(BIN)/python -m benchmarks.large_rooms
endif
	$(BIN)/python -m benchmarks.realtime $(ARGS)

dist: .venv/develop $(STATIC)
	$(SAY) "Building the wheel …"
	@rm -rf dist build
	@$(BIN)/python -m build --wheel --outdir dist . >/dev/null
	@ls dist/*.whl

clean:
	rm -rf .venv .venv-oldest .cache build dist *.egg-info frontend/node_modules presence_progress/demo/static \
		presence_progress/public/esm
