"""Checks whether a model makes confident claims that it can't know.

    python benchmarks/honesty.py RUN DATA

Asks RUN about pictures without fruit: validation and test photos of DATA, and synthetic pictures.
Asks about the test photos again after changes that don't change the true answers. Asks about a
fruit that is present and then about one that is absent. Writes benchmarks/honesty.md.
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
from fruit_caption.utils import markdown
from fruit_caption.utils.files import write_text
from fruit_caption.utils.images import decode_picture, open_picture

Change = Callable[[Image.Image], Image.Image]

TABLE = Path(__file__).with_suffix(".md")
SIDE = 320
"""Side of the synthetic pictures in pixels."""
TRUE_WITHOUT_FRUIT = {
    "how many apples?": 0,
    "what fruit is this?": frozenset(),
    "is there any fruit?": False,
}
"""Questions about pictures without fruit, and their true answers."""
CHANGES: dict[str, Change] = {
    "mirrored": ImageOps.mirror,
    "scaled by 0.7": lambda picture: ImageOps.scale(picture, 0.7),
    "scaled by 1.4": lambda picture: ImageOps.scale(picture, 1.4),
    "JPEG, quality 40": lambda picture: _compress(picture, 40),
    "30 % darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.7),
    "30 % brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="name or path of a run")
    parser.add_argument("data", type=Path, help="data set of real photos")
    args = parser.parse_args()
    predictor, data = fc.load(args.run), read_data(args.data)
    test = data.splits["test"]
    without_fruit = [
        *_without_fruit(predictor, "photos", _fruitless_photos(data)),
        *_without_fruit(predictor, "synthetic", synthetic_pictures()),
    ]
    tables = (
        markdown.table(
            ["pictures without fruit", "n", "question", "confident and wrong, %", "not sure, %"],
            without_fruit,
            align="lrlrr",
        ),
        markdown.table(
            ["test photos", "n", "answers changed, %", "confident answers changed, %"],
            _changed(predictor, test),
        ),
        _present_and_absent(predictor, test),
    )
    write_text(TABLE, "\n".join(tables))


def _fruitless_photos(data: DataSet) -> list[Image.Image]:
    """Return the photos that are known to show no fruit: bread, eggs, plates."""
    return [
        open_picture(example.path)
        for split in ("validation", "test")
        for example in data.splits[split]
        if example.photo and example.photo.exhaustive and not example.photo.boxes
    ]


def synthetic_pictures() -> list[Image.Image]:
    """Draw plain colors, gradients, noise from fine to coarse, and pages of text."""
    rng = np.random.default_rng(0)
    colors = [(0, 0, 0), (255, 255, 255), *rng.integers(0, 256, (18, 3)).tolist()]
    plain = [Image.new("RGB", (SIDE, SIDE), tuple(color)) for color in colors]
    gradients = [
        ImageOps.colorize(Image.linear_gradient("L").rotate(30 * turn), *map(tuple, pair))
        for turn, pair in enumerate(rng.integers(0, 256, (20, 2, 3)).tolist())
    ]
    noise = [
        Image.fromarray(rng.integers(0, 256, (cells, cells, 3), "uint8")).resize((SIDE, SIDE))
        for cells in (4, 8, 16, 32, 64, 160, SIDE)
        for _ in range(3)
    ]
    return [*plain, *gradients, *noise, *(_text_page(rng) for _ in range(20))]


def _text_page(rng: np.random.Generator) -> Image.Image:
    page = Image.new("RGB", (SIDE, SIDE), "white")
    draw, letters = ImageDraw.Draw(page), "abcdefghijklmnopqrstuvwxyz      "
    for y in range(10, SIDE - 20, int(rng.integers(12, 40))):
        draw.text((10, y), "".join(rng.choice([*letters], 44)), fill="black")
    return page


def _without_fruit(
    predictor: Predictor, name: str, pictures: Sequence[Image.Image]
) -> list[list[str]]:
    """Return a row for each question about pictures without fruit."""
    rows = []
    for question, truth in TRUE_WITHOUT_FRUIT.items():
        answers = [*predictor.ask_many(pictures, [question])]
        wrong = [answer.is_confident and answer.value != truth for answer in answers]
        unsure = [not answer.is_confident for answer in answers]
        rows.append([name, f"{len(answers)}", question, _percent(wrong), _percent(unsure)])
    return rows


def _changed(predictor: Predictor, examples: Sequence[Example]) -> list[list[str]]:
    """Return a row for each change of the photos."""
    before, rows = _ask(predictor, examples, lambda picture: picture), []
    for name, change in CHANGES.items():
        after = _ask(predictor, examples, change)
        changed = [old.text != new.text for old, new in zip(before, after, strict=True)]
        confident = [c for c, answer in zip(changed, before, strict=True) if answer.is_confident]
        rows.append([name, f"{len(changed)}", _percent(changed), _percent(confident)])
    return rows


def _ask(predictor: Predictor, examples: Iterable[Example], change: Change) -> list[Answer]:
    """Ask all questions, except for captions, about changed photos."""
    answers = []
    for example in examples:
        questions = [pair.question for pair in example.qa_pairs if pair.kind != "caption"]
        if questions:
            answers += predictor.ask_many([change(open_picture(example.path))], questions)
    return answers


def _present_and_absent(predictor: Predictor, examples: Sequence[Example]) -> str:
    """Ask two count questions about each photo, about a fruit that is present and an absent one."""
    differs = []
    for example in examples:
        pairs = {pair.question: pair for pair in example.qa_pairs if pair.kind == "count"}
        present = [question for question, pair in pairs.items() if " no " not in pair.answer]
        absent = [question for question in pairs if question not in present]
        if present and absent:
            encoded = predictor.encode(open_picture(example.path))
            differs.append(encoded.ask(present[0]).value != encoded.ask(absent[0]).value)
    return (
        "Asked how many there are of a fruit that is present, and of one that is absent, the model "
        f"gives different numbers for {_percent(differs)} % of {len(differs)} test photos.\n"
    )


def _compress(picture: Image.Image, quality: int) -> Image.Image:
    file = BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return decode_picture(file.getvalue(), "a compressed photo")


def _percent(values: Sequence[bool]) -> str:
    return f"{100 * np.mean(values):.1f}"


if __name__ == "__main__":
    main()
