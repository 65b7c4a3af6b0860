# make test    everything that CI runs: ruff, mypy and pytest
# make check   ruff and mypy only
# make demo    data, training, comparison and an answer
# make bench   speed of the released model and growth of costs, written to benchmarks/
# make fuzz    thousands of broken files for every reader
# make cases   thirty-one cases from public bug reports
# make dist    sdist, wheel, and the small wheel that only asks; the wheel is tried outside of the checkout
# make clean   removes .venv and caches
#
# make docs/scenes.png   a contact sheet of the rendered fruit and scenes
# make docs/api.html     the reference of the Python interface
# make docs/sample       the texts of the sample pictures, by the shipped writer
# make docs/texts.md     what GPT-2 and the templates write about them
# make docs/answer.png   a question about one of them, with marks on the counted fruit
# make docs/web.png      the web page, in headless Chromium
#
# make release PHOTOS="DIR DIR" LITE0=FILE   trains the released model again, as RUN
#
# Variables:
# PYTHON   the interpreter for .venv, 3.10 to 3.13 (run `make clean` before changing it)
# WEIGHTS  a file with VGG16's weights, where they can't be downloaded

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

DEMO := data/demo
SCENE := $(DEMO)/images/scene_0_00338.jpg
PHOTO := docs/sample/images/tomatoes.jpg

PHOTOS :=
LITE0 :=
RUN := my-release

.PHONY: test check demo release bench fuzz cases dist clean

test: check
	$(BIN)/pytest -n auto --dist loadfile

check: $(VENV)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Scenes that can be learnt within minutes, with texts by the GPT-2 that ships. The scene that is asked
# about is of the test split, and trainings with other numbers of scenes and pixels were right about it.
demo: $(VENV)/runnable
	$(BIN)/fruit generate-data --scenes 600 --plain --out $(DEMO) --seed 0
	$(BIN)/fruit compare --data $(DEMO) --name demo --image-size 128 --epochs 12 --decoder-epochs 1 \
		--pretrain-steps 600 --batch-size 8 --freeze \
		$(if $(WEIGHTS),--encoder-weights "$(WEIGHTS)")
	$(BIN)/fruit ask $(SCENE) -q "how many fruits are there?" -q "which fruits are there?" --run demo/pretrained-attention-0
	$(BIN)/fruit ask $(PHOTO) -q "how many tomatoes?" -q "is there a banana?"

# The result ships in artifacts/release, with a card that lists the data and the time it takes.
release: $(VENV)/installed
	$(if $(and $(PHOTOS),$(LITE0)),,$(error make release PHOTOS="DIR DIR" LITE0=FILE, see artifacts/release/README.md))
	$(BIN)/fruit generate-data $(addprefix --photos ,$(PHOTOS)) --unseen FajarOC --compose 1500 --scenes 800 \
		--out data/release
	$(BIN)/fruit train --encoder efficientnet-lite0 --encoder-weights $(LITE0) --image-size 320 \
		--epochs 80 --batch-size 64 --mixed-precision --quiz --data data/release --run $(RUN)
	$(BIN)/fruit export --run $(RUN) --bits 16
	$(BIN)/fruit evaluate --run $(RUN) --data data/release

bench: $(VENV)/installed
	$(BIN)/python benchmarks/speed.py ./artifacts/release
	$(BIN)/python benchmarks/growth.py

cases: $(VENV)/installed
	$(BIN)/pytest tests/test_cases.py

fuzz: $(VENV)/installed
	FRUIT_FUZZ=500 $(BIN)/pytest tests/data/formats/test_fuzz.py

# Builds the small wheel, the sdist and from it the wheel, and asks a question with the installed wheel
# outside of the checkout.
dist: $(VENV)/installed
	rm -rf dist build
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist/light ./light
	$(BIN)/python -m build --quiet --no-isolation --outdir dist .
	$(BIN)/python -m pip install --quiet --no-deps --target build/installed dist/*.whl
	cd build && PYTHONPATH=installed ../$(BIN)/python -m fruit_caption ask ../docs/sample/images/*.jpg "which fruits are there?"

docs/scenes.png: docs/scenes.py $(wildcard fruit_caption/rendering/*.py) | $(VENV)/runnable
	$(BIN)/python docs/scenes.py $@

docs/api.html: docs/api.py fruit_caption/__init__.py $(addprefix fruit_caption/inference/,predictor.py answer.py points.py) | $(VENV)/installed
	$(BIN)/python docs/api.py $@

# Keeps the pictures and their boxes.
docs/sample: docs/sample/instances.json $(wildcard artifacts/writer/*) | $(VENV)/runnable
	$(BIN)/fruit generate-data --photos $@ --seed 3 --out build/sample
	cp build/sample/qa.json $@/
	touch $@

docs/texts.md: docs/texts.py docs/sample $(wildcard fruit_caption/language/*.py) | $(VENV)/runnable
	$(BIN)/fruit generate-data --photos docs/sample --writer grammar --seed 3 --out build/plain-sample
	$(BIN)/python docs/texts.py docs/sample build/plain-sample $@

# The picture is drawn larger than the README shows it. Without the two lowest bits of its colors it is much smaller.
docs/answer.png: docs/sample/images/hand.jpg $(wildcard artifacts/release/onnx/*) | $(VENV)/runnable
	$(BIN)/fruit ask $< "how many pears?" --show $@
	$(BIN)/python -c "from PIL import Image; picture = Image.open('$@'); picture.thumbnail((800, 800)); picture.point([v & 252 for v in range(256)] * 3 + list(range(256))).save('$@', optimize=True)"

docs/web.png: docs/web.py docs/sample/images/banana-and-orange.jpg $(wildcard fruit_caption/web/*) | $(VENV)/installed
	$(BIN)/python docs/web.py $@

clean:
	rm -rf $(VENV) build light/build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find cli.py fruit_caption tests __pycache__ -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))

# $(shell) and $(error) are in the recipe so that only steps that need Python look for one.
$(BIN)/python:
	$(if $(shell $(PYTHON) -c '$(SUPPORTED)' 2>&1 || echo no),$(error fruit needs Python 3.10 to \
	3.13, and $(PYTHON) is $(or $(shell $(PYTHON) --version 2>/dev/null),not there): try make PYTHON=python3.12))
	$(PYTHON) -m venv $(VENV)

# Stamp files: packages for the commands, and packages for the tests. Installing the second includes
# the first.
$(VENV)/runnable: setup.cfg constraints.txt | $(BIN)/python
	@echo "installing fruit into $(VENV); TensorFlow is large, this takes minutes"
	$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/installed: setup.cfg constraints.txt | $(BIN)/python
	@echo "installing fruit and its tools into $(VENV); TensorFlow is large, this takes minutes"
	$(PIP_INSTALL) -e '.[dev]'
	@touch $(VENV)/runnable $@
