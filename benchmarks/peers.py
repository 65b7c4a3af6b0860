"""Counts fruit with the released model, another detector and a classical counter.

    python benchmarks/peers.py DATA --yolox FILE

FILE is YOLOX-nano (Ge et al. 2021, "YOLOX: Exceeding YOLO Series in 2021"), trained on COCO, as
ONNX; it knows apples, bananas and oranges. The classical counter is OpenCV's recipe for touching
objects: Otsu's threshold, then peaks of the distance transform; it tells no kinds. Both get the
thresholds that are best on the validation split. Needs `pip install opencv-python-headless`. All
count the same photos in turns. Writes benchmarks/peers.md.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import onnxruntime

import fruit_caption as fc
from fruit_caption.data.dataset import Example, read_data
from fruit_caption.utils import markdown
from fruit_caption.utils.files import write_text

TABLE = Path(__file__).with_suffix(".md")
SPLITS = {"test": "test split", "unseen": "unseen source"}
ROUNDS = 3
COCO_KINDS = {46: "banana", 47: "apple", 49: "orange"}
SIDE, STRIDES = 416, (8, 16, 32)
"""Side of the pictures that YOLOX-nano takes, and the pixels per cell of its grids."""
MAX_OVERLAP = 0.5
"""Intersection over union above which two boxes are one fruit."""
OBJECTNESS = (0.15, 0.25, 0.35, 0.45, 0.55)
"""Thresholds for YOLOX."""
AREAS, DISTANCES = (0.002, 0.005, 0.01), (0.4, 0.55, 0.7)
"""Smallest area of a fruit as a share of the photo, and height of a peak as a share of the largest
distance in its region: thresholds for the classical counter."""

Count = Callable[[Sequence[Path]], list[Counter[str]]]
"""Counts the fruits of each kind in photos; "" is a fruit of any kind."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="data set of real photos")
    parser.add_argument("--yolox", type=Path, required=True, help="YOLOX-nano as ONNX file")
    args = parser.parse_args()
    splits = read_data(args.data).splits
    counters = {
        "the model that ships": release(),
        "YOLOX-nano (COCO)": _best(splits["validation"], yolox(args.yolox), OBJECTNESS),
        "contours (OpenCV)": _best(splits["validation"], contours, product(AREAS, DISTANCES)),
    }
    parts = ["Exact counts in %, number of cases in brackets; photos a second from JPEG files.\n"]
    for split, title in SPLITS.items():
        photos = [example.path for example in splits[split]]
        found, speeds = _in_turns(counters, photos)
        rows = [
            [name, *_scores(splits[split], found[name]), f"{speeds[name]:.0f}"] for name in counters
        ]
        columns = ["", "apples, bananas, oranges", "2 or more of them", "all fruit", "photos/s"]
        parts.append(f"## {title[0].upper()}{title[1:]}\n\n" + markdown.table(columns, rows))
    write_text(TABLE, "\n".join(parts))
    print(TABLE.read_text())


def release() -> Count:
    predictor = fc.load()

    def count(photos: Sequence[Path]) -> list[Counter[str]]:
        return [
            Counter({fruit: found.number for fruit, found in counts.items()})
            for _, counts in predictor.count_many(photos)
        ]

    return count


def yolox(file: Path) -> Callable[[float], Count]:
    session = onnxruntime.InferenceSession(file)
    [pixels] = session.get_inputs()
    cells = [(x, y, s) for s in STRIDES for y in range(SIDE // s) for x in range(SIDE // s)]
    left, top, stride = np.array(cells, "float32").T

    def count_one(photo: Path, threshold: float) -> Counter[str]:
        picture = cv2.imread(str(photo))
        scale = SIDE / max(picture.shape)
        shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=shrink)
        picture = picture[:SIDE, :SIDE]
        padding = [(0, SIDE - picture.shape[0]), (0, SIDE - picture.shape[1]), (0, 0)]
        picture = np.pad(picture, padding, constant_values=114).astype("float32")
        [[out]] = session.run(None, {pixels.name: picture.transpose(2, 0, 1)[None]})
        width, height = np.exp(out[:, 2:4].T) * stride
        x, y = (out[:, 0] + left) * stride - width / 2, (out[:, 1] + top) * stride - height / 2
        boxes = np.stack([x, y, width, height], axis=1)
        return Counter({
            kind: len(cv2.dnn.NMSBoxes(boxes, out[:, 4] * out[:, 5 + row], threshold, MAX_OVERLAP))
            for row, kind in COCO_KINDS.items()
        })  # fmt: skip

    return lambda threshold: lambda photos: [count_one(photo, threshold) for photo in photos]


def contours(thresholds: tuple[float, float]) -> Count:
    min_area, min_distance = thresholds

    def count_one(photo: Path) -> Counter[str]:
        saturation = cv2.cvtColor(cv2.imread(str(photo)), cv2.COLOR_BGR2HSV)[:, :, 1]
        saturation = cv2.medianBlur(saturation, 5)
        _, mask = cv2.threshold(saturation, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
        number, regions, boxes, _ = cv2.connectedComponentsWithStats(mask)
        fruits = 0
        for region in range(1, number):
            if boxes[region, cv2.CC_STAT_AREA] >= min_area * mask.size:
                inside = np.where(regions == region, distance, 0)
                peaks = (inside > min_distance * inside.max()).astype("uint8")
                fruits += cv2.connectedComponents(peaks)[0] - 1
        return Counter({"": fruits})

    return lambda photos: [count_one(photo) for photo in photos]


def _best(examples: Sequence[Example], build: Callable, thresholds: Sequence) -> Count:
    """The counter with the thresholds that get most validation counts right."""
    photos = [example.path for example in examples]

    def right(count: Count) -> int:
        found = count(photos)
        some = _cases(examples, found, kinds=any(any(numbers) for numbers in found))
        return sum(true == number for true, number in some)

    return max(map(build, thresholds), key=right)


def _cases(
    examples: Sequence[Example], found: Sequence[Counter[str]], kinds: bool, least: int = 1
) -> list[tuple[int, int]]:
    """True and found numbers of COCO's kinds where they are there, or else of all fruit."""
    cases = []
    for example, numbers in zip(examples, found, strict=True):
        photo = example.photo
        if photo is None:
            continue
        if not kinds:
            if (total := photo.total()) is not None:
                cases.append((total, sum(numbers.values())))
            continue
        for fruit, true in photo.counts().items():
            if fruit in COCO_KINDS.values() and (true or 0) >= least:
                cases.append((true or 0, numbers[fruit]))
    return cases


def _scores(examples: Sequence[Example], found: Sequence[Counter[str]]) -> list[str]:
    names = {name for numbers in found for name in numbers}
    columns = [
        _cases(examples, found, kinds=True) if names != {""} else [],
        _cases(examples, found, kinds=True, least=2) if names != {""} else [],
        _cases(examples, found, kinds=False) if names != {*COCO_KINDS.values()} else [],
    ]
    return [
        f"{100 * np.mean([true == number for true, number in cases]):.1f} ({len(cases)})"
        if cases
        else "-"
        for cases in columns
    ]


def _in_turns(
    counters: dict[str, Count], photos: Sequence[Path]
) -> tuple[dict[str, list[Counter[str]]], dict[str, float]]:
    """What each counter finds, and its median speed in photos a second."""
    found: dict[str, list[Counter[str]]] = {}
    seconds: dict[str, list[float]] = {name: [] for name in counters}
    for _ in range(ROUNDS):
        for name, count in counters.items():
            start = time.monotonic()
            found[name] = count(photos)
            seconds[name].append(time.monotonic() - start)
    return found, {name: len(photos) / median(times) for name, times in seconds.items()}


if __name__ == "__main__":
    main()
