"""Training of the language model: resumable, and without the held-out facts and phrasings."""

import random
import shutil

import numpy as np
import pytest

from fruit_caption.datagen.language_model.presets import load_preset
from fruit_caption.datagen.language_model.prompts import ANSWER, END, TASKS
from fruit_caption.training import train_writer
from fruit_caption.training.writer_data import is_held_out, random_photo, write_lines
from fruit_caption.utils.errors import FruitError, WriterError
from fruit_caption.utils.files import read_json


@pytest.fixture
def small(monkeypatch):
    """A model and an evaluation that take seconds."""
    model = {"VOCABULARY_SIZE": 700, "NUM_LAYERS": 1, "NUM_HEADS": 2, "HIDDEN_DIM": 16}
    evaluation = {"EVALUATION_LINES": 60, "EVALUATION_PHOTOS": 2}
    for name, size in (model | evaluation | {"BATCH_SIZE": 4}).items():
        monkeypatch.setattr(train_writer, name, size)


def interrupt_at(beginning):
    """A progress callback that interrupts the training at a message."""

    def progress(message):
        if message.startswith(beginning):
            raise KeyboardInterrupt

    return progress


def training_messages(messages):
    return [message for message in messages if message.startswith("training: ")]


def test_a_trained_writer_can_be_trained_further(small, tmp_path):
    messages = []
    first = train_writer.train_writer(tmp_path / "one", steps=40, progress=messages.append)
    assert first == {name: read_json(tmp_path / "one" / "scores.json")[name] for name in first}
    # A model that has learnt nothing about the 700 tokens has a perplexity of 700.
    assert 1 < first["perplexity"]["learnt"] < 500
    assert set(first["true"]) <= set(TASKS)
    assert any(message.startswith("training: step 21 of 40") for message in messages)

    second = train_writer.train_writer(tmp_path / "two", str(tmp_path / "one"), steps=20)
    assert second["perplexity"]["learnt"] < first["perplexity"]["learnt"]
    assert load_preset(str(tmp_path / "two")).backbone.num_layers == 1
    with pytest.raises(WriterError, match="already exists"):
        train_writer.train_writer(tmp_path / "two", steps=1)


def test_an_interrupted_training_ends_like_an_uninterrupted_one(small, tmp_path, monkeypatch):
    monkeypatch.setattr(train_writer, "CHECKPOINT_STEPS", 20)
    uninterrupted = train_writer.train_writer(tmp_path / "whole", steps=60)
    (tmp_path / "cut").mkdir()  # an empty folder is not in the way
    for step in (1, 41):
        with pytest.raises(KeyboardInterrupt):
            train_writer.train_writer(
                tmp_path / "cut", steps=60, progress=interrupt_at(f"training: step {step} ")
            )
    messages = []
    resumed = train_writer.train_writer(tmp_path / "cut", steps=60, progress=messages.append)
    assert resumed == uninterrupted
    [message] = training_messages(messages)
    assert message.startswith("training: step 41 ")
    weights = [load_preset(str(tmp_path / name)).get_weights() for name in ("whole", "cut")]
    assert all(map(np.array_equal, *weights))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", "whole"]


def test_an_interrupted_training_resumes_only_with_the_same_settings(small, tmp_path):
    messages = []
    for name in ("same", "other"):
        with pytest.raises(KeyboardInterrupt):
            train_writer.train_writer(tmp_path / name, steps=20, progress=interrupt_at("eval"))
    train_writer.train_writer(tmp_path / "same", steps=20, progress=messages.append)
    assert not training_messages(messages)  # only the evaluation was left to do
    train_writer.train_writer(tmp_path / "other", steps=40, progress=messages.append)
    assert read_json(tmp_path / "other" / "scores.json")["steps"] == 40
    assert training_messages(messages)[0].startswith("training: step 1 of 40")


def test_a_full_disk_loses_no_training(small, tmp_path, monkeypatch):
    disk_usage, messages = shutil.disk_usage, []

    def full_once_trained(folder):
        is_trained = (folder / train_writer.STATE).is_file()
        return disk_usage(folder)._replace(free=0 if is_trained else 2**30)

    with monkeypatch.context() as disk:
        disk.setattr(shutil, "disk_usage", full_once_trained)
        # Without a check of the free space, HDF5 would end the process.
        with pytest.raises(FruitError, match="preset can't be written: No space left on device"):
            train_writer.train_writer(tmp_path / "one", steps=20, progress=messages.append)
    assert not (tmp_path / "one").exists()
    assert training_messages(messages)
    messages.clear()
    train_writer.train_writer(tmp_path / "one", steps=20, progress=messages.append)
    assert not training_messages(messages)


def test_held_out_facts_are_never_trained_on():
    pairs = {
        (fruit, number)
        for seed in range(300)
        for fruit, number in random_photo(random.Random(seed)).counts().items()
    }
    assert not any(is_held_out(*pair) for pair in pairs)
    counts = random_photo(random.Random(0), held_out=True).counts()
    assert any(is_held_out(*pair) for pair in counts.items())
    held_out = [is_held_out(f"fruit {n}", 5) for n in range(2000)]
    assert 0.05 < sum(held_out) / len(held_out) < 0.15


def test_lines_are_complete_and_of_every_task():
    lines = write_lines(200, seed=0)
    assert {line.task for line in lines} == set(TASKS)
    for line in lines:
        assert line.completion.startswith(" ")
        assert line.completion.endswith(END)
        assert (ANSWER in line.completion) == (line.task != "caption")
    assert write_lines(200, seed=0) == lines
    held_out = {line.completion for line in write_lines(200, seed=0, held_out_phrasings=True)}
    assert not held_out & {line.completion for line in lines}
