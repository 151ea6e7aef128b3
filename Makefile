# The two commands of the README are `make report` and `make test`; `make help` lists all.
ENV ?= .venv
PY := $(ENV)/bin/python
STAMP := $(ENV)/.ready
PEERS ?= .venv-peers
MUTANTS ?= .venv-mutants
SAMPLE ?= 0
SCALE ?= lecture
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help first report test check check-peers mutants bench proofs reference constraints clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml constraints/dev.txt tools/environment.sh
	@sh tools/environment.sh $(ENV)
	@touch $(STAMP)

first: $(STAMP) ## set up, run two small studies (within 2 minutes), say what to open
	@$(PY) studies/run_all.py --scale smoke --out results/smoke --only whisper_chain --only activation_derivatives
	@echo
	@echo "Open results/smoke/report.html in a browser."
	@echo "Use the environment:   . $(ENV)/bin/activate"
	@echo "Cite a number:         gradchain cite sigmoid.chain.bound.n5"
	@echo "Turn a knob:           python studies/whisper_chain.py --depth 200 --out results/mine"
	@echo "Everything:            make report"

report: $(STAMP) ## set up, run every study, write results/report.html and results/report.md
	@$(PY) studies/run_all.py --scale $(SCALE)

test: $(STAMP) ## set up and pass every test
	$(PY) -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder --durations=20

check: $(STAMP) ## style, types and floors, without running tests
	$(ENV)/bin/ruff check .
	$(ENV)/bin/ruff format --check .
	PATH="$(CURDIR)/$(ENV)/bin:$$PATH" $(ENV)/bin/lint-imports
	$(ENV)/bin/pyright

# torch comes first and through pip, so that nothing else chooses its build.
$(PEERS)/.ready: pyproject.toml constraints/dev.txt tools/environment.sh
	@GRADCHAIN_INSTALLER=pip sh tools/environment.sh $(PEERS)
	@for extra in bench peers; do \
		$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check \
			--no-build-isolation -e ".[$$extra]" || exit 1; \
	done
	@touch $@

check-peers: $(PEERS)/.ready ## compare with PyTorch, Keras, Flax, Equinox, Haiku, scikit-learn in an environment of their own
	$(PEERS)/bin/python -m pytest -q -c peers/pytest.ini peers

$(MUTANTS)/.ready: pyproject.toml constraints/dev.txt tools/environment.sh
	@sh tools/environment.sh $(MUTANTS)
	$(MUTANTS)/bin/uv pip install --quiet --python $(MUTANTS)/bin/python \
		--constraint constraints/dev.txt --group mutants
	@touch $@

mutants: $(MUTANTS)/.ready ## how many small faults the tests catch (many hours; SAMPLE=300: a fair sample)
	$(MUTANTS)/bin/python tools/mutants.py --sample $(SAMPLE) $(TARGETS)

bench: $(STAMP) ## speed as ratios, printed as a table (several minutes)
	$(PY) benchmarks/run.py

proofs: ## re-check every formal proof with Coq (installs it with apt-get where it may; within 3 minutes)
	@python3 tools/proofs.py

reference: $(STAMP) ## for maintainers: publish the numbers of results/ as the packaged reference
	$(PY) studies/publish_reference.py

constraints: $(STAMP) ## for maintainers: pin the development packages anew
	UV_PYTHON_DOWNLOADS=never $(ENV)/bin/uv pip compile --quiet --upgrade --python $(PY) \
		--python-version 3.11 --universal --generate-hashes --group dev --no-header \
		--no-emit-index-url --no-emit-find-links pyproject.toml -o constraints/dev.txt

clean: ## remove the environment and caches (results stay)
	rm -rf $(ENV) $(PEERS) $(MUTANTS) mutants .pytest_cache .ruff_cache .hypothesis .import_linter_cache
