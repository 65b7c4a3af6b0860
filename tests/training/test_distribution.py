"""Distributed training gives the same result as training by a single worker."""

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
from fruit_caption.data.batches import DetectionBatches, QuestionBatches
from fruit_caption.data.dataset import read_data
from fruit_caption.datagen.generate import generate_data
from fruit_caption.runs import Run
from fruit_caption.training.distribution import WorkerGroup
from fruit_caption.utils.errors import FruitError

WORKER = Path(__file__).with_name("distributed_worker.py")
SCENES, BATCH_SIZE, EPOCHS = 52, 8, 2
TIMEOUT = 480
"""Seconds after which a worker process is killed."""


@pytest.fixture(scope="module")
def config_file(tmp_path_factory):
    """The config of a training without dropout, which differs between workers.

    The photos are scenes, because the painted squares of other tests have no variance in most
    channels, so that batch normalization magnifies rounding differences.
    """
    folder = tmp_path_factory.mktemp("distributed")
    scenes = DataConfig(scenes=SCENES, scene_size=48, writer="grammar")
    photos = generate_data(scenes, folder / "data").photos["train"]
    assert photos % BATCH_SIZE == 0
    config = RunConfig(
        data=str(folder / "data"),
        model=ModelConfig("scratch", "none", image_size=48, channels=8, units=16, dropout=0.0),
        training=TrainingConfig(
            epochs=EPOCHS,
            decoder_epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            questions=4,
            pretrain_steps=0,
            learning_rate=1e-3,
        ),
    )
    path = folder / "config.json"
    path.write_text(json.dumps(config.to_json()))
    return path


def start(config_file, run, **variables):
    """Start a training process; return it with the file that it writes its losses to."""
    losses = run.with_name(f"{run.name}-losses.txt")
    command = [sys.executable, str(WORKER), str(config_file), str(run), str(losses)]
    environment = {**os.environ, **variables, "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    return process, losses


def start_two(config_file, folder):
    """Start two worker processes that train together."""
    with closing(socket.socket()) as one, closing(socket.socket()) as two:
        for free in (one, two):
            free.bind(("localhost", 0))
        addresses = [f"localhost:{free.getsockname()[1]}" for free in (one, two)]
    configs = [
        {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        for index in (0, 1)
    ]
    return [
        start(config_file, folder / f"run-{number}", TF_CONFIG=json.dumps(config))
        for number, config in enumerate(configs)
    ]


def wait(process):
    """Return the exit code and the standard error of a process."""
    try:
        _, errors = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, errors


def read_losses(path):
    return np.array([float(line) for line in path.read_text().splitlines()])


@pytest.fixture(scope="module")
def mirrored(config_file, tmp_path_factory):
    """A training on two logical CPUs, started early to run in parallel with `single`."""
    return start(config_file, tmp_path_factory.mktemp("mirrored") / "run", MIRRORED="1")


@pytest.fixture(scope="module")
def single(config_file, mirrored, tmp_path_factory):
    """The losses of a training by a single worker."""
    process, losses = start(config_file, tmp_path_factory.mktemp("single") / "run")
    assert wait(process)[0] == 0
    return read_losses(losses)


def test_two_devices_give_the_losses_of_one(mirrored, single):
    process, losses = mirrored
    assert wait(process)[0] == 0
    np.testing.assert_allclose(read_losses(losses), single, rtol=1e-6)


def test_two_workers_give_the_losses_of_one(config_file, single, tmp_path):
    for process, losses in start_two(config_file, tmp_path):
        exit_code, errors = wait(process)
        assert exit_code == 0, errors
        np.testing.assert_allclose(read_losses(losses), single, rtol=1e-6)
    assert Run(tmp_path / "run-0").is_finished
    assert not (tmp_path / "run-1").exists()  # only the chief writes


@pytest.mark.parametrize(
    "value", ["", "{", "{}", '{"cluster": {"worker": ["a:1"]}, "task": {"index": 1}}']
)
def test_invalid_tf_config_is_an_error(value, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", value)
    with pytest.raises(FruitError, match="TF_CONFIG must list the workers"):
        WorkerGroup("multi-worker")


@pytest.mark.parametrize("stage", ["detector", "decoder"])
def test_shards_of_a_batch_add_up_to_the_batch(data, tiny, stage):
    data_set, training = read_data(data), replace(tiny.training, batch_size=5)
    examples = data_set.splits["train"]
    if stage == "detector":
        batches = DetectionBatches(examples, 48, training, 0, data_set.fruits, (6, 6))
    else:
        batches = QuestionBatches(examples, 48, training, 0, data_set.vocabulary())
    for index in (0, len(batches) - 1):
        batch, shards = batches[index], [batches.shard(index, number, 3) for number in range(3)]
        for number, shard in enumerate(shards):
            for part, kind in enumerate(("inputs", "targets", "weights")):
                for name, array in batch[part].items():
                    expected = array[number::3]
                    if not len(expected):  # an example with zero weight pads an empty shard
                        expected = 0 * array[:1] if kind == "weights" else array[:1]
                    np.testing.assert_array_equal(shard[part][name], expected)
        if stage == "decoder":
            weights = [weights["logits"].sum() for _, _, weights in shards]
            assert sum(weights) == pytest.approx(1, abs=1e-5)
