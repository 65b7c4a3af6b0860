"""A run is scored beside the baselines once, and again only when it or the data changed."""

import json
import shutil
from dataclasses import replace

import pytest
from PIL import Image

from fruit_caption.data.dataset import read_data
from fruit_caption.evaluation import evaluate as evaluate_module
from fruit_caption.evaluation.evaluate import evaluate_and_plot, evaluate_split
from fruit_caption.evaluation.metrics import score
from fruit_caption.runs import Run
from fruit_caption.training.trainer import train
from fruit_caption.utils.errors import DataError, RunError

PICTURES = (
    "by-count.png", "by-fruit.png", "confusion.png", "mistakes.png", "reliability.png", "right.png",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tiny, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    train(tiny, Run(folder))
    evaluate_and_plot(Run(folder), read_data(data), "test")
    return folder


@pytest.fixture
def copy(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    return tmp_path / "run"


def test_what_is_written(run, data):
    assert sorted(path.name for path in (run / "test").iterdir()) == sorted(
        [*PICTURES, "answers.jsonl", "cost.json", "metrics.json"]
    )
    for name in PICTURES:
        with Image.open(run / "test" / name) as picture:
            assert picture.width > 400
    metrics = json.loads((run / "test" / "metrics.json").read_text())
    assert list(metrics["baselines"]) == ["majority", "question alone", "color histogram"]
    asked = [item for example in read_data(data).splits["test"] for item in example.items]
    assert sum(kind["n"] for kind in metrics["scores"]["kinds"].values()) == len(asked)
    assert metrics["scores"]["captions"].keys() == {"bleu4", "cider"}
    cost = json.loads((run / "test" / "cost.json").read_text())
    assert cost["parameters"] == Run(run).load_model().count_params()
    assert cost["milliseconds"] > 0
    assert cost["minutes"] >= 0


def test_answers_are_taken_again_and_score_the_same(run, data, monkeypatch):
    monkeypatch.setattr(Run, "load_model", lambda run: pytest.fail("nothing has changed"))
    again = evaluate_split(Run(run), read_data(data), "test")
    assert score(again.rows)["exact"] == again.scores["exact"]


def test_a_changed_model_or_data_set_is_asked_anew(copy, data, monkeypatch):
    asked = []
    load = Run.load_model
    monkeypatch.setattr(Run, "load_model", lambda run: asked.append(run.path) or load(run))
    lines = []
    other = replace(read_data(data), digest="other")
    evaluate_split(Run(copy), other, "test", lines.append)
    assert asked == [copy]
    assert "learnt from other data" in lines[0]
    with Run(copy).model_file.open("ab") as file:
        file.write(b"\n")
    evaluate_split(Run(copy), other, "test")
    assert asked == [copy, copy]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.json", "{"),
        ("metrics.json", None),
        ("answers.jsonl", '{"photo": "x"}\n'),
        ("answers.jsonl", ""),
        ("answers.jsonl", None),
    ],
)
def test_broken_or_missing_files_are_made_again_and_it_is_said(copy, data, name, content):
    whole = json.loads((copy / "test" / "metrics.json").read_text())["scores"]
    path = copy / "test" / name
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    lines = []
    assert evaluate_split(Run(copy), read_data(data), "test", lines.append).scores == whole
    assert json.loads((copy / "test" / "metrics.json").read_text())["scores"] == whole
    if (name, content) != ("metrics.json", None):
        assert str(path) in lines[0]
        assert "asked for again" in lines[0]


def test_what_cannot_be_evaluated_is_told(run, data, tmp_path):
    with pytest.raises(DataError, match="no photo in its unseen split"):
        evaluate_and_plot(Run(run), read_data(data), "unseen")
    with pytest.raises(RunError, match="is not a run"):
        evaluate_and_plot(Run(tmp_path), read_data(data), "test")


def test_data_without_boxes_has_no_colors_to_learn(run, data, monkeypatch, tmp_path):
    whole = read_data(data)
    bare = {
        split: [replace(example, photo=None) for example in examples]
        for split, examples in whole.splits.items()
    }
    shutil.copytree(run, tmp_path / "run")
    monkeypatch.setattr(evaluate_module, "_draw", lambda *_: None)
    metrics = evaluate_and_plot(Run(tmp_path / "run"), replace(whole, splits=bare), "test")
    assert list(metrics["baselines"]) == ["majority", "question alone"]
