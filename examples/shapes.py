r"""Makes a data set of questions about shapes instead of fruit.

    python examples/shapes.py data/shapes

Converts easy-VQA (Zhou 2019, "Easy Visual Question Answering"; `pip install easy-vqa`) to a folder
that `fruit train`, `fruit evaluate` and `fruit compare` can use: 5,000 pictures of one colored
shape each, with questions such as "is there not a blue shape?". Its test split stays the test
split; every tenth of the other pictures is for validation. Without boxes, the whole model is
trained in one stage:

    fruit compare --data data/shapes --name shapes --image-size 64 --epochs 30 \
        --variant "scratch + attention"

The question alone answers 66.8 % of the 9,673 test questions.
"""

from __future__ import annotations

import shutil
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import easy_vqa

from fruit_caption.data.formats.coco import IMAGES
from fruit_caption.data.qa import PhotoQA, QAPair, write_qa
from fruit_caption.data.records import Split

ANSWERS = {
    "shape": ("circle", "rectangle", "triangle"),
    "yes or no": ("yes", "no"),
}
"""Answers to each kind of question; all other answers are colors."""


def convert(out: Path, max_pictures: int | None = None) -> None:
    """Write `out/qa.json` and `out/images`.

    Args:
        out: The folder of the data set.
        max_pictures: Maximum number of pictures from each part of easy-VQA, training and test.
    """
    (out / IMAGES).mkdir(parents=True, exist_ok=True)
    pairs = [
        *_read_part(
            "train", easy_vqa.get_train_questions(), easy_vqa.get_train_image_paths(), max_pictures
        ),
        *_read_part(
            "test", easy_vqa.get_test_questions(), easy_vqa.get_test_image_paths(), max_pictures
        ),
    ]
    for source, text in pairs:
        shutil.copyfile(source, out / IMAGES / text.file_name)
    write_qa(out, [text for _, text in pairs], {"from": "easy-VQA"})


def _read_part(
    part: Split,
    questions: tuple[Sequence[str], Sequence[str], Sequence[int]],
    paths: Mapping[int, str],
    max_pictures: int | None,
) -> list[tuple[str, PhotoQA]]:
    """Return the file of each picture and the questions about it."""
    by_picture = defaultdict(list)
    for question, answer, picture in zip(*questions, strict=True):
        by_picture[picture].append(QAPair(question, answer, _kind(answer), None, "easy-VQA"))
    pairs = []
    for picture in sorted(by_picture)[:max_pictures]:
        split: Split = "validation" if part == "train" and picture % 10 == 0 else part
        text = PhotoQA(f"{part}-{picture}.png", split, None, tuple(by_picture[picture]))
        pairs.append((paths[picture], text))
    return pairs


def _kind(answer: str) -> str:
    return next((kind for kind, answers in ANSWERS.items() if answer in answers), "color")


if __name__ == "__main__":
    convert(Path(sys.argv[1]))
