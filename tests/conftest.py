"""A tiny data set of colored squares, and tiny models, that every test may use."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import random
import shutil
from pathlib import Path

import pytest
from PIL import Image

from fruit_caption.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from fruit_caption.data.formats.coco import write_coco
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.datagen.generate import generate_data
from fruit_caption.runs import Run

COLORS = {"apple": (200, 30, 40), "banana": (240, 220, 60), "lime": (60, 170, 50)}
SIDE = 48


def paint(path: Path, number: int) -> Photo:
    """A picture with up to four squares, each a fruit, in the cells of a 2 x 2 grid."""
    chance = random.Random(number)
    # No two pictures are the same, not even empty ones.
    picture = Image.new("RGB", (SIDE, SIDE), (90, 90 + number, 110))
    boxes = []
    for cell in range(chance.randint(0, 4)):
        fruit = chance.choice(sorted(COLORS))
        left, top = 4 + 24 * (cell % 2), 4 + 24 * (cell // 2)
        picture.paste(COLORS[fruit], (left, top, left + 16, top + 16))
        boxes.append(FruitBox(fruit, left, top, 16, 16))
    picture.save(path)
    return Photo(path, SIDE, SIDE, tuple(boxes), frozenset(COLORS), group=path.stem)


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """A COCO folder of 40 painted pictures."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "images").mkdir()
    painted = [paint(folder / "images" / f"{n:02d}.png", n) for n in range(40)]
    write_coco(folder, painted, frozenset(COLORS))
    return folder


@pytest.fixture(scope="session")
def data(photos, tmp_path_factory) -> Path:
    """The data set that generate-data makes of them."""
    out = tmp_path_factory.mktemp("data")
    generate_data(DataConfig(photos=(str(photos),), writer="grammar"), out)
    return out


@pytest.fixture(scope="session")
def plain_data(data, tmp_path_factory) -> Path:
    """The same pictures and texts without boxes; training on them has one stage only."""
    out = tmp_path_factory.mktemp("plain") / "data"
    shutil.copytree(data, out, ignore=shutil.ignore_patterns("features", "instances.json"))
    return out


@pytest.fixture(scope="session")
def tiny(data):
    """Settings of a run that trains in seconds; change them with `dataclasses.replace`.

    Most of the time goes into tracing: of each stage, and of pre-training if there is any.
    """
    return RunConfig(
        data=str(data),
        model=ModelConfig(
            encoder="scratch", encoder_weights="none", image_size=48, channels=8, units=16
        ),
        training=TrainingConfig(
            epochs=2, decoder_epochs=2, batch_size=8, questions=4, pretrain_steps=0
        ),
    )


@pytest.fixture(scope="session")
def learnt(data, tmp_path_factory):
    """A small run that has learnt something, its scores, and its data."""
    from fruit_caption.training.trainer import train

    config = RunConfig(
        data=str(data),
        model=ModelConfig(
            encoder="scratch", encoder_weights="none", image_size=48, channels=16, units=32,
            dropout=0.0,
        ),
        training=TrainingConfig(
            epochs=10, decoder_epochs=4, batch_size=4, learning_rate=5e-3, quiz=True,
            pretrain_steps=500,
        ),
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("runs") / "learnt"
    scores = train(config, Run(folder))
    return folder, scores, data
