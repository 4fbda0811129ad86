# The front door. `make help` lists what it can do.
PYTHON ?= python3
PYTEST_FLAGS ?= -n 2 --dist loadscope
BENCH_SECONDS ?= 5

# TensorFlow tells of errors only.
export TF_CPP_MIN_LOG_LEVEL ?= 3

python := .venv/bin/python
installed := .venv/.installed
python_sources := tf_pconv tests examples scripts delegate setup.py
cc_sources = $(shell git ls-files --cached --others --exclude-standard '*.h' '*.cc' | grep -v '^third_party/')
bench_layers := 64,64,224 128,128,112 256,256,56 512,512,28 512,512,14 64,64,32 16,16,32

.DEFAULT_GOAL := help
.PHONY: help setup delegate demo test bench lint format wheel clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(installed) delegate ## Install what is needed and build the delegate

$(installed): requirements.txt requirements-dev.txt pyproject.toml scripts/setup.sh scripts/debian-packages.txt
	scripts/setup.sh "$(PYTHON)"
	touch $@

delegate: $(installed) ## Build the delegate into the Python package
	scripts/build_delegate.sh

demo: setup ## Prune, fine-tune, convert and time a small network (digits)
	$(python) examples/digits.py

test: setup ## Run all tests
	bazel test //...
	$(python) scripts/tested_kernels.py bazel-testlogs
	$(python) -m pytest $(PYTEST_FLAGS)

bench: setup ## Time pattern layers against dense XNNPACK
	.venv/bin/tf-pconv bench $(addprefix --layer ,$(bench_layers)) \
	  --dtype int8 --dtype fp32 --group-size 4 --group-size 1 --seconds $(BENCH_SECONDS)

lint: $(installed) ## Check style and types
	.venv/bin/ruff check $(python_sources)
	.venv/bin/ruff format --check $(python_sources)
	.venv/bin/mypy
	.venv/bin/clang-format --dry-run --Werror $(cc_sources)

format: $(installed) ## Rewrite the sources in the house style
	.venv/bin/ruff check --fix $(python_sources)
	.venv/bin/ruff format $(python_sources)
	.venv/bin/clang-format -i $(cc_sources)

wheel: $(installed) ## Build the wheel, delegate included, into dist/
	$(python) -m pip wheel --no-deps --wheel-dir dist .

clean: ## Remove what was built, except .venv
	rm -rf build dist out tf_pconv/_native *.egg-info
	command -v bazel >/dev/null && bazel clean || true
