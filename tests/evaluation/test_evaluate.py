"""A run is scored beside the baselines once, and again only when it or the data changed."""

import json
import shutil
from dataclasses import replace

import pytest
from PIL import Image

from fruit_caption import runs
from fruit_caption.data.dataset import read_data
from fruit_caption.evaluation import evaluate as evaluate_module
from fruit_caption.evaluation.evaluate import evaluate, measure
from fruit_caption.evaluation.metrics import score
from fruit_caption.training.trainer import train
from fruit_caption.utils.errors import DataError, RunError

PICTURES = (
    "by-count.png", "by-fruit.png", "confusion.png", "mistakes.png", "reliability.png", "right.png",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tiny, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    train(tiny, folder)
    evaluate(folder, read_data(data), "test")
    return folder


@pytest.fixture
def copy(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    return tmp_path / "run"


def test_what_is_written(run, data):
    assert sorted(path.name for path in (run / "test").iterdir()) == sorted(
        [*PICTURES, runs.ANSWERS, runs.METRICS]
    )
    for name in PICTURES:
        with Image.open(run / "test" / name) as picture:
            assert picture.width > 400
    metrics = json.loads((run / "test" / runs.METRICS).read_text())
    assert list(metrics["baselines"]) == ["majority", "question alone", "colour and contour"]
    asked = [item for example in read_data(data).splits["test"] for item in example.items]
    assert sum(kind["n"] for kind in metrics["scores"]["kinds"].values()) == len(asked)
    assert metrics["scores"]["captions"].keys() == {"bleu4", "cider"}
    assert metrics["cost"]["parameters"] == runs.load_run(run).count_params()
    assert metrics["cost"]["milliseconds"] > 0
    assert metrics["cost"]["minutes"] >= 0


def test_answers_are_taken_again_and_score_the_same(run, data, monkeypatch):
    monkeypatch.setattr(runs, "load_run", lambda folder: pytest.fail("nothing has changed"))
    again = measure(run, read_data(data), "test")
    assert score(again.rows)["exact"] == again.scores["exact"]


def test_a_changed_model_or_data_set_is_asked_anew(copy, data, monkeypatch):
    asked = []
    load = runs.load_run
    monkeypatch.setattr(runs, "load_run", lambda folder: asked.append(folder) or load(folder))
    lines = []
    other = replace(read_data(data), digest="other")
    measure(copy, other, "test", lines.append)
    assert asked == [copy]
    assert "learnt from other data" in lines[0]
    with (copy / runs.MODEL).open("ab") as file:
        file.write(b"\n")
    measure(copy, other, "test")
    assert asked == [copy, copy]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (runs.METRICS, "{"),
        (runs.METRICS, None),
        (runs.ANSWERS, '{"photo": "x"}\n'),
        (runs.ANSWERS, ""),
        (runs.ANSWERS, None),
    ],
)
def test_broken_or_missing_files_are_made_again_and_it_is_said(copy, data, name, content):
    whole = json.loads((copy / "test" / runs.METRICS).read_text())["scores"]
    path = copy / "test" / name
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    lines = []
    assert measure(copy, read_data(data), "test", lines.append).scores == whole
    assert json.loads((copy / "test" / runs.METRICS).read_text())["scores"] == whole
    if (name, content) != (runs.METRICS, None):
        assert str(path) in lines[0]
        assert "asked for again" in lines[0]


def test_what_cannot_be_evaluated_is_told(run, data, tmp_path):
    with pytest.raises(DataError, match="no photo in its unseen split"):
        evaluate(run, read_data(data), "unseen")
    with pytest.raises(RunError, match="is no run"):
        evaluate(tmp_path, read_data(data), "test")


def test_data_without_boxes_has_no_colours_to_learn(run, data, monkeypatch, tmp_path):
    whole = read_data(data)
    bare = {
        split: [replace(example, photo=None) for example in examples]
        for split, examples in whole.splits.items()
    }
    shutil.copytree(run, tmp_path / "run")
    monkeypatch.setattr(evaluate_module, "_draw", lambda *_: None)
    metrics = evaluate(tmp_path / "run", replace(whole, splits=bare), "test")
    assert list(metrics["baselines"]) == ["majority", "question alone"]
