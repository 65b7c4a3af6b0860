"""What an export costs in right answers: `python benchmarks/exports.py RUN DATA`.

The test questions of DATA are answered by the Keras model of RUN and by its exports, whose weights
have 32 and 16 bits. Writes benchmarks/exports.md.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fruit_caption.data.dataset import Example, read_data
from fruit_caption.data.features import load_pixels
from fruit_caption.data.qa import Prediction
from fruit_caption.evaluation.metrics import score
from fruit_caption.inference import exported
from fruit_caption.inference.export import export
from fruit_caption.inference.exported import Format
from fruit_caption.models.decoding import Runtime, decode
from fruit_caption.runs import Run
from fruit_caption.utils.files import write_text

TABLE = Path(__file__).with_suffix(".md")
FORMS: tuple[tuple[Format, int], ...] = (("onnx", 32), ("onnx", 16), ("litert", 32))
COLUMNS = (
    "model",
    "MB",
    "right, %",
    "counts, %",
    "2 and more, %",
    "other texts than Keras",
    "confidence differs by up to",
    "ms an answer",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("data", type=Path)
    given = parser.parse_args()
    run = Run.named(given.run).path
    examples = read_data(given.data).splits["test"]
    expected, took = _answers(Run(run).load_model(), examples)
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        "| --- |" + " ---: |" * (len(COLUMNS) - 1),
        _line("Keras", (Run(run).model_file).stat().st_size, expected, expected, took),
    ]
    for form, bits in FORMS:
        with tempfile.TemporaryDirectory() as name:
            copy = Path(name)
            for file in ("model.keras", "config.json"):
                shutil.copy(run / file, copy)
            size = sum(file.stat().st_size for file in export(copy, form, bits).iterdir())
            model = exported.current(Run(copy))
            assert model
            rows, took = _answers(model, examples)
        lines.append(_line(f"{form}, {bits} bits", size, rows, expected, took))
        print(lines[-1], flush=True)
    write_text(TABLE, "\n".join(lines) + "\n")


def _answers(model: Runtime, examples: Sequence[Example]) -> tuple[list[Prediction], float]:
    """The answers to all questions, photo by photo, and the seconds that one took."""
    look, rows, began = model.encoder_fn(), [], time.perf_counter()
    for example in examples:
        seen = look(load_pixels([example.path], model.image_size))
        (answers,) = decode(model, seen, [[item.question for item in example.items]])
        rows += [
            Prediction(example.name, item, said.text, said.confidence)
            for item, said in zip(example.items, answers, strict=True)
        ]
    return rows, (time.perf_counter() - began) / len(rows)


def _line(
    name: str, size: int, rows: list[Prediction], expected: list[Prediction], took: float
) -> str:
    scores = score(rows)
    shares = (scores["exact"], scores["kinds"]["count"]["exact"], scores["several"]["exact"])
    others = sum(ours.answer != theirs.answer for ours, theirs in zip(rows, expected, strict=True))
    apart = [abs(o.confidence - t.confidence) for o, t in zip(rows, expected, strict=True)]
    cells = [
        f"{size / 1e6:.1f}",
        *(f"{100 * share:.1f}" for share in shares),
        f"{others} of {len(rows)}",
        f"{np.max(apart):.1e}",
        f"{1e3 * took:.0f}",
    ]
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
