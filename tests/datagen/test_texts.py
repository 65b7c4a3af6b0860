"""Whatever a language model writes, `qa.json` holds nothing but the truth, and writing ends."""

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
from fruit_caption.datagen.language_model import writer as author_module
from fruit_caption.datagen.language_model.generation import Draft
from fruit_caption.datagen.language_model.presets import load_preset
from fruit_caption.datagen.text_cache import TEXT_CACHE
from fruit_caption.utils.errors import WriterError
from tests.independent_check import false_items

LIES = [
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


class Liar:
    """A language model that says anything at all, in turn, and sure of it."""

    tokens = 0
    lies = LIES

    def __init__(self, *_, **__):
        self.turn = itertools.count()

    def generate(self, prompts, banned, keys):
        return [
            Draft(f" {self.lies[next(self.turn) % len(self.lies)]}", -0.01, True) for _ in prompts
        ]


@pytest.fixture
def liar(monkeypatch):
    """Puts a liar in the place of the language model."""
    model = SimpleNamespace(preprocessor=SimpleNamespace(tokenizer=lambda texts: texts))
    monkeypatch.setattr(author_module, "load_preset", lambda preset: model)
    monkeypatch.setattr(author_module, "Generator", Liar)
    monkeypatch.setattr(author_module, "ROOMS", (1000,))
    for name in ("banned_tokens", "never"):
        monkeypatch.setattr(author_module, name, lambda *_: np.zeros(1, bool))


def test_no_lie_reaches_the_file(liar, photos, tmp_path):
    summary = generate_data(DataConfig((str(photos),), writer="liar"), tmp_path / "out")
    assert false_items(tmp_path / "out", 10_000) == []
    report = summary.report
    assert sum(report.tally.written.values()) > 1000
    assert sum(report.tally.accepted.values()) < 0.2 * sum(report.tally.written.values())
    assert report.filled_in["caption"] > 30
    by = {item.by for text in read_qa(tmp_path / "out") for item in text.items()}
    assert by == {"gpt2", "grammar"}


def test_the_independent_check_finds_lies(data, tmp_path):
    assert false_items(data, 10_000) == []
    content = json.loads((data / "qa.json").read_text())
    for row in content["photos"]:
        row["caption"]["text"] = "seven apples"
        for item in row["questions"]:
            if item["kind"] != "identify":
                item["answer"] = "yes, there are seven limes"
    (tmp_path / "qa.json").write_text(json.dumps(content))
    (tmp_path / "instances.json").write_text((data / "instances.json").read_text())
    lies = [row for row in content["photos"] for item in row["questions"]]
    assert len(false_items(tmp_path, 10_000)) > 0.6 * len(lies)


def test_a_photo_says_nothing_twice(liar, photos, tmp_path, monkeypatch):
    said = ["how many apples are there? answer: there are no apples"]
    monkeypatch.setattr(Liar, "lies", said)
    generate_data(DataConfig((str(photos),), writer="liar"), tmp_path / "out")
    for text in read_qa(tmp_path / "out"):
        questions = [item.question for item in text.questions if item.by == "gpt2"]
        assert len(questions) == len(set(questions))


def test_what_is_written_is_not_written_again(liar, photos, tmp_path, monkeypatch):
    config, out = DataConfig((str(photos),), writer="liar"), tmp_path / "out"
    first = generate_data(config, out).report

    # Half of the journal is lost, the last line of it in the middle.
    text = (out / TEXT_CACHE).read_text()
    (out / TEXT_CACHE).write_text(text[: len(text) // 2])
    asked = []
    plain = Liar.generate
    monkeypatch.setattr(
        Liar, "generate", lambda self, *given: asked.append(given[0]) or plain(self, *given)
    )
    again = generate_data(config, out).report
    assert 0 < sum(again.tally.written.values()) < 0.7 * sum(first.tally.written.values())
    assert len((out / TEXT_CACHE).read_text().splitlines()) == len(text.splitlines())

    asked.clear()
    generate_data(config, out)
    assert asked == []
    generate_data(replace(config, seed=1), out)
    assert asked


def test_another_process_knows_what_was_written_by_the_same_digest():
    program = (
        "from pathlib import Path\n"
        "from fruit_caption.data.records import FruitBox, Photo\n"
        "from fruit_caption.datagen.texts import _sheet\n"
        "boxes = tuple(FruitBox(fruit, 0, 0, 1, 1) for fruit in 'apple fig kiwi lime'.split())\n"
        "fruits = {box.fruit: 1 for box in boxes}\n"
        "photo = Photo(Path('images/a.jpg'), 1, 1, boxes, frozenset(fruits))\n"
        "print(_sheet(Path('images'), 0, fruits, photo).facts())\n"
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
        ("{folder}", "is no preset of KerasNLP: it has no config.json"),
        ("hf://", "can't be loaded"),
    ],
)
def test_a_preset_that_cannot_be_loaded_is_one_line(preset, reason, tmp_path):
    with pytest.raises(WriterError, match=reason) as refusal:
        load_preset(preset.format(folder=tmp_path))
    assert "\n" not in str(refusal.value)


def test_a_preset_of_another_kind_is_one_line(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WriterError) as refusal:
        load_preset(str(tmp_path))
    assert "\n" not in str(refusal.value)
    assert Path(tmp_path).name in str(refusal.value)
