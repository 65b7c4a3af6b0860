"""A tiny GPT-2 is made, trained, saved and loaded; what it may not see, it doesn't."""

import random
import shutil

import numpy as np
import pytest

from fruit_caption.datagen.language_model.presets import load_preset
from fruit_caption.datagen.language_model.prompts import ANSWER, END, TASKS
from fruit_caption.training import train_writer
from fruit_caption.utils.errors import FruitError, WriterError
from fruit_caption.utils.files import read_json


@pytest.fixture
def small(monkeypatch):
    """A model and a trial that take seconds."""
    sizes = {"VOCABULARY": 700, "LAYERS": 1, "HEADS": 2, "UNITS": 16, "BATCH": 4}
    for name, size in (sizes | {"TRIED_LINES": 60, "TRIED_PHOTOS": 2}).items():
        monkeypatch.setattr(train_writer, name, size)


def test_a_writer_is_trained_saved_and_trained_on(small, tmp_path):
    told = []
    first = train_writer.train_writer(tmp_path / "one", steps=40, progress=told.append)
    assert first == {name: read_json(tmp_path / "one" / "scores.json")[name] for name in first}
    # Not even 40 steps leave it as ignorant as a model that knows nothing of 700 tokens.
    assert 1 < first["perplexity"]["learnt"] < 500
    assert set(first["true"]) <= set(TASKS)
    assert any(line.startswith("training: step 21 of 40") for line in told)

    second = train_writer.train_writer(tmp_path / "two", str(tmp_path / "one"), steps=20)
    assert second["perplexity"]["learnt"] < first["perplexity"]["learnt"]
    assert load_preset(str(tmp_path / "two")).backbone.num_layers == 1
    with pytest.raises(WriterError, match="already exists"):
        train_writer.train_writer(tmp_path / "two", steps=1)


def test_a_training_that_was_stopped_ends_as_if_it_had_not_been(small, tmp_path, monkeypatch):
    monkeypatch.setattr(train_writer, "KEPT", 20)

    def stop_at(step):
        def told(line):
            if line.startswith(f"training: step {step} "):
                raise KeyboardInterrupt

        return told

    whole = train_writer.train_writer(tmp_path / "whole", steps=60)
    (tmp_path / "stopped").mkdir()  # a folder with nothing in it is not in the way
    for step in (1, 41):
        with pytest.raises(KeyboardInterrupt):
            train_writer.train_writer(tmp_path / "stopped", steps=60, progress=stop_at(step))
    told = []
    assert train_writer.train_writer(tmp_path / "stopped", steps=60, progress=told.append) == whole
    assert [line[:19] for line in told if line.startswith("training")] == ["training: step 41 o"]
    weights = [load_preset(str(tmp_path / name)).get_weights() for name in ("whole", "stopped")]
    assert all(map(np.array_equal, *weights))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stopped", "whole"]


def test_a_training_with_other_settings_begins_anew(small, tmp_path, monkeypatch):
    def stop(line):
        if line.startswith("trying"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_writer.train_writer(tmp_path / "one", steps=20, progress=stop)
    told = []
    train_writer.train_writer(tmp_path / "one", steps=20, progress=told.append)
    assert not any(line.startswith("training") for line in told)  # only the trial was left to do
    with pytest.raises(KeyboardInterrupt):
        train_writer.train_writer(tmp_path / "two", steps=20, progress=stop)
    train_writer.train_writer(tmp_path / "two", steps=40, progress=told.append)
    assert read_json(tmp_path / "two" / "scores.json")["steps"] == 40
    assert "training: step 1 of 40" in told[-3]


def test_without_room_for_the_preset_what_is_trained_is_kept(small, tmp_path, monkeypatch):
    def full_once_trained(folder):
        return usage(folder)._replace(free=0 if (folder / train_writer.STATE).is_file() else 2**30)

    usage, told = shutil.disk_usage, []
    with monkeypatch.context() as disk:
        disk.setattr(shutil, "disk_usage", full_once_trained)
        # HDF5 would end the process.
        with pytest.raises(FruitError, match="preset can't be written: No space left on device"):
            train_writer.train_writer(tmp_path / "one", steps=20, progress=told.append)
    assert not (tmp_path / "one").exists()
    assert any(line.startswith("training") for line in told)
    told.clear()
    train_writer.train_writer(tmp_path / "one", steps=20, progress=told.append)
    assert not any(line.startswith("training") for line in told)


def test_some_facts_are_never_learnt():
    pairs = {
        (fruit, number)
        for seed in range(300)
        for fruit, number in train_writer.random_photo(random.Random(seed)).counts().items()
    }
    assert not any(train_writer.is_held_out(*pair) for pair in pairs)
    held_out = train_writer.random_photo(random.Random(0), held_out=True).counts()
    assert any(train_writer.is_held_out(*pair) for pair in held_out.items())
    share = [train_writer.is_held_out(f"fruit {n}", 5) for n in range(2000)]
    assert 0.05 < sum(share) / len(share) < 0.15


def test_lines_are_of_every_task_and_end():
    made = train_writer.lines(200, seed=0)
    assert {line.task for line in made} == set(TASKS)
    for line in made:
        assert line.text.startswith(" ")
        assert line.text.endswith(END)
        assert (ANSWER in line.text) == (line.task != "caption")
    assert train_writer.lines(200, seed=0) == made
    other = {line.text for line in train_writer.lines(200, seed=0, held_out_words=True)}
    assert not other & {line.text for line in made}
