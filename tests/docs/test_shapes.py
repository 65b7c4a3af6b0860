"""A data set that is not about fruit can be trained on, evaluated and compared."""

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
    module.convert(out, max_pictures=20)
    return out


def test_all_splits_and_kinds_of_question_are_converted(shapes):
    data = read_data(shapes)
    assert {split: len(examples) for split, examples in data.splits.items()} == {
        "train": 18, "validation": 2, "test": 20, "unseen": 0,
    }  # fmt: skip
    pairs = [
        pair for split in data.splits.values() for example in split for pair in example.qa_pairs
    ]
    assert {pair.kind for pair in pairs} == {"shape", "color", "yes or no"}
    assert ("what is the blue shape?", "rectangle") in {(p.question, p.answer) for p in pairs}
    assert data.fruits == ()


def test_variants_are_compared_on_shapes(shapes, tmp_path):
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
