PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# one process per core, one thread each: more threads only get in each other's way
# files in their order: sorted by the number of their tests, the few long ones would come last, on one process
PYTEST := -m pytest -n auto --dist loadfile --no-loadscope-reorder
export OMP_NUM_THREADS := 1

.PHONY: quickstart packages install lint types test test-thorough test-adapters test-kernel test-lowest coverage bench clean

$(BIN)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

quickstart: $(BIN)/.ready  ## A whole sweep in some minutes on two cores: no GPU, no data or model to fetch
	$(BIN)/layover run recipes/quickstart.yaml
	$(BIN)/layover report recipes/quickstart.yaml
	@echo
	@echo "Run it again: nothing is computed twice. What to try next:"
	@echo "  docs/tutorial.md        what you just saw, step by step"
	@echo "  docs/sandbox.md         the world it lives in, its other tasks and its larger encoder"
	@echo "  recipes/xtreme.yaml     XLM-R on XTREME, on a GPU"
	@echo "  docs/own-task.md        tasks of your own: files of yours, and a few lines of YAML"

# $(call package,METHOD,INTERMEDIATE,TARGET,OVERRIDES,OPTIONS): what one package needs of the quickstart, and the package
define package
	$(BIN)/layover run recipes/quickstart.yaml 'sweep.method=[full, $(1)]' 'sweep.intermediate=[none, $(2)]' \
		'sweep.target=[$(3)]' 'sweep.seed=[1]' $(4)
	$(BIN)/layover export recipes/quickstart.yaml mini/$(1)/$(2)/$(3)/1 'sweep.method=[full, $(1)]' \
		'sweep.intermediate=[none, $(2)]' 'sweep.target=[$(3)]' 'sweep.seed=[1]' $(4) --to build/packages $(5)
endef
QA := 'tasks.sandbox/qa={limit: {train: 1000, test: 80}, epochs: 4}'

packages: $(BIN)/.ready  ## Make adapters_hub_export anew: a classifier, a tagger, a reader and a chooser, in some minutes
	rm -rf build/packages
	$(call package,stack,sandbox/nli,sandbox/paraphrase)
	$(call package,stack,sandbox/nli,sandbox/paraphrase,,--flatten)
	$(call package,stack,sandbox/parallel,sandbox/ner)
	$(call package,bn,sandbox/completion,sandbox/copa)
	$(call package,lora,sandbox/parallel,sandbox/qa,$(QA))
	rm -rf adapters_hub_export
	mv build/packages adapters_hub_export

$(BIN)/.installed: $(BIN)/.ready
	$(BIN)/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable ".[dev]"
	touch $@

install: $(BIN)/.installed  ## Make .venv with everything development needs, on the newest versions

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

test: lint types  ## Lint, types and all tests, on the newest versions
	$(BIN)/python $(PYTEST)

test-thorough: install  ## All tests, and of each all that an ordinary run does a part of; hours
	LAYOVER_THOROUGH=1 $(BIN)/python $(PYTEST) -o timeout=14400

coverage: install
	$(BIN)/python $(PYTEST) --cov --cov-report=term-missing:skip-covered

# The adapters library holds transformers at 4.57, and that an older client of the hub. What meets one of the three runs
# there, too: their encoders and tokenizers, files that adapters writes or reads, and what is asked of a hub. What meets
# only peft or Layover's own code does not: they are the same there.
ADAPTERS := $(addprefix tests/, \
	$(addprefix encoder/test_,bert.py encoder.py initialise.py languages.py loading.py parity.py parts_left_out.py weights.py) \
	files/test_data.py files/test_hub_client.py files/test_models.py cli/test_sandbox.py \
	engine/test_heads.py engine/test_imports.py plan/test_imports_hub.py plan/test_tokenizers.py \
	$(addprefix layouts/test_,adapterhub.py fuzz.py heads.py) \
	$(addprefix hub/,export/test_libraries.py export/test_programs.py model_card/test_metadata.py \
	model_card/test_own.py test_pull.py test_push.py test_verify.py))
$(VENV)-adapters/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-adapters
	$(VENV)-adapters/bin/python -m pip install --quiet --upgrade pip
	$(VENV)-adapters/bin/python -m pip install --quiet --editable ".[adapterhub,dev]"
	touch $@

test-adapters: $(VENV)-adapters/.installed  ## What meets transformers and adapters, on 4.57 with adapters
	$(VENV)-adapters/bin/python $(PYTEST) -m "not data" $(ADAPTERS)

# Triton comes with torch's builds for GPUs, but not with those for CPUs. It lies apart: it takes 700 MB, and only one test
# needs it. The version is that of the newest torch that pyproject.toml allows.
$(VENV)-triton/.installed: $(BIN)/.installed
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(VENV)-triton "triton==3.7.*"
	touch $@

test-kernel: $(VENV)-triton/.installed  ## The GPU kernel, interpreted and compiled without a GPU; Linux on x86-64
	PYTHONPATH=$(VENV)-triton $(BIN)/python -c "import triton"  # without it, the test is skipped
	PYTHONPATH=$(VENV)-triton $(BIN)/python -m pytest tests/encoder/test_dropout_triton.py

# The lowest versions that pyproject.toml allows. PIP_EXTRA_INDEX_URL names the index of torch's small CPU builds.
LOWEST := $(addprefix tests/,compositions data encoder files gpu heads inference kinds layouts metrics modules packages plan \
	recipe specs steps store training test_canonical.py test_identity.py)
$(VENV)-lowest/.installed: pyproject.toml .ci/lowest.py
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/python -m pip install --quiet --upgrade pip
	$(VENV)-lowest/bin/python .ci/lowest.py > $(VENV)-lowest/constraints.txt
	$(VENV)-lowest/bin/python -m pip install --quiet --constraint $(VENV)-lowest/constraints.txt --editable ".[dev]"
	touch $@

test-lowest: $(VENV)-lowest/.installed  ## Before a release: what computes and reads, on the lowest versions
	$(VENV)-lowest/bin/python $(PYTEST) -m "not data" $(LOWEST)

# Alone on the machine, please; each script says in its first lines what it measures, and has a --quick run.
bench: BENCH := env -u OMP_NUM_THREADS $(BIN)/python benchmarks
bench: PEERS := env -u OMP_NUM_THREADS $(VENV)-adapters/bin/python benchmarks
bench: install $(VENV)-adapters/.installed  ## The figures of docs/benchmarks.md, on public test data (LAYOVER_DATA): half a day on two cores
	$(PEERS)/train_step.py
	$(PEERS)/train_step.py --task squad
	$(BENCH)/sweep.py
	$(BENCH)/sweep.py --size base --intermediates 1 --targets 1 --seeds 1 --repeats 1 --rows 80 --intermediate-rows 80
	$(BENCH)/sweep.py --intermediates 10 --targets 9 --seeds 1 --repeats 1 --dropouts 0
	$(BENCH)/predict.py
	$(PEERS)/memory.py
	$(BENCH)/limit.py
	$(BENCH)/scaling.py
	$(BENCH)/engine.py
	$(BENCH)/startup.py
	$(BENCH)/calibration.py
	$(BENCH)/report.py
	$(BIN)/python benchmarks/page.py

clean:
	rm -rf $(VENV) $(VENV)-adapters $(VENV)-lowest $(VENV)-triton dist build .mypy_cache .ruff_cache .pytest_cache .coverage*
