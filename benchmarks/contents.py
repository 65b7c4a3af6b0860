"""What a data set holds: `python benchmarks/contents.py data/fruit` writes benchmarks/contents.md.

Photos by source and split, how many fruits of a kind they show, and questions by kind.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from fruit_caption.data.formats.coco import IMAGES, read_coco
from fruit_caption.data.qa import PhotoQA, read_qa
from fruit_caption.data.records import Photo, Split
from fruit_caption.utils.files import write_text

TABLES = Path(__file__).with_suffix(".md")
MANY = 6
MADE = re.compile(r"(composed|mosaic)_\d+_\d+")
Cell = tuple[str, str]


def main() -> None:
    folder = Path(sys.argv[1])
    texts = {text.file_name: text for text in read_qa(folder)}
    images = folder / IMAGES
    photos = {
        photo.path.relative_to(images).as_posix(): photo for photo in read_coco(folder).photos
    }
    shown = [(photos[name], text) for name, text in texts.items()]
    write_text(
        TABLES,
        "\n".join(
            [
                *table("photos from", sources(shown)),
                *table("fruits of a kind in a photo", numbers(shown)),
                *table("questions", kinds(texts.values())),
            ]
        ),
    )


def sources(shown: Iterable[tuple[Photo, PhotoQA]]) -> Counter[Cell]:
    """Where photos are from; of those made from others, how they were made."""
    found = Counter[Cell]()
    for photo, text in shown:
        made = MADE.fullmatch(photo.path.stem)
        source = f"{made[1]} of the others" if made else f"{photo.source or '-'} ({photo.license})"
        found[source, text.split] += 1
    return found


def numbers(shown: Iterable[tuple[Photo, PhotoQA]]) -> Counter[Cell]:
    """How often a photo shows so many of a kind, and how often that is not known."""
    found = Counter[Cell]()
    for photo, text in shown:
        for number in photo.counts().values():
            many = "not known" if number is None else f"{number}" if number < MANY else f"{MANY}+"
            found[many, text.split] += 1
    return found


def kinds(texts: Iterable[PhotoQA]) -> Counter[Cell]:
    return Counter((item.kind, text.split) for text in texts for item in text.items())


def table(name: str, cells: Counter[Cell]) -> list[str]:
    """Rows of Markdown: numbers by split; rows that begin with a number come first."""
    splits = [split for split in get_args(Split) if any(column == split for _, column in cells)]
    rows = sorted({row for row, _ in cells}, key=lambda row: (not row[0].isdigit(), row))
    lines = [" | ".join([row, *(f"{cells[row, split]:,}" for split in splits)]) for row in rows]
    total = [
        f"{sum(n for (_, column), n in cells.items() if column == split):,}" for split in splits
    ]
    return [
        f"| {name} | {' | '.join(splits)} |",
        "| --- |" + " ---: |" * len(splits),
        *(f"| {line} |" for line in lines),
        f"| in all | {' | '.join(total)} |",
        "",
    ]


if __name__ == "__main__":
    main()
