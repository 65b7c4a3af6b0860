"""Counts what a data set contains.

    python benchmarks/contents.py DATA

Writes benchmarks/contents.md: photos by source, counts per photo, and questions by kind, each by
split.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from fruit_caption.data.formats.coco import IMAGES, read_coco
from fruit_caption.data.qa import PhotoQA, read_qa
from fruit_caption.data.records import Photo, Split
from fruit_caption.utils import markdown
from fruit_caption.utils.files import write_text

TABLES = Path(__file__).with_suffix(".md")
MAX_COUNT = 6
"""Counts from this one on share a row."""
COMPOSED_NAME = re.compile(r"composed_\d+_\d+")

Cell = tuple[str, str]
"""Row and split."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="data set")
    folder = parser.parse_args().data
    texts, images = read_qa(folder), folder / IMAGES
    photos = {
        photo.path.relative_to(images).as_posix(): photo for photo in read_coco(folder).photos
    }
    pairs = [(photos[text.file_name], text) for text in texts]
    tables = (
        table("photos from", count_sources(pairs)),
        table("fruits of a kind in a photo", count_numbers(pairs)),
        table("questions", count_questions(texts)),
    )
    write_text(TABLES, "\n".join(tables))


def count_sources(pairs: Iterable[tuple[Photo, PhotoQA]]) -> Counter[Cell]:
    """Count the photos of each source; composed photos are a row of their own."""
    cells = Counter[Cell]()
    for photo, text in pairs:
        is_composed = COMPOSED_NAME.fullmatch(photo.path.stem)
        source = f"{photo.source or '-'} ({photo.license})"
        cells["composed of the others" if is_composed else source, text.split] += 1
    return cells


def count_numbers(pairs: Iterable[tuple[Photo, PhotoQA]]) -> Counter[Cell]:
    """Count how often a photo shows 1, 2, … fruits of a kind."""
    cells = Counter[Cell]()
    for photo, text in pairs:
        for number in photo.counts().values():
            if number is None:
                cells["not known", text.split] += 1
            else:
                row = f"{number}" if number < MAX_COUNT else f"{MAX_COUNT}+"
                cells[row, text.split] += 1
    return cells


def count_questions(texts: Iterable[PhotoQA]) -> Counter[Cell]:
    return Counter((pair.kind, text.split) for text in texts for pair in text.qa_pairs)


def table(title: str, cells: Counter[Cell]) -> str:
    """Format counts with a column for each split; rows that begin with a digit come first."""
    splits = [split for split in get_args(Split) if any(column == split for _, column in cells)]
    names = sorted({name for name, _ in cells}, key=lambda name: (not name[0].isdigit(), name))
    rows = [[name, *(f"{cells[name, split]:,}" for split in splits)] for name in names]
    totals = (sum(cells[name, split] for name in names) for split in splits)
    return markdown.table([title, *splits], [*rows, ["all", *(f"{n:,}" for n in totals)]])


if __name__ == "__main__":
    main()
