"""Those who train together end where one alone would have."""

import json
import os
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fruit_caption.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from fruit_caption.data.augmentation import PLAIN
from fruit_caption.data.dataset import Batches, read_data
from fruit_caption.data.features import extract_pixels
from fruit_caption.datagen.generate import generate_data
from fruit_caption.training.distribution import WorkerGroup
from fruit_caption.utils.errors import FruitError

WORKER = Path(__file__).with_name("team_worker.py")
SCENES, BATCH, STEPS = 52, 8, 50
LONGEST = 240  # seconds
NEAR = {"atol": 1e-6, "rtol": 0}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """A training of `STEPS` steps without dropout, which would be another for each worker.

    On scenes: the painted squares of other tests have no variance in most channels, so that batch
    normalization magnifies what rounding does.
    """
    folder = tmp_path_factory.mktemp("together")
    scenes = DataConfig(scenes=SCENES, scene_size=48, writer="grammar")
    photos = generate_data(scenes, folder / "data").photos["train"]
    assert photos % BATCH == 0
    config = RunConfig(
        data=str(folder / "data"),
        model=ModelConfig("scratch", "none", image_size=48, channels=8, units=16, dropout=0.0),
        training=TrainingConfig(
            epochs=-(-STEPS * BATCH // photos),
            batch_size=BATCH,
            questions=4,
            pretrain_steps=4,
            learning_rate=1e-3,
        ),
    )
    path = folder / "config.json"
    path.write_text(json.dumps(config.to_json()))
    return path


def begin(settings, folder, *extra, **variables):
    """Begin to train in a process."""
    losses = folder.with_name(f"{folder.name}-{variables.get('TF_CONFIG', '')[-3:-2]}.txt")
    command = [sys.executable, str(WORKER), str(settings), str(folder), str(losses), *extra]
    environment = {**os.environ, **variables, "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    return process, losses


def begin_two(settings, folder, *extra):
    """Begin two workers that train together."""
    with closing(socket.socket()) as one, closing(socket.socket()) as other:
        ports = []
        for free in (one, other):
            free.bind(("localhost", 0))
            ports.append(free.getsockname()[1])
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    tasks = [{"cluster": cluster, "task": {"type": "worker", "index": n}} for n in (0, 1)]
    return [begin(settings, folder, *extra, TF_CONFIG=json.dumps(task)) for task in tasks]


def ended(process):
    """The exit code of a process and what it said."""
    try:
        _, said = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, said


def curve(losses):
    return np.array([float(line) for line in losses.read_text().splitlines()])


@pytest.fixture(scope="module")
def mirrored(settings, tmp_path_factory):
    """A training on two processors, which goes on beside what is done alone."""
    return begin(settings, tmp_path_factory.mktemp("mirrored") / "run", MIRRORED="1")


@pytest.fixture(scope="module")
def alone(settings, mirrored, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone") / "run"
    process, losses = begin(settings, folder)
    assert ended(process)[0] == 0
    return folder, curve(losses)


def test_two_processors_of_a_machine_lose_what_one_does(mirrored, alone):
    process, losses = mirrored
    assert ended(process)[0] == 0
    np.testing.assert_allclose(curve(losses), alone[1], **NEAR)


@pytest.mark.parametrize(
    "told", ["", "{", "{}", '{"cluster": {"worker": ["a:1"]}, "task": {"index": 1}}']
)
def test_without_a_list_of_workers_it_says_what_it_needs(told, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", told)
    with pytest.raises(FruitError, match="TF_CONFIG must list the workers"):
        WorkerGroup("multi-worker")


def test_parts_of_a_batch_make_up_the_batch(data, tiny):
    found = read_data(data)
    examples = found.splits["train"]
    shown = [(example.path, PLAIN) for example in examples]
    files = [[file] for file in extract_pixels(shown, 48, data / "features")]
    training = replace(tiny.training, batch_size=5)
    batches = Batches(examples, files, found.vocabulary(), found.fruits, (3, 3), training, epoch=0)
    for index in (0, len(batches) - 1):
        whole = batches[index]
        parts = [batches.part(index, number, 3) for number in range(3)]
        for place in range(3):  # inputs, targets, weights
            for name, array in whole[place].items():
                for number, part in enumerate(parts):
                    theirs = array[number::3] if len(array) > number else array[:1]
                    if place == 2 and len(array) <= number:
                        theirs = 0 * theirs
                    np.testing.assert_array_equal(part[place][name], theirs)
        for name in ("logits", "density"):
            assert sum(part[2][name].sum() for part in parts) == pytest.approx(1, abs=1e-5)
