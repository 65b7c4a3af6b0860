"""Whether a model claims what it can't know: `python benchmarks/honesty.py RUN DATA`.

Asks RUN about pictures that show no fruit, those of DATA's validation and test photos and some that
are drawn here; asks about the test photos once more after changes that change no answer; and asks
about fruits that are there and then about others that are not. Writes benchmarks/honesty.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

import fruit_caption as fc
from fruit_caption.data.dataset import DataSet, Example, read_data
from fruit_caption.inference.answer import Answer
from fruit_caption.inference.predictor import Predictor
from fruit_caption.utils.files import write_text
from fruit_caption.utils.images import open_picture

TABLE = Path(__file__).with_suffix(".md")
SIDE = 320
EMPTY = {"how many apples?": 0, "what fruit is this?": frozenset(), "is there any fruit?": False}
CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "mirrored": ImageOps.mirror,
    "0.7 times as large": lambda picture: ImageOps.scale(picture, 0.7),
    "1.4 times as large": lambda picture: ImageOps.scale(picture, 1.4),
    "JPEG, quality 40": lambda picture: _pressed(picture, 40),
    "30 % darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.7),
    "30 % brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("data", type=Path)
    given = parser.parse_args()
    eye, data = fc.load(given.run), read_data(given.data)
    lines = [
        "| pictures without fruit | n | question | surely wrong, % | not sure, % |",
        "| --- | ---: | --- | ---: | ---: |",
        *_about_nothing(eye, "photos", _fruitless(data)),
        *_about_nothing(eye, "drawn", drawn()),
        "",
        "| test photos | n | other answers, % | of answers that were sure, % |",
        "| --- | ---: | ---: | ---: |",
        *_changed(eye, data.splits["test"]),
        "",
        _swapped(eye, data.splits["test"]),
    ]
    write_text(TABLE, "\n".join(lines) + "\n")


def _fruitless(data: DataSet) -> list[Image.Image]:
    """Bread, eggs and plates: photos of which it is known that they show no fruit."""
    return [
        open_picture(example.path)
        for split in ("validation", "test")
        for example in data.splits[split]
        if example.photo and example.photo.exhaustive and not example.photo.boxes
    ]


def drawn() -> list[Image.Image]:
    """Black, white and colored frames, gradients, noise from fine to coarse, and pages of text."""
    rng = np.random.default_rng(0)
    colors = [(0, 0, 0), (255, 255, 255), *rng.integers(0, 256, (18, 3)).tolist()]
    frames = [Image.new("RGB", (SIDE, SIDE), tuple(color)) for color in colors]
    slopes = [
        ImageOps.colorize(Image.linear_gradient("L").rotate(30 * turn), *map(tuple, pair))
        for turn, pair in enumerate(rng.integers(0, 256, (20, 2, 3)).tolist())
    ]
    noise = [
        Image.fromarray(rng.integers(0, 256, (cells, cells, 3), "uint8")).resize((SIDE, SIDE))
        for cells in (4, 8, 16, 32, 64, 160, SIDE)
        for _ in range(3)
    ]
    return [*frames, *slopes, *noise, *(_page(rng) for _ in range(20))]


def _page(rng: np.random.Generator) -> Image.Image:
    page = Image.new("RGB", (SIDE, SIDE), "white")
    pen, letters = ImageDraw.Draw(page), "abcdefghijklmnopqrstuvwxyz      "
    for line in range(10, SIDE - 20, int(rng.integers(12, 40))):
        pen.text((10, line), "".join(rng.choice([*letters], 44)), fill="black")
    return page


def _about_nothing(eye: Predictor, name: str, pictures: Sequence[Image.Image]) -> list[str]:
    lines = []
    for question, truth in EMPTY.items():
        answers = [*eye.ask_many(pictures, [question])]
        wrong = np.mean([answer.is_confident and answer.value != truth for answer in answers])
        unsure = np.mean([not answer.is_confident for answer in answers])
        lines.append(
            f"| {name} | {len(answers)} | {question} | {100 * wrong:.1f} | {100 * unsure:.1f} |"
        )
    return lines


def _changed(eye: Predictor, examples: Sequence[Example]) -> list[str]:
    before, lines = _asked(eye, examples, lambda picture: picture), []
    for name, change in CHANGES.items():
        after = _asked(eye, examples, change)
        other = [o.text != n.text for o, n in zip(before, after, strict=True)]
        sure = [flip for flip, answer in zip(other, before, strict=True) if answer.is_confident]
        lines.append(
            f"| {name} | {len(other)} | {100 * np.mean(other):.1f} | {100 * np.mean(sure):.1f} |"
        )
    return lines


def _asked(
    eye: Predictor, examples: Iterable[Example], change: Callable[[Image.Image], Image.Image]
) -> list[Answer]:
    """Answers to all questions about photos that were changed; captions are no questions."""
    answers = []
    for example in examples:
        questions = [item.question for item in example.items if item.kind != "caption"]
        if questions:
            answers += eye.ask_many([change(open_picture(example.path))], questions)
    return answers


def _swapped(eye: Predictor, examples: Sequence[Example]) -> str:
    """Of two questions about one photo, one after a fruit that is there and one after another."""
    changed = []
    for example in examples:
        asked = {item.question: item for item in example.items if item.kind == "count"}
        there = [question for question, item in asked.items() if " no " not in item.answer]
        absent = [question for question in asked if question not in there]
        if there and absent:
            sight = eye.encode(open_picture(example.path))
            changed.append(sight.ask(there[0]).value != sight.ask(absent[0]).value)
    share = 100 * np.mean(changed)
    return (
        "Asked about a fruit that is there and then about one that is not, it gives another number "
        f"for {share:.1f} % of {len(changed)} test photos."
    )


def _pressed(picture: Image.Image, quality: int) -> Image.Image:
    file = BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return open_picture(file)


if __name__ == "__main__":
    main()
