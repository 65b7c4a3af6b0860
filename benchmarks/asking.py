"""What batches buy: `python benchmarks/asking.py RUN PHOTOS`.

Asks the same question about the same photos one call a photo and all in one call, in turns, and
prints the median photos a second of each and their ratio.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import fruit_caption as fc
from fruit_caption.inference.sources import find_pictures

QUESTION = "how many apples?"
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("photos", type=Path, help="a folder")
    parser.add_argument("--most", type=int, default=200)
    given = parser.parse_args()
    eye = fc.load(given.run)
    photos = find_pictures([str(given.photos)])[: given.most]
    ways: dict[str, Callable[[], list[str]]] = {
        "one call a photo": lambda: [eye.ask(photo, QUESTION).text for photo in photos],
        "one call": lambda: [answer.text for answer in eye.ask_many(photos, [QUESTION])],
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(1 + ROUNDS):  # the first warms up
        said = []
        for name, ask in ways.items():
            began = time.perf_counter()
            said.append(ask())
            speeds[name].append(len(photos) / (time.perf_counter() - began))
        differ = sum(one != other for one, other in zip(*said, strict=True))
    for name, found in speeds.items():
        print(f"{name}: {median(found[1:]):.1f} photos a second")
    alone, together = (median(found[1:]) for found in speeds.values())
    print(f"{len(photos)} photos, ratio {together / alone:.1f}, {differ} answers differ")


if __name__ == "__main__":
    main()
