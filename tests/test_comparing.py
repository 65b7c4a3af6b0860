"""The comparison trains what is missing, reuses the rest, and says what was left out."""

import json
from dataclasses import replace

import pytest
from PIL import Image

from fruit_caption import comparing
from fruit_caption.comparing import KINDS, VARIANTS, compare, markdown
from fruit_caption.errors import RunError, WeightsError
from fruit_caption.models import encoders


@pytest.fixture(scope="module")
def compared(data, tmp_path_factory):
    from fruit_caption.config import ModelConfig, RunConfig, TrainingConfig

    config = RunConfig(
        data=str(data),
        model=ModelConfig(encoder_weights="saved", image_size=48, channels=8, units=16),
        training=TrainingConfig(epochs=1, batch_size=8, questions=4),
    )
    folder = tmp_path_factory.mktemp("comparison")
    lines = []
    return config, folder, compare(config, folder, report=lines.append), lines


def test_all_variants_stand_beside_the_baselines(compared):
    _, folder, comparison, _ = compared
    names = ["majority", "blind", *(variant.name for variant in VARIANTS)]
    assert list(comparison["results"]["test"]) == names
    assert json.loads((folder / "comparison.json").read_text()) == comparison
    table = (folder / "comparison.md").read_text()
    assert table == markdown(comparison)
    assert [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| ")][2:] == [
        f"| {name}" for name in names
    ]


def test_graphs_are_pictures(compared):
    _, folder, _, _ = compared
    for name in ("accuracy-test.png", "learning-curves.png"):
        with Image.open(folder / name) as picture:
            assert picture.width > 1000
            assert len(picture.convert("RGB").getcolors(10**6)) > 20


def test_trained_variants_are_reused(compared):
    config, folder, comparison, _ = compared
    models = {path: path.stat().st_mtime_ns for path in folder.glob("*/model.keras")}
    assert len(models) == 5
    assert compare(config, folder) == comparison
    assert {path: path.stat().st_mtime_ns for path in models} == models
    other = replace(config, training=replace(config.training, seed=1))
    with pytest.raises(RunError, match="other settings"):
        compare(other, folder)


def test_without_weights_the_pretrained_variants_are_left_out_and_it_is_said(
    compared, tmp_path, monkeypatch
):
    config, folder, _, _ = compared

    def no_internet(*_):
        raise WeightsError("no weights")

    monkeypatch.setattr(encoders, "pretrained", no_internet)
    with pytest.raises(WeightsError):
        compare(config, tmp_path)
    downloaded = replace(config, model=replace(config.model, encoder_weights="imagenet"))
    for variant in VARIANTS:
        if variant.encoder == "vgg16":
            (folder / variant.name.replace(" + ", "-") / "model.keras").unlink()
            (folder / variant.name.replace(" + ", "-") / "config.json").unlink()
    lines = []
    comparison = compare(downloaded, folder, report=lines.append)
    assert list(comparison["left_out"]) == ["pretrained + attention", "pretrained"]
    assert (
        "pretrained + attention is left out: no weights"
        in (folder / "comparison.md").read_text().splitlines()
    )
    assert "pretrained is left out: no weights" in lines
    assert list(comparison["results"]["test"]) == [
        "majority", "blind", "scratch + attention", "scratch",
    ]  # fmt: skip


def test_the_table_by_hand():
    scores = {
        "n": 10,
        "exact": 0.5,
        "kinds": {"count": {"n": 10, "exact": 0.5, "within_one": 0.75, "rmse": 1.234, "read": 1.0}},
        "several": {"n": 0, "exact": None},
    }
    comparison = {
        "data": {"photos": {"test": 4}},
        "results": {"test": {"majority": scores}},
        "left_out": {},
    }
    lines = markdown(comparison).splitlines()
    assert lines[0] == "Right answers in %, test split: 4 photos, 10 questions."
    assert lines[4] == "| majority | 50.0 | 50.0 | - | - | - | - | - | 75.0 | 1.23 |"
    assert len(comparing.COLUMNS) == len(KINDS) + 4
