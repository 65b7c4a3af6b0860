"""A classical baseline: counts fruit by color and contour, as it was done before learnt features.

Pixels are fruit where their color is likelier on fruit than on the ground (Bayes' rule on color
histograms, Jones & Rehg 2002). Touching fruits are parted where the region is narrow, by its
distance transform. Each part is named after the training boxes whose histograms overlap its own
most: the histogram intersection of Swain & Ballard 1991. So the reader sees what learning buys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage

from fruit_caption.data.qa import CAPTION, Prediction, QAPair
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.language import templates
from fruit_caption.language.questions import KINDS, Kind, Value
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.images import open_picture

if TYPE_CHECKING:
    from fruit_caption.data.dataset import Example

SIDE = 160
"""Longer side in pixels of a photo while it is looked at."""

BINS = (8, 13, 13)
"""Steps of L*, a* and b* that colors are told apart in. Odd numbers keep all grays in one step of
a* and b*, whatever the noise."""

CHROMA = 78
"""Largest a* and b*; the few colors beyond fall into the last step."""

XYZ = np.array(
    [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0177, 0.1095, 0.8728]], np.float32
)
LAB = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]], np.float32)
"""From light of the sRGB screen colors to CIE XYZ, white being 1, and from its cube roots to
CIELAB (CIE 1976)."""

INNER_SHARE = 0.8
"""Size of the ellipse in a box that is fruit for sure, in shares of the box."""

FRAME, FRAME_SHARE = 3, 0.8
"""Pixels along a photo's edges that are taken for its own ground, and how much that counts beside
the grounds of all training photos."""

SMOOTHING = 2.0
"""Standard deviation in pixels of the blur over each pixel's chance to be fruit."""

CORE_DEPTH = 0.6
"""A fruit's core lies at least so deep in its region, in shares of the deepest place."""

SMALL_PERCENT, LEAST_SHARE = 1, 0.5
"""A fruit is small if so many of the training boxes are smaller. A part counts from this share of
a small fruit's area on: it may be half hidden, or half found."""

NEIGHBORS = 5
"""The training boxes that vote on a name. As all thresholds here, chosen on validation photos."""


@dataclass(frozen=True, eq=False)
class ColorHistogram:
    """What the boxes of training photos tell about colors and sizes.

    Attributes:
        kinds: the kind of fruit in each box.
        colors: float32 (boxes, bins), the histogram of each box's inner ellipse, sum 1.
        ground: float (bins,), the histogram of what lies outside the ellipses of all boxes, sum 1.
        fruit_share: share of the photos' pixels that lies in these ellipses.
        least_area: what is smaller, in shares of its photo, is no fruit.
    """

    kinds: tuple[str, ...]
    colors: np.ndarray
    ground: np.ndarray
    fruit_share: float
    least_area: float

    @classmethod
    def learn(cls, train: Sequence[Example]) -> ColorHistogram:
        """Learn from the photos that have boxes; the others are passed over.

        Raises:
            DataError: none has.
            PictureError: a photo can't be read.
        """
        kinds, colors, areas, covered = [], [], [], []
        # Every color was seen once on some ground (Laplace): one never seen on fruit is ground.
        ground = np.ones(int(np.prod(BINS)))
        for example in train:
            photo = example.photo
            if not photo or not photo.boxes:
                continue
            color = _quantize(open_picture(example.path))
            fruits = [_distance_from_middle(box, photo, *color.shape) for box in photo.boxes]
            kinds += [box.fruit for box in photo.boxes]
            colors += [_histogram(color[fruit <= INNER_SHARE]) for fruit in fruits]
            areas += [float(np.mean(fruit <= 1)) for fruit in fruits]
            nearest = np.min(fruits, axis=0)
            covered.append(float(np.mean(nearest <= 1)))
            ground += np.bincount(color[nearest > 1], minlength=ground.size)
        if not kinds:
            raise DataError("No training photo has boxes; colors are learnt from boxes alone.")
        return cls(
            tuple(kinds),
            np.array(colors),
            ground / ground.sum(),
            float(np.mean(covered)),
            LEAST_SHARE * float(np.percentile(areas, SMALL_PERCENT)),
        )

    def count(self, picture: Image.Image) -> dict[str, int]:
        """The kinds of fruit seen in an RGB picture of any size, each with its number."""
        color = _quantize(picture)
        parts = _part(self._find_fruit(color))
        found = [color[parts == number] for number in range(1, parts.max() + 1)]
        least = self.least_area * color.size
        return dict(Counter(self._name(_histogram(part)) for part in found if part.size >= least))

    def _find_fruit(self, color: np.ndarray) -> np.ndarray:
        """Whether each pixel, of which `color` (rows, columns) tells the bin, is fruit."""
        edges = [color[:FRAME], color[-FRAME:], color[:, :FRAME], color[:, -FRAME:]]
        frame = _histogram(np.concatenate([edge.ravel() for edge in edges]))
        ground = FRAME_SHARE * frame + (1 - FRAME_SHARE) * self.ground
        fruit = self.fruit_share * self.colors.mean(axis=0)
        chance = fruit / (fruit + (1 - self.fruit_share) * ground)
        mask = ndimage.gaussian_filter(chance[color], SMOOTHING) > 0.5
        return np.asarray(ndimage.binary_fill_holes(mask))

    def _name(self, histogram: np.ndarray) -> str:
        """The kind that the boxes with the likest colors vote for, each by its overlap."""
        overlap = np.minimum(self.colors, histogram).sum(axis=1)
        votes: dict[str, float] = {}
        for box in np.argsort(-overlap, kind="stable")[:NEIGHBORS]:
            votes[self.kinds[box]] = votes.get(self.kinds[box], 0.0) + float(overlap[box])
        return max(votes, key=votes.__getitem__)


def color_histogram_baseline(train: Sequence[Example], test: Sequence[Example]) -> list[Prediction]:
    """Answer what is asked about the fruits in `test` from what a `ColorHistogram` sees there.

    Questions of other kinds than ours are left out; without boxes in `train` all are.

    Raises:
        PictureError: a photo can't be read.
    """
    if not any(example.photo and example.photo.boxes for example in train):
        return []
    counter = ColorHistogram.learn(train)
    rows = []
    for example in test:
        items = [item for item in example.items if item.kind in (*KINDS, CAPTION)]
        if items:
            counts = counter.count(open_picture(example.path))
            rows += [Prediction(example.name, item, _say(item, counts), 1.0) for item in items]
    return rows


def _say(item: QAPair, counts: dict[str, int]) -> str:
    number = counts.get(item.fruit, 0) if item.fruit else sum(counts.values())
    values: dict[Kind, Value] = {
        "count": number,
        "total": number,
        "identify": frozenset(counts),
        "presence": number > 0,
    }
    for kind, value in values.items():
        if item.kind == kind:
            return templates.answer(kind, item.fruit, value)
    # Of a box, a caption tells the kind only.
    boxes = [FruitBox(fruit, 0, 0, 0, 0) for fruit in counts for _ in range(counts[fruit])]
    return templates.caption(Photo(Path(), 0, 0, tuple(boxes)).counts())


def _quantize(picture: Image.Image) -> np.ndarray:
    """The bin of each pixel's color, (rows, columns), of the picture made small."""
    scale = SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    pixels = np.asarray(picture.resize(size, Image.Resampling.BILINEAR), np.float32) / 255
    lab = np.cbrt(pixels**2.2 @ XYZ.T) @ LAB.T + np.array([-16, CHROMA, CHROMA], np.float32)
    steps = lab * (np.array(BINS) / [100, 2 * CHROMA, 2 * CHROMA]).astype(np.float32)
    return np.ravel_multi_index(tuple(np.moveaxis(steps.astype(int), 2, 0)), BINS, mode="clip")


def _histogram(color: np.ndarray) -> np.ndarray:
    """Share of each bin among some pixels, float32 (bins,)."""
    counts = np.bincount(color, minlength=int(np.prod(BINS)))
    return (counts / color.size).astype(np.float32)


def _distance_from_middle(box: FruitBox, photo: Photo, rows: int, columns: int) -> np.ndarray:
    """How far each pixel (rows, columns) of a photo made small lies from the middle of a box.

    The distance is 1 on the ellipse that fits the box.
    """
    down, across = rows / photo.height, columns / photo.width
    y = np.arange(rows)[:, None] + 0.5 - (box.top + box.height / 2) * down
    x = np.arange(columns) + 0.5 - (box.left + box.width / 2) * across
    # However small the fruit, the pixel in its middle is fruit.
    return np.hypot(y / max(1, box.height / 2 * down), x / max(1, box.width / 2 * across))


def _part(mask: np.ndarray) -> np.ndarray:
    """Part touching fruits: the number of its fruit for each pixel (rows, columns), 0 for ground.

    Where fruits touch, the way from ground to ground is short. So what lies deep in a region falls
    into a core for each fruit; the other pixels go with the nearest core.
    """
    if not mask.any():
        return np.zeros(mask.shape, int)
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    regions, number = ndimage.label(mask)
    deepest = ndimage.maximum(depth, regions, np.arange(number + 1))
    cores, _ = ndimage.label(depth > CORE_DEPTH * deepest[regions])
    row, column = ndimage.distance_transform_edt(
        cores == 0, return_distances=False, return_indices=True
    )
    return np.where(mask, cores[row, column], 0)
