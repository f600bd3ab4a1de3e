# Two commands matter to a stranger: `make demo` and `make test`. Everything they need, they install.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' native/Cargo.toml)
# Panics name source files. What is built says where they are in the clone or in cargo's home, not where that is on this machine.
export RUSTFLAGS += --remap-path-prefix=$(CURDIR)=accord --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=cargo
# Cargo starts a worker for each core, whatever `make -j` says, and would complain of what it says.
unexport MAKEFLAGS
NATIVE := $(shell find native -name '*.rs' -o -name 'Cargo.*' 2>/dev/null | grep -v '/target/')

.PHONY: help demo dev test test-native test-python lint proto vectors bench bench-smoke soak wheel lock clean

help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

$(VENV)/.runtime: requirements/runtime.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "accord needs Python 3.11 or newer")'
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.lock
	touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.runtime | $(VENV)/.native
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	touch $@

$(VENV)/.native: $(VENV)/.runtime requirements/build.lock $(NATIVE) pyproject.toml
	@command -v cargo >/dev/null || { echo "accord needs Rust $(RUST) or newer (cargo): see https://rustup.rs"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.lock
	PIP_QUIET=1 VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release --locked --quiet
	touch $@

dev: $(VENV)/.dev $(VENV)/.native ## set up everything a developer needs

demo: $(VENV)/.native ## two real nodes answer a real question
	$(BIN)/accord demo

test: dev test-native test-python ## all tests but the soak; `make -j2 test` runs the core's beside the set-up

test-native:
	cargo test --profile tested --locked --quiet --manifest-path native/Cargo.toml

# A process for each core. Tests of one file stay in one process, where they share their nodes.
test-python: dev
	$(BIN)/python -m pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

lint: dev ## format, lint, types, layers, clippy
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cargo fmt --check --manifest-path native/Cargo.toml
	cargo clippy --release --locked --all-targets --features pyo3 --quiet --manifest-path native/Cargo.toml -- -D warnings

proto: dev ## regenerate the wire schema's Python code
	$(BIN)/python -m grpc_tools.protoc -I protocol --python_out=protocol --pyi_out=protocol protocol/accord.proto

vectors: dev ## check the committed test vectors against their published sources
	$(BIN)/python -m pytest tests/vectors

bench: dev ## the full benchmark, written to benchmarks/results
	$(BIN)/python -m benchmarks.core
	$(BIN)/python -m benchmarks.query
	$(BIN)/python -m benchmarks.peers
	$(BIN)/python -m benchmarks.plot
	$(BIN)/python -m pytest benchmarks -m benchmark --benchmark-autosave

bench-smoke: dev ## a short benchmark that proves the harness works
	$(BIN)/python -m benchmarks.query --smoke

soak: dev ## the long hostile runs
	cargo test --release --locked --quiet --manifest-path native/Cargo.toml -- --ignored
	$(BIN)/python -m pytest -m soak --timeout 14400

wheel: dev ## the distribution, as an agency would install it
	$(BIN)/maturin build --release --locked --out dist

lock: dev ## refresh the hashed locks
	for extra in "" build dev; do \
	  $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-annotate --no-header --python-version 3.11 $${extra:+--extra $$extra} pyproject.toml \
	    -o requirements/$${extra:-runtime}.lock; done

clean: ## remove what was built
	rm -rf $(VENV) native/target dist
