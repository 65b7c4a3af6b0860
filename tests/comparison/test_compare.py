"""A comparison trains missing runs, reuses finished ones, and writes a self-contained report."""

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from fruit_caption.comparison import compare as compare_module
from fruit_caption.comparison.compare import VARIANTS, Variant, compare
from fruit_caption.config import ModelConfig, RunConfig, TrainingConfig
from fruit_caption.models import captioner, encoders
from fruit_caption.runs import Run
from fruit_caption.utils.errors import FruitError, RunError, WeightsError

NAMES = ["pretrained", "scratch + attention", "scratch"]
SOME = [Variant.named(name) for name in NAMES]
SCRATCH = [Variant.named("scratch")]
BASELINES = ["majority", "question alone"]


@pytest.fixture(scope="module")
def compared(plain_data, tmp_path_factory):
    """The config of a comparison, its folder, its result, and its status messages."""
    config = RunConfig(
        data=str(plain_data),
        model=ModelConfig(
            encoder_weights="saved", freeze=True, image_size=48, channels=8, units=16
        ),
        training=TrainingConfig(epochs=1, batch_size=8, questions=4, pretrain_steps=0),
    )
    folder = tmp_path_factory.mktemp("comparison")
    lines = []
    return config, folder, compare(config, folder, SOME, report=lines.append), lines


@pytest.fixture
def copy(compared, tmp_path):
    shutil.copytree(compared[1], tmp_path / "comparison")
    return tmp_path / "comparison"


def test_variants_by_name():
    names = [variant.name for variant in VARIANTS]
    assert names == ["pretrained + attention", "pretrained", "scratch + attention", "scratch"]
    assert [Variant.named(name) for name in names] == list(VARIANTS)
    assert Variant.named(" MobileNetV3Large+ attention ") == Variant("MobileNetV3Large", True)
    for name in ("", "+ attention", "scratch + luck", "scratch +"):
        with pytest.raises(FruitError, match="is not a variant"):
            Variant.named(name)


def test_results_contain_baselines_and_variants(compared):
    _, folder, comparison, _ = compared
    assert list(comparison["results"]["test"]) == [*BASELINES, "blind", *NAMES]
    assert json.loads((folder / "comparison.json").read_text()) == comparison
    assert list(comparison["costs"]) == ["blind", *NAMES]
    assert comparison["costs"]["scratch"]["parameters"] > 1000


def test_variants_share_what_they_have_in_common(compared, tmp_path, monkeypatch):
    config, _, _, _ = compared
    detectors, pretraining = {}, {}

    def pretend(config, run, listener):
        detectors[run.path.name] = config.detector
        pretraining[run.path.name] = Path(config.pretraining).name
        Path(config.pretraining).touch()
        run.path.mkdir(parents=True)
        run.write_history([{"stage": "detector", "epoch": 1}])

    monkeypatch.setattr(compare_module, "_train_or_reuse", pretend)
    variants = [Variant.named("scratch + attention"), Variant.named("scratch")]
    compare_module._train_all(config, tmp_path, variants, 2, None, lambda _: None)
    assert detectors == {
        "blind-0": None,
        "blind-1": None,
        "scratch-attention-0": None,
        "scratch-attention-1": None,
        "scratch-0": str(tmp_path / "scratch-attention-0"),
        "scratch-1": str(tmp_path / "scratch-attention-1"),
    }
    assert pretraining == {
        run: f"pretraining-{'attention' if 'attention' in run else 'none'}-{run[-1]}.weights.h5"
        for run in detectors
    }
    assert not list(tmp_path.glob("pretraining-*"))  # all runs are trained


def test_compared_variants_differ_in_one_property(compared):
    differences = compared[2]["differences"]["test"]
    overall = [(d["of"], d["over"]) for d in differences if d["subset"] == "overall"]
    assert overall == [
        ("pretrained", "scratch"),
        ("scratch + attention", "scratch"),
        *((name, "blind") for name in NAMES),
    ]
    results = compared[2]["results"]["test"]
    for row in differences:
        if row["subset"] == "overall":
            gain = results[row["of"]][0]["exact"] - results[row["over"]][0]["exact"]
            assert row["mean"] == pytest.approx(gain, abs=1e-4)
            assert row["low"] <= row["mean"] <= row["high"]


def test_trained_variants_are_reused(compared):
    config, folder, comparison, _ = compared
    models = {path: path.stat().st_mtime_ns for path in folder.glob("*/model.keras")}
    assert len(models) == 4
    assert compare(config, folder, SOME) == comparison
    assert {path: path.stat().st_mtime_ns for path in models} == models


def test_more_seeds_can_be_added(compared, copy, monkeypatch):
    config, _, _, _ = compared
    before = {path: path.stat().st_mtime_ns for path in copy.glob("*/model.keras")}

    def reuse(config, run, resume, listener):
        """Copies the run of seed 0 instead of training."""
        assert not resume
        shutil.copytree(run.path.with_name(run.path.name.replace("-1", "-0")), run.path)
        run.write_config(config)

    monkeypatch.setattr(compare_module, "train", reuse)
    comparison = compare(config, copy, SCRATCH, seeds=2)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (copy / "scratch-1" / "model.keras").is_file()
    assert len(comparison["results"]["test"]["scratch"]) == 2
    assert len(comparison["results"]["test"]["majority"]) == 1
    assert Run(copy / "scratch-1").read_config().training.seed == 1
    assert " ± " in (copy / "comparison.md").read_text()


def test_a_removed_run_is_trained_again_with_the_same_settings(compared, copy, monkeypatch):
    config, folder, comparison, _ = compared
    shutil.rmtree(copy / "scratch-0")

    def train_again(config, run, resume, listener):
        finished = Run(folder / run.path.name)
        assert not config.differences(finished.read_config())
        assert not resume
        shutil.copytree(finished.path, run.path)

    monkeypatch.setattr(compare_module, "train", train_again)
    again = compare(config, copy, SCRATCH)["results"]["test"]["scratch"]
    assert again == comparison["results"]["test"]["scratch"]


def test_a_broken_metrics_file_is_replaced(compared, copy):
    config, _, comparison, _ = compared
    (copy / "scratch-0" / "test" / "metrics.json").write_text("[")
    lines = []
    again = compare(config, copy, SCRATCH, report=lines.append)["results"]["test"]["scratch"]
    assert again == comparison["results"]["test"]["scratch"]
    assert any("scratch-0/test" in line and "is evaluated again" in line for line in lines)


def test_runs_with_other_settings_or_data_are_errors(compared, copy):
    config = compared[0]
    other = replace(config, training=replace(config.training, epochs=2))
    with pytest.raises(RunError, match=r"scratch-0 was trained with other settings \(epochs\)"):
        compare(other, copy, SCRATCH)
    content = json.loads((copy / "scratch-0" / "config.json").read_text())
    content["data_digest"] = "other"
    (copy / "scratch-0" / "config.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"scratch-0 .*\(data_digest\)"):
        compare(config, copy, SCRATCH)


def test_where_weights_cannot_be_downloaded_the_encoder_that_ships_is_used(
    compared, copy, monkeypatch
):
    config, _, _, _ = compared

    def no_internet(name, size, weights, freeze):
        if weights == "saved":
            return encoders.scratch(size)
        raise WeightsError("No weights.")

    monkeypatch.setattr(encoders, "build_pretrained", no_internet)
    monkeypatch.setattr(captioner, "_copy_shipped_weights", lambda *_: None)
    chosen = replace(config, model=replace(config.model, encoder_weights="my.weights.h5"))
    with pytest.raises(WeightsError):
        compare(chosen, copy / "other", [Variant.named("pretrained")])
    downloaded = replace(config, model=replace(config.model, encoder_weights="imagenet"))
    shutil.rmtree(copy / "pretrained-0")
    lines = []
    both = [Variant.named("pretrained + attention"), Variant.named("pretrained")]
    some = [*both, Variant.named("MobileNetV3Large"), *SCRATCH]
    comparison = compare(downloaded, copy, some, report=lines.append)
    reasons = {
        "vgg16": "No weights. The encoder of the released model takes its place.",
        "MobileNetV3Large": "No weights. It is left out.",
    }
    assert comparison["changed"] == reasons
    for name, reason in reasons.items():
        assert reason in lines
        assert f"{name}: {reason}" in (copy / "comparison.md").read_text().splitlines()
    assert list(comparison["results"]["test"]) == [
        *BASELINES, "blind", *(variant.name for variant in both), "scratch"
    ]  # fmt: skip
    for name in ("pretrained-0", "pretrained-attention-0"):
        used = Run(copy / name).read_config().model
        assert (used.encoder, used.encoder_weights) == ("efficientnet-lite0", "shipped")


class PageParser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.text.append(data)


def test_graphs_are_drawn(compared):
    for name in ("accuracy-test.png", "learning-curves.png", "cost.png"):
        with Image.open(compared[1] / name) as picture:
            assert picture.width > 1000
            assert len(picture.convert("RGBA").getcolors(10**6)) > 20


def test_the_report_is_self_contained(compared):
    html = (compared[1] / "report.html").read_text()
    page = PageParser()
    page.feed(html)
    assert page.links
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert not re.search(r"@import|url\(|<script|<link", html)
    text = " ".join(page.text)
    for name in ("majority", "blind", "scratch + attention", "scratch", "how many"):
        assert name in text
