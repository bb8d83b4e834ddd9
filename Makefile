# Everything is done by `loyalty/local`; these are names for it. Each target does the set-up that it needs.
PYTHON ?= python3
# -I: a PYTHONPATH or a virtualenv of somebody else's must not matter.
RUN = @command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.12 or newer." >&2; exit 1; }; exec $(PYTHON) -I loyalty/local/bootstrap.py

.DEFAULT_GOAL := help
.PHONY: help demo demo-full test check bench lock format

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: ## run Regulars here with a demo program; PORT=8001 chooses the port
	$(RUN) demo

demo-full: ## the same, with all purchases of the demo's year
	$(RUN) demo --full

test: ## run the tests; ARGS="-k ledger" goes to pytest
	$(RUN) test $(ARGS)

check: ## format, lint, types, layers, migrations, deployment, locks
	$(RUN) check

bench: ## measure against what the database itself can do; ARGS=--help says more
	$(RUN) bench $(ARGS)

lock: ## write requirements/ anew from pyproject.toml; ARGS=--upgrade takes the newest
	$(RUN) lock $(ARGS)

format: ## format and fix what can be fixed by itself
	$(RUN) format
