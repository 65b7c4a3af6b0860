# make test   everything that CI runs: ruff, mypy, pytest        make check   ruff and mypy only
# make demo   data, training, comparison and an answer           make clean   remove .venv and caches
# make bench  how fast the model that ships is, how cost grows into benchmarks/
# make fuzz   thousands of broken files for every reader of files
# make dist   the sdist, and from it the wheel, tried outside of the checkout
# make docs/scenes.png   a contact sheet of the rendered fruit and scenes
# make docs/api.html     the page of the Python interface
# make docs/sample       two scenes, their boxes, and what the shipped writer says about them
# make docs/answer.png   a question about one of them, and where the model that ships looked
#
# PYTHON   the interpreter that .venv is made with, 3.10 to 3.13 (run `make clean` to change it)
# WEIGHTS  a file with VGG16's weights, where they can't be downloaded
#
# make release PHOTOS="DIR DIR" LITE0=FILE   trains the model that ships once more, as RUN

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

DEMO := data/demo
QUESTION := how many fruits are there?

PHOTOS :=
LITE0 :=
RUN := my-release

.PHONY: test check demo release bench fuzz dist clean

test: check
	$(BIN)/pytest -n auto --dist loadfile

check: $(VENV)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# So small a model learns from so few photos only in plain words: the grammar's.
demo: $(VENV)/runnable
	$(BIN)/fruit generate-data --scenes 500 --out $(DEMO) --seed 0 --writer grammar
	$(BIN)/fruit compare --data $(DEMO) --name demo --image-size 96 --epochs 8 --pretrain-steps 1300 --batch-size 8 \
		$(if $(WEIGHTS),--encoder-weights "$(WEIGHTS)")
	@picture=$$(find $(DEMO)/images -type f | sort | head -n 1); \
		echo "$$picture: $(QUESTION)"; $(BIN)/fruit ask "$$picture" "$(QUESTION)" --run demo/scratch-attention-0

# What ships is in artifacts/release, with a card that says what it learnt from and how long it takes.
release: $(VENV)/installed
	$(if $(and $(PHOTOS),$(LITE0)),,$(error make release PHOTOS="DIR DIR" LITE0=FILE, see artifacts/release/README.md))
	$(BIN)/fruit generate-data $(addprefix --photos ,$(PHOTOS)) --unseen FajarOC --compose 4000 --mosaic 500 \
		--scenes 1300 --out data/release --writer grammar
	$(BIN)/fruit train --encoder efficientnet-lite0 --encoder-weights $(LITE0) --unfreeze 1 --image-size 320 \
		--epochs 7 --quiz --data data/release --run $(RUN)
	$(BIN)/fruit export --run $(RUN) --bits 16
	$(BIN)/fruit evaluate --run $(RUN) --data data/release

bench: $(VENV)/installed
	$(BIN)/python benchmarks/speed.py ./artifacts/release $(if $(WEIGHTS),--vgg16 "$(WEIGHTS)")
	$(BIN)/python benchmarks/growth.py

fuzz: $(VENV)/installed
	FRUIT_FUZZ=500 $(BIN)/pytest tests/data/formats/test_fuzz.py

# Builds the sdist, the wheel from the sdist, and asks the model that ships from the installed wheel,
# in a folder that knows nothing of the checkout.
dist: $(VENV)/installed
	rm -rf dist build
	$(BIN)/python -m build --quiet --no-isolation --outdir dist .
	$(BIN)/python -m pip install --quiet --no-deps --target build/installed dist/*.whl
	cd build && PYTHONPATH=installed ../$(BIN)/python -m fruit_caption ask ../docs/sample/images/*.jpg "which fruits are there?"

docs/scenes.png: $(wildcard fruit_caption/rendering/*.py) | $(VENV)/runnable
	$(BIN)/python -m fruit_caption.rendering.contact_sheet $@

docs/api.html: docs/api.py fruit_caption/__init__.py fruit_caption/inference/predictor.py fruit_caption/inference/answer.py | $(VENV)/installed
	$(BIN)/python docs/api.py $@

docs/sample: $(wildcard artifacts/writer/* fruit_caption/rendering/*.py) | $(VENV)/runnable
	$(BIN)/fruit generate-data --scenes 2 --seed 3 --out $@
	rm $@/written.jsonl

# Drawn in more pixels than the README has room for.
docs/answer.png: docs/sample/images/scene_3_00001.jpg $(wildcard artifacts/release/onnx/*) | $(VENV)/runnable
	$(BIN)/fruit ask $< "how many kiwis?" --show $@
	$(BIN)/python -c "from PIL import Image; picture = Image.open('$@'); picture.thumbnail((800, 800)); picture.save('$@')"

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find cli.py fruit_caption tests __pycache__ -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))

# $(shell) and $(error) stand in the recipe so that only a step that needs Python asks for one.
$(BIN)/python:
	$(if $(shell $(PYTHON) -c '$(SUPPORTED)' 2>&1 || echo no),$(error fruit needs Python 3.10 to \
	3.13, and $(PYTHON) is $(or $(shell $(PYTHON) --version 2>/dev/null),not there): try make PYTHON=python3.12))
	$(PYTHON) -m venv $(VENV)

# Stamps: what the commands need, and what the tests need on top of it. Making the second makes the
# first, so that nothing is installed twice.
$(VENV)/runnable: setup.cfg constraints.txt | $(BIN)/python
	@echo "installing fruit into $(VENV); TensorFlow is large, this takes minutes"
	$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/installed: setup.cfg constraints.txt | $(BIN)/python
	@echo "installing fruit and its tools into $(VENV); TensorFlow is large, this takes minutes"
	$(PIP_INSTALL) -e '.[dev]'
	@touch $(VENV)/runnable $@
