"""Whatever a language model generates, `qa.json` holds correct texts only."""

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fruit_caption.config import DataConfig
from fruit_caption.data.qa import read_qa
from fruit_caption.datagen.generate import generate_data
from fruit_caption.datagen.language_model import presets
from fruit_caption.datagen.language_model import writer as writer_module
from fruit_caption.datagen.language_model.generation import Completion
from fruit_caption.datagen.language_model.presets import load_preset
from fruit_caption.datagen.text_cache import TEXT_CACHE
from fruit_caption.utils.errors import WriterError
from tests.independent_check import find_wrong_texts

OUTPUTS = [
    "",
    " ",
    "\x00\x1b[31m",
    "two apples",
    "a picture with no fruit",
    "some apples, some bananas and some limes",
    "one apple and one banana and one lime or two",
    "deux pommes",
    "\u4e24\u4e2a\u82f9\u679c",
    "apple " * 10_000,
    "how many apples are there? answer: there are two apples",
    "how many apples are there? answer: there are not two apples",
    "how many limes are there? answer: there is one lime",
    "how many limes are there? answer: there are more than one lime",
    "how many red bananas are there? answer: there is one banana",
    "is there a lime? answer: yes, there is a lime",
    "is there an apple? answer: no, there is no apple",
    "is there a banana? answer: no, there is a banana",
    "which fruits are there? answer: it shows apple",
    "which fruits are there? answer: it shows apple, banana and lime",
    "how many fruits are there? answer: there are three fruits",
    "how many fruits are there? answer: there are no fruits",
    "answer: answer: answer:",
    "who are you? answer: i am a language model",
]


class FakeGenerator:
    """Returns fixed outputs in turn, with a high likelihood."""

    tokens = 0
    outputs = OUTPUTS

    def __init__(self, *_, **__):
        self.turn = itertools.count()

    def generate(self, prompts, banned, keys):
        return [
            Completion(f" {self.outputs[next(self.turn) % len(self.outputs)]}", -0.01, True)
            for _ in prompts
        ]


@pytest.fixture
def fake_model(monkeypatch):
    """Replaces the language model by `FakeGenerator`."""
    model = SimpleNamespace(preprocessor=SimpleNamespace(tokenizer=lambda texts: texts))
    monkeypatch.setattr(writer_module, "load_preset", lambda preset: model)
    monkeypatch.setattr(writer_module, "Generator", FakeGenerator)
    monkeypatch.setattr(writer_module, "PROMPT_SIZES", (1000,))
    mask = np.zeros(1, bool)
    masks = SimpleNamespace(non_text=mask, words=lambda words: mask)
    monkeypatch.setattr(writer_module, "TokenMasks", lambda *_: masks)


def test_wrong_texts_are_not_written(fake_model, photos, tmp_path):
    summary = generate_data(DataConfig((str(photos),), writer="fake"), tmp_path / "out")
    assert find_wrong_texts(tmp_path / "out", 10_000) == []
    report = summary.report
    assert sum(report.tally.written.values()) > 1000
    assert sum(report.tally.accepted.values()) < 0.2 * sum(report.tally.written.values())
    assert report.filled_in["caption"] > 30
    by = {item.by for text in read_qa(tmp_path / "out") for item in text.qa_pairs}
    assert by == {"gpt2", "grammar"}


def test_the_independent_check_finds_wrong_texts(data, tmp_path):
    assert find_wrong_texts(data, 10_000) == []
    content = json.loads((data / "qa.json").read_text())
    for row in content["photos"]:
        row["caption"]["text"] = "seven apples"
        for item in row["questions"]:
            if item["kind"] != "identify":
                item["answer"] = "yes, there are seven limes"
    (tmp_path / "qa.json").write_text(json.dumps(content))
    (tmp_path / "instances.json").write_text((data / "instances.json").read_text())
    number = sum(len(row["questions"]) for row in content["photos"])
    assert len(find_wrong_texts(tmp_path, 10_000)) > 0.6 * number


def test_no_text_is_used_twice_for_a_photo(fake_model, photos, tmp_path, monkeypatch):
    outputs = ["how many apples are there? answer: there are no apples"]
    monkeypatch.setattr(FakeGenerator, "outputs", outputs)
    generate_data(DataConfig((str(photos),), writer="fake"), tmp_path / "out")
    for text in read_qa(tmp_path / "out"):
        questions = [item.question for item in text.questions if item.by == "gpt2"]
        assert len(questions) == len(set(questions))


def test_cached_texts_are_not_generated_again(fake_model, photos, tmp_path, monkeypatch):
    config, out = DataConfig((str(photos),), writer="fake"), tmp_path / "out"
    first = generate_data(config, out).report

    # Half of the cache is lost, and its last line is incomplete.
    text = (out / TEXT_CACHE).read_text()
    (out / TEXT_CACHE).write_text(text[: len(text) // 2])
    calls = []
    original = FakeGenerator.generate
    monkeypatch.setattr(
        FakeGenerator,
        "generate",
        lambda self, *args: calls.append(args) or original(self, *args),
    )
    again = generate_data(config, out).report
    assert 0 < sum(again.tally.written.values()) < 0.7 * sum(first.tally.written.values())
    assert len((out / TEXT_CACHE).read_text().splitlines()) == len(text.splitlines())

    calls.clear()
    generate_data(config, out)
    assert calls == []
    generate_data(replace(config, seed=1), out)
    assert calls


def test_the_facts_digest_is_the_same_in_every_process():
    program = (
        "from pathlib import Path\n"
        "from fruit_caption.data.records import FruitBox, Photo\n"
        "from fruit_caption.datagen.texts import _make_task\n"
        "boxes = tuple(FruitBox(fruit, 0, 0, 1, 1) for fruit in 'apple fig kiwi lime'.split())\n"
        "fruits = {box.fruit: 1 for box in boxes}\n"
        "photo = Photo(Path('images/a.jpg'), 1, 1, boxes, frozenset(fruits))\n"
        "print(_make_task(Path('images'), 0, fruits, photo).facts_digest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("preset", "reason"),
    [
        ("no_such_preset", "There is no preset 'no_such_preset'"),
        ("{folder}", "is not a KerasNLP preset: it has no config.json"),
        ("hf://", "can't be loaded"),
    ],
)
def test_load_errors_are_one_line(preset, reason, tmp_path):
    with pytest.raises(WriterError, match=reason) as error:
        load_preset(preset.format(folder=tmp_path))
    assert "\n" not in str(error.value)


def test_a_broken_preset_is_named_in_one_line(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WriterError) as error:
        load_preset(str(tmp_path))
    assert "\n" not in str(error.value)
    assert Path(tmp_path).name in str(error.value)


def test_a_folder_of_hugging_face_needs_safetensors(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(WriterError, match="no weights in the format safetensors"):
        load_preset(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"")
    monkeypatch.setattr(presets, "find_spec", lambda name: None)
    with pytest.raises(WriterError, match=r"pip install 'fruit-caption\[hf\]'"):
        load_preset(str(tmp_path))
    monkeypatch.setattr(presets, "find_spec", lambda name: True)
    with pytest.raises(WriterError) as error:
        load_preset(str(tmp_path))
    assert "connection" not in str(error.value)
    assert "\n" not in str(error.value)
