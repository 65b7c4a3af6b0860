"""A data set that is not about fruit trains, is scored and compared with no change to the code."""

import importlib.util
from pathlib import Path

import pytest

from fruit_caption.comparison.compare import Variant, compare
from fruit_caption.config import ModelConfig, RunConfig, TrainingConfig
from fruit_caption.data.dataset import read_data

pytest.importorskip("easy_vqa")


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    path = Path(__file__).parents[2] / "examples" / "shapes.py"
    spec = importlib.util.spec_from_file_location("shapes", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    out = tmp_path_factory.mktemp("shapes")
    module.convert(out, most=20)
    return out


def test_what_is_converted(shapes):
    data = read_data(shapes)
    assert {split: len(examples) for split, examples in data.splits.items()} == {
        "train": 18, "validation": 2, "test": 20, "unseen": 0,
    }  # fmt: skip
    items = [item for split in data.splits.values() for example in split for item in example.items]
    assert {item.kind for item in items} == {"shape", "color", "yes or no"}
    assert ("what is the blue shape?", "rectangle") in {(i.question, i.answer) for i in items}
    assert data.fruits == ()


def test_it_is_compared(shapes, tmp_path):
    config = RunConfig(
        data=str(shapes),
        model=ModelConfig(image_size=32, channels=8, units=16),
        training=TrainingConfig(epochs=1, batch_size=16),
    )
    comparison = compare(config, tmp_path, [Variant.named("scratch + attention")])
    results = comparison["results"]["test"]
    assert list(results) == ["majority", "question alone", "blind", "scratch + attention"]
    assert set(results["scratch + attention"][0]["kinds"]) == {"shape", "color", "yes or no"}
    page = (tmp_path / "report.html").read_text()
    assert "scratch + attention" in page
