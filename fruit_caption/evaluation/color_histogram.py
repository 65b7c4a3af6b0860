"""A classical baseline that counts fruits by their colors, without a neural network.

1. A pixel is fruit if its color is more probable on fruit than on the background, by Bayes' rule on
   color histograms (Jones & Rehg 2002).
2. Touching fruits are separated where the region is narrow, with a distance transform.
3. Each region gets the name of the training boxes with the most similar histograms, by histogram
   intersection (Swain & Ballard 1991).

All thresholds were chosen on validation photos.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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

PHOTO_SIDE = 160
"""Longer side in pixels to which photos are scaled."""

BINS = (8, 13, 13)
"""Number of histogram bins in L*, a* and b*. Odd numbers put grays, even noisy ones, in one bin of
a* and b*."""

MAX_CHROMA = 78
"""Largest absolute a* and b* of the histogram; the few colors beyond fall into the last bin."""

XYZ = np.array(
    [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0177, 0.1095, 0.8728]], np.float32
)
"""Matrix from linear sRGB to CIE XYZ, with white at 1."""

LAB = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]], np.float32)
"""Matrix from the cube roots of XYZ to CIELAB (CIE 1976)."""

INNER_SHARE = 0.8
"""Size of the ellipse in a box that certainly shows fruit, relative to the box."""

BORDER = 3
"""Width of the photo's border in pixels, which is taken as a sample of its background."""

BORDER_WEIGHT = 0.8
"""Weight of the border in the background histogram; the training photos have the rest."""

SMOOTHING = 2.0
"""Standard deviation in pixels of the blur over the fruit probability."""

CORE_DEPTH = 0.6
"""Minimum depth of a fruit's core, relative to the depth of the deepest pixel in its region."""

SMALL_PERCENTILE = 1
"""Percentile of the training boxes' areas that is taken as the area of a small fruit."""

MIN_AREA = 0.5
"""Minimum area of a region, relative to a small fruit: fruits may be partly hidden or missed."""

NEIGHBORS = 5
"""Number of training boxes that vote on the name of a region."""


@dataclass(frozen=True, eq=False)
class ColorHistogram:
    """Statistics of the colors and sizes of training boxes.

    Attributes:
        kinds: Name of the fruit in each box.
        colors: Histogram of each box's inner ellipse, float32 (boxes, bins), each with sum 1.
        background: Histogram of the pixels outside all boxes' ellipses, float (bins,), sum 1.
        fruit_share: Share of all pixels that lie in the ellipses.
        min_area: Minimum area of a fruit, as a share of the photo.
    """

    kinds: tuple[str, ...]
    colors: np.ndarray
    background: np.ndarray
    fruit_share: float
    min_area: float

    @classmethod
    def fit(cls, train: Sequence[Example]) -> ColorHistogram:
        """Collect the statistics of photos with boxes.

        Args:
            train: Examples; those without boxes are ignored.

        Raises:
            DataError: No example has boxes.
            PictureError: A photo can't be read.
        """
        kinds, colors, areas, covered = [], [], [], []
        # Laplace smoothing: a color that never occurs in training counts as background.
        background = np.ones(int(np.prod(BINS)))
        for example in train:
            photo = example.photo
            if not photo or not photo.boxes:
                continue
            bins = _quantize(open_picture(example.path))
            distances = [_box_distance(box, photo, *bins.shape) for box in photo.boxes]
            kinds += [box.fruit for box in photo.boxes]
            colors += [_histogram(bins[distance <= INNER_SHARE]) for distance in distances]
            areas += [float(np.mean(distance <= 1)) for distance in distances]
            nearest = np.min(distances, axis=0)
            covered.append(float(np.mean(nearest <= 1)))
            background += np.bincount(bins[nearest > 1], minlength=background.size)
        if not kinds:
            raise DataError("No training photo has boxes, which the color histograms need.")
        return cls(
            tuple(kinds),
            np.array(colors),
            background / background.sum(),
            float(np.mean(covered)),
            MIN_AREA * float(np.percentile(areas, SMALL_PERCENTILE)),
        )

    def count(self, picture: Image.Image) -> dict[str, int]:
        """Count the fruits in a picture.

        Args:
            picture: An RGB picture of any size.

        Returns:
            The number of each fruit that was found, by name.
        """
        bins = _quantize(picture)
        labels = _separate(self._fruit_mask(bins))
        regions = [bins[labels == number] for number in range(1, labels.max() + 1)]
        minimum = self.min_area * bins.size
        return dict(
            Counter(self._classify(_histogram(part)) for part in regions if part.size >= minimum)
        )

    def _fruit_mask(self, bins: np.ndarray) -> np.ndarray:
        """Return which pixels are fruit, bool (rows, columns), given their histogram bins."""
        edges = [bins[:BORDER], bins[-BORDER:], bins[:, :BORDER], bins[:, -BORDER:]]
        border = _histogram(np.concatenate([edge.ravel() for edge in edges]))
        background = BORDER_WEIGHT * border + (1 - BORDER_WEIGHT) * self.background
        fruit = self.fruit_share * self.colors.mean(axis=0)
        probability = fruit / (fruit + (1 - self.fruit_share) * background)
        mask = ndimage.gaussian_filter(probability[bins], SMOOTHING) > 0.5
        return np.asarray(ndimage.binary_fill_holes(mask))

    def _classify(self, histogram: np.ndarray) -> str:
        """Return the fruit with the largest sum of overlaps among the nearest boxes."""
        overlap = np.minimum(self.colors, histogram).sum(axis=1)
        votes: dict[str, float] = {}
        for box in np.argsort(-overlap, kind="stable")[:NEIGHBORS]:
            votes[self.kinds[box]] = votes.get(self.kinds[box], 0.0) + float(overlap[box])
        return max(votes, key=votes.__getitem__)


def color_histogram_baseline(train: Sequence[Example], test: Sequence[Example]) -> list[Prediction]:
    """Answer questions from the counts of a `ColorHistogram`.

    Args:
        train: Examples to fit the histograms to.
        test: Examples to answer.

    Returns:
        The answers, with confidence 1. Questions of kinds that are not in `KINDS` are left out; if
        `train` has no boxes, there are no answers.

    Raises:
        PictureError: A photo can't be read.
    """
    if not any(example.photo and example.photo.boxes for example in train):
        return []
    counter = ColorHistogram.fit(train)
    rows = []
    for example in test:
        pairs = [pair for pair in example.qa_pairs if pair.kind in (*KINDS, CAPTION)]
        if pairs:
            counts = counter.count(open_picture(example.path))
            rows += [Prediction(example.name, pair, _answer(pair, counts), 1.0) for pair in pairs]
    return rows


def _answer(pair: QAPair, counts: dict[str, int]) -> str:
    number = counts.get(pair.fruit, 0) if pair.fruit else sum(counts.values())
    values: dict[Kind, Value] = {
        "count": number,
        "total": number,
        "identify": frozenset(counts),
        "presence": number > 0,
    }
    for kind, value in values.items():
        if pair.kind == kind:
            return templates.answer(kind, pair.fruit, value)
    return templates.caption(dict(sorted(counts.items())))


def _quantize(picture: Image.Image) -> np.ndarray:
    """Return the histogram bin of each pixel of the scaled picture, (rows, columns)."""
    scale = PHOTO_SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    pixels = np.asarray(picture.resize(size, Image.Resampling.BILINEAR), np.float32) / 255
    offset = np.array([-16, MAX_CHROMA, MAX_CHROMA], np.float32)
    lab = np.cbrt(pixels**2.2 @ XYZ.T) @ LAB.T + offset
    steps = lab * (np.array(BINS) / [100, 2 * MAX_CHROMA, 2 * MAX_CHROMA]).astype(np.float32)
    return np.ravel_multi_index(tuple(np.moveaxis(steps.astype(int), 2, 0)), BINS, mode="clip")


def _histogram(bins: np.ndarray) -> np.ndarray:
    """Return the share of each bin among some pixels, float32 (bins,)."""
    counts = np.bincount(bins, minlength=int(np.prod(BINS)))
    return (counts / bins.size).astype(np.float32)


def _box_distance(box: FruitBox, photo: Photo, rows: int, columns: int) -> np.ndarray:
    """Return each pixel's distance from the center of a box, float (rows, columns).

    The photo is scaled to (rows, columns). The distance is 1 on the ellipse that fits the box.
    """
    scale_y, scale_x = rows / photo.height, columns / photo.width
    y = np.arange(rows)[:, None] + 0.5 - (box.top + box.height / 2) * scale_y
    x = np.arange(columns) + 0.5 - (box.left + box.width / 2) * scale_x
    # The radius is at least 1 pixel, so that the center of the smallest box is fruit.
    return np.hypot(y / max(1, box.height / 2 * scale_y), x / max(1, box.width / 2 * scale_x))


def _separate(mask: np.ndarray) -> np.ndarray:
    """Separate touching fruits.

    Where fruits touch, the region is narrow. So the pixels deep inside a region form one core for
    each fruit; the other pixels belong to the nearest core.

    Args:
        mask: Fruit pixels, bool (rows, columns).

    Returns:
        The number of each pixel's fruit from 1, or 0 for background, int (rows, columns).
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
