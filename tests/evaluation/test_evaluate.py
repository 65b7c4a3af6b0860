"""Evaluating a run: the files it writes, and when saved answers are reused."""

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
from fruit_caption.utils.errors import DataError, RunError

PLOTS = ("by-count.png", "by-fruit.png", "confusion.png", "reliability.png")
SHEETS = ("mistakes.png", "right.png")


@pytest.fixture(scope="module")
def run(learnt, tmp_path_factory):
    """A copy of a trained run that has answered the test split."""
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    shutil.copytree(learnt[0], folder)
    evaluate_and_plot(Run(folder), read_data(learnt[2]), "test")
    return folder


@pytest.fixture
def copy(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    return tmp_path / "run"


def test_files_of_an_evaluation(run, data):
    assert sorted(path.name for path in (run / "test").iterdir()) == sorted(
        [*PLOTS, *SHEETS, "answers.jsonl", "cost.json", "metrics.json"]
    )
    for name in PLOTS:
        with Image.open(run / "test" / name) as plot:
            assert plot.width == 1200
    for name in SHEETS:
        with Image.open(run / "test" / name) as sheet:
            assert sheet.width > 200  # the width of its title if there are no photos
    metrics = json.loads((run / "test" / "metrics.json").read_text())
    assert list(metrics["baselines"]) == ["majority", "question alone", "color histogram"]
    items = [item for example in read_data(data).splits["test"] for item in example.qa_pairs]
    assert sum(kind["n"] for kind in metrics["scores"]["kinds"].values()) == len(items)
    assert metrics["scores"]["captions"].keys() == {"bleu4", "cider"}
    detector, photos = metrics["scores"]["detector"], read_data(data).splits["test"]
    assert list(detector) == ["present", "several", "total", "single", "kind", "overall"]
    assert detector["total"]["n"] == len(photos)
    assert 0 <= detector["overall"]["exact"] <= 1
    assert all("detector" not in scores for scores in metrics["baselines"].values())
    cost = json.loads((run / "test" / "cost.json").read_text())
    assert cost["parameters"] == Run(run).load_model().count_params()
    assert cost["milliseconds"] > 0
    assert cost["minutes"] >= 0


def test_saved_answers_are_reused_and_score_the_same(run, data, monkeypatch):
    monkeypatch.setattr(Run, "load_model", lambda run: pytest.fail("nothing has changed"))
    again = evaluate_split(Run(run), read_data(data), "test")
    assert score(again.rows)["exact"] == again.scores["exact"]


def test_a_changed_model_or_data_set_is_evaluated_again(copy, data, monkeypatch):
    loaded = []
    load = Run.load_model
    monkeypatch.setattr(Run, "load_model", lambda run: loaded.append(run.path) or load(run))
    messages = []
    other = replace(read_data(data), digest="other")
    evaluate_split(Run(copy), other, "test", messages.append)
    assert loaded == [copy]
    assert "trained on other data" in messages[0]
    with Run(copy).model_file.open("ab") as file:
        file.write(b"\n")
    evaluate_split(Run(copy), other, "test")
    assert loaded == [copy, copy]


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
def test_broken_or_missing_files_are_made_again(copy, data, name, content):
    scores = json.loads((copy / "test" / "metrics.json").read_text())["scores"]
    path = copy / "test" / name
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    messages = []
    assert evaluate_split(Run(copy), read_data(data), "test", messages.append).scores == scores
    assert json.loads((copy / "test" / "metrics.json").read_text())["scores"] == scores
    if (name, content) != ("metrics.json", None):
        assert str(path) in messages[0]
        assert "evaluated again" in messages[0]


def test_empty_splits_and_missing_runs_raise(run, data, tmp_path):
    with pytest.raises(DataError, match="no photos in its unseen split"):
        evaluate_and_plot(Run(run), read_data(data), "unseen")
    with pytest.raises(RunError, match="is not a run"):
        evaluate_and_plot(Run(tmp_path), read_data(data), "test")


def test_data_without_boxes_has_no_color_histogram_baseline(run, data, monkeypatch, tmp_path):
    dataset = read_data(data)
    without_boxes = {
        split: [replace(example, photo=None) for example in examples]
        for split, examples in dataset.splits.items()
    }
    shutil.copytree(run, tmp_path / "run")
    monkeypatch.setattr(evaluate_module, "_draw_plots", lambda *_: None)
    dataset = replace(dataset, splits=without_boxes, digest="without boxes")
    metrics = evaluate_and_plot(Run(tmp_path / "run"), dataset, "test")
    assert list(metrics["baselines"]) == ["majority", "question alone"]
    assert metrics["scores"]["detector"]["overall"] == {"n": 0, "exact": None}
