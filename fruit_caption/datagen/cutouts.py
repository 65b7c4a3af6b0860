"""Segments the fruit in a bounding box (GrabCut-like), or rejects the box if unsure.

Everything around the box is background. Two color models, one of the background and one of the
fruit, are fitted alternately, as in GrabCut (Rother et al. 2004), with a blur in place of the graph
cut. The background model includes darker shades, so that shadows count as background.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.rendering.sdf import Array
from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.images import open_picture
from fruit_caption.utils.paths import encodable
from fruit_caption.utils.progress import Progress, no_progress, report_progress

Mask = npt.NDArray[np.bool_]

MAX_PER_FRUIT = 80
"""Maximum number of cutouts per kind of fruit; more take minutes and add little variety."""

MAX_SIDE = 112
"""Boxes are scaled down to this longer side in pixels before they are segmented."""

MIN_BOX_SIDE = 32
"""Minimum shorter side of a box in pixels; smaller fruits show too little detail."""

EDGE_MARGIN = 0.01
"""Minimum distance of a box from the edge of the photo, as a share of the photo's side. Closer
boxes may hold a fruit that is cut off."""

MAX_OVERLAP = 0.04
"""Maximum share of a box that may lie in another box; more may hide part of the fruit."""

CONTEXT = 0.22
"""Width of the background strip around a box, as a share of the box's longer side."""

SLACK = 0.04
"""Distance by which a fruit may extend beyond its box, as a share of the box's longer side."""

ROUNDS = 4
"""Number of times that the two color models are fitted."""

COLORS = 5
"""Number of colors (mixture components) of each model."""

SAMPLES = 800
"""Approximate number of pixels that a model is fitted to."""

MIN_PIXELS = 50
"""Minimum number of pixels to fit a model to."""

SHADES = (1.0, 0.9, 0.78, 0.64)
"""Lightness of the background in shadows, relative to full light; 0.64 is a quarter of the light
(0.64 ** 3 = 0.26)."""

AREA_RANGE = (0.3, 0.93)
"""Minimum and maximum share of its box that a fruit fills; an ellipse fills 0.79."""

MIN_BOX_IOU = 0.84
"""Minimum intersection over union of the annotated box and the box around the cutout."""

MAX_SPILL = 0.1
"""Maximum share of the background strip that is classified as fruit."""

MAX_BORDER_CONTACT = 0.12
"""Maximum share of the border of the box, slack included, that the fruit may touch."""

MIN_CONFIDENT = 0.85
"""Minimum share of pixels in the box that are clearly fruit or clearly background."""

MAX_RAGGEDNESS = 1.45
"""Maximum length of the outline, relative to that of a convex fruit of the same extent."""


@dataclass(frozen=True)
class Cutout:
    """A fruit without its background.

    Attributes:
        fruit: Kind of fruit.
        pixels: uint8 RGB (height, width, 3). Beyond the edge, the fruit's colors continue.
        cover: Share of each pixel (height, width) that is fruit, from 0 to 1.
        surround: Mean sRGB color (3,) of the background, from 0 to 1.
        photo: Photo that the fruit is from.
    """

    fruit: str
    pixels: npt.NDArray[np.uint8]
    cover: Array
    surround: Array
    photo: Photo


def extract_cutouts(
    photos: Sequence[Photo], progress: Progress = no_progress
) -> tuple[list[Cutout], int]:
    """Cut whole fruits out of photos, up to `MAX_PER_FRUIT` of each kind.

    Photos that can't be read are skipped.

    Returns:
        The cutouts, and the number of boxes that were tried.
    """
    cutouts: list[Cutout] = []
    number: Counter[str] = Counter()
    tried = 0
    # A fixed pseudorandom order, so that no source is preferred.
    shuffled = sorted(
        photos, key=lambda photo: hashlib.sha256(encodable(photo.path.name).encode()).digest()
    )
    for photo in report_progress(shuffled, "cutting fruits out of photos", progress):
        boxes = [box for box in whole_fruit_boxes(photo) if number[box.fruit] < MAX_PER_FRUIT]
        try:
            pixels = np.asarray(open_picture(photo.path)) if boxes else np.empty(0, np.uint8)
        except PictureError:
            continue
        found = [cutout for box in boxes if (cutout := extract_cutout(photo, pixels, box))]
        number.update(cutout.fruit for cutout in found)
        cutouts += found
        tried += len(boxes)
    return cutouts, tried


def whole_fruit_boxes(photo: Photo) -> Iterator[FruitBox]:
    """The boxes that hold a single whole fruit: large, not at the edge, not overlapped."""
    across, down = EDGE_MARGIN * photo.width, EDGE_MARGIN * photo.height
    for box in photo.boxes:
        if (
            across < box.left < photo.width - across - box.width
            and down < box.top < photo.height - down - box.height
            and min(box.width, box.height) >= MIN_BOX_SIDE
            and photo.count(box.fruit) is not None  # not a bunch
            and all(_overlap(box, b) <= MAX_OVERLAP for b in photo.boxes if b is not box)
        ):
            yield box


def extract_cutout(photo: Photo, pixels: npt.NDArray[np.uint8], box: FruitBox) -> Cutout | None:
    """Cut one fruit out of its photo, uint8 RGB (height, width, 3).

    Returns:
        The cutout, or None if the segmentation looks wrong.
    """
    patch, inside, others = _crop(photo, pixels, box)
    colors = _perceptual_colors(patch)
    loose = ndimage.binary_dilation(inside, iterations=max(1, round(SLACK * max(inside.shape))))
    around = ~loose & ~others
    if around.sum() < MIN_PIXELS or _ellipse(inside, 0.62).sum() < MIN_PIXELS:
        return None
    log_odds = _fruit_log_odds(colors, inside, around)
    mask = _clean((log_odds > 0) & loose & ~others)
    if not _is_plausible(mask, log_odds, inside, loose, around):
        return None
    return _cut(photo, box.fruit, patch, mask, around)


def _overlap(box: FruitBox, other: FruitBox) -> float:
    """The share of a box that lies in another one."""
    across = min(box.left + box.width, other.left + other.width) - max(box.left, other.left)
    down = min(box.top + box.height, other.top + other.height) - max(box.top, other.top)
    return max(across, 0) * max(down, 0) / (box.width * box.height)


# Input ---------------------------------------------------------------------------------------


def _crop(
    photo: Photo, pixels: npt.NDArray[np.uint8], box: FruitBox
) -> tuple[npt.NDArray[np.uint8], Mask, Mask]:
    """Crop a box with the strip around it, and scale it to at most `MAX_SIDE` pixels.

    Returns:
        uint8 RGB (height, width, 3), the mask (height, width) of the box, and the mask of all
        other boxes.
    """
    pad = CONTEXT * max(box.width, box.height)
    left, top = max(0, math.floor(box.left - pad)), max(0, math.floor(box.top - pad))
    right = min(photo.width, math.ceil(box.left + box.width + pad))
    bottom = min(photo.height, math.ceil(box.top + box.height + pad))
    scale = min(1.0, MAX_SIDE / max(box.width, box.height))
    width, height = round((right - left) * scale), round((bottom - top) * scale)
    crop = Image.fromarray(pixels[top:bottom, left:right])
    patch = np.asarray(crop.resize((width, height), Image.Resampling.BOX))
    inside, others = np.zeros((2, height, width), bool)
    for other in photo.boxes:
        ends = np.array([other.left, other.top, other.left + other.width, other.top + other.height])
        ends = np.rint((ends - [left, top, left, top]) * scale).clip(0)
        x, y, x_end, y_end = ends.astype(int)
        (inside if other == box else others)[y:y_end, x:x_end] = True
    return patch, inside, others & ~inside


def _perceptual_colors(pixels: npt.NDArray[np.uint8]) -> Array:
    """Convert sRGB to Oklab (height, width, 3) (Ottosson 2020), with half the lightness.

    A shadow scales all three components and leaves the hue unchanged.
    """
    light = np.square(pixels.astype(np.float32) / 255)
    cones = np.cbrt(light @ RGB_TO_CONES.T + np.float32(1e-4))
    lab: Array = (cones @ CONES_TO_LAB.T) * np.array([0.5, 1, 1], np.float32)
    return lab


RGB_TO_CONES = np.array(
    [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]], np.float32
)
CONES_TO_LAB = np.array(
    [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]], np.float32
)


# Color models --------------------------------------------------------------------------------


def _fruit_log_odds(colors: Array, inside: Mask, around: Mask) -> Array:
    """Log-odds (height, width) that a pixel is fruit, from the two color models."""
    fruit = _ellipse(inside, 0.62)
    flat = colors.reshape(-1, 3)
    prior = np.where(_ellipse(inside, 1.08), np.float32(0.3), np.float32(-0.9))
    log_odds = np.zeros(inside.shape, np.float32)
    for _ in range(ROUNDS):
        background = around | (
            inside & ~ndimage.binary_dilation(fruit, iterations=2) & (log_odds < 0)
        )
        lit = _subsample(colors[background], SAMPLES // 2)
        shaded = np.concatenate([lit * np.float32(shade) for shade in SHADES])
        likelihood = _log_likelihood(_subsample(colors[fruit], SAMPLES), flat)
        score = likelihood - _log_likelihood(shaded, flat) + np.log(len(SHADES)) / 2
        log_odds = _blur(np.clip(score.reshape(inside.shape) + prior, -6, 6), 1)
        fruit = (log_odds > 0.5) & inside
        if fruit.sum() < MIN_PIXELS:
            break
    return log_odds


def _ellipse(inside: Mask, scale: float) -> Mask:
    """Mask of the ellipse that fits into the box, scaled about its center."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    y = (np.arange(len(inside)) - rows.mean()) / (len(rows) / 2)
    x = (np.arange(inside.shape[1]) - columns.mean()) / (len(columns) / 2)
    ellipse: Mask = y[:, None] ** 2 + x[None, :] ** 2 < scale**2
    return ellipse


def _subsample(colors: Array, number: int) -> Array:
    """About `number` evenly spaced rows of colors (samples, 3)."""
    return colors[:: max(1, len(colors) // number)]


def _log_likelihood(samples: Array, colors: Array) -> Array:
    """Log-likelihood (pixels,) of colors (pixels, 3) under a Gaussian mixture fitted to samples.

    Only the most likely component of the mixture counts; the others hardly change the sum.
    """
    labels = _cluster(samples)
    terms = []
    for label in np.unique(labels):
        members = samples[labels == label]
        centered = members - members.mean(0)
        covariance = centered.T @ centered / len(members) + 2.5e-4 * np.eye(3, dtype=np.float32)
        whiten = np.linalg.inv(np.linalg.cholesky(covariance)).astype(np.float32)
        deviation = (colors - members.mean(0)) @ whiten.T
        distance = np.einsum("ij,ij->i", deviation, deviation)
        weight = np.log(len(members) / len(samples)) + np.log(np.diag(whiten)).sum()
        terms.append(weight - distance / 2)
    best: Array = np.maximum.reduce(terms)
    return best


def _cluster(samples: Array) -> npt.NDArray[np.intp]:
    """Cluster samples (samples, 3) into at most `COLORS` groups by k-means; returns their labels.

    The initialization is deterministic: slices along the axis of largest variance.
    """
    centered = samples - samples.mean(0)
    axis = np.linalg.eigh(centered.T @ centered)[1][:, -1]
    slices = np.array_split(np.argsort(centered @ axis, kind="stable"), COLORS)
    centers = np.stack([samples[part].mean(0) for part in slices if len(part)])
    labels = np.zeros(len(samples), np.intp)
    for _ in range(6):
        labels = (np.square(centers).sum(1) - 2 * samples @ centers.T).argmin(1)
        for label in np.unique(labels):
            centers[label] = samples[labels == label].mean(0)
    return labels


# Masks ---------------------------------------------------------------------------------------


def _clean(mask: Mask) -> Mask:
    """Keep the largest component of a mask; remove thin protrusions, fill holes and smooth it."""
    radius = max(1, round(0.025 * max(mask.shape)))
    core = _largest_component(_erode(mask, radius))
    body = ndimage.binary_dilation(core, iterations=radius + 1) & mask
    filled = ndimage.binary_fill_holes(body)
    smooth: Mask = _blur(filled.astype(np.float32), 1) > 0.5
    return smooth


def _largest_component(mask: Mask) -> Mask:
    labels, number = ndimage.label(mask)
    return labels == np.bincount(labels.flat)[1:].argmax() + 1 if number else mask


def _erode(mask: Mask, radius: int) -> Mask:
    """Shrink a mask; the edge of the picture does not shrink it."""
    return ndimage.binary_erosion(mask, iterations=radius, border_value=1)


def _blur(values: Array, radius: int) -> Array:
    """Blur values (height, width, ...) twice with a box of 2 * radius + 1 pixels."""
    for axis in (0, 1, 0, 1):
        margins = [(radius * (dimension == axis),) * 2 for dimension in range(values.ndim)]
        padded = np.pad(values, margins, mode="edge")
        values = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis).mean(-1)
    return values


# Output --------------------------------------------------------------------------------------


def _is_plausible(mask: Mask, log_odds: Array, inside: Mask, loose: Mask, around: Mask) -> bool:
    """Whether a mask could be one whole fruit, clearly separated from its background."""
    if not mask.any():
        return False
    area = (mask & inside).sum() / inside.sum()
    border = loose & ~_erode(loose, 1)
    return bool(
        AREA_RANGE[0] <= area <= AREA_RANGE[1]
        and (mask & border).sum() / border.sum() <= MAX_BORDER_CONTACT
        and (log_odds[around] > 0).mean() <= MAX_SPILL
        and (np.abs(log_odds[loose]) > 1).mean() >= MIN_CONFIDENT
        and _box_iou(mask, inside) >= MIN_BOX_IOU
        and _raggedness(mask) <= MAX_RAGGEDNESS
    )


def _extent(mask: Mask) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a mask; bottom and right are exclusive."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _box_iou(mask: Mask, other: Mask) -> float:
    """Intersection over union of the bounding boxes of two masks."""
    a, b = _extent(mask), _extent(other)
    common = max(0, min(a[1], b[1]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[2], b[2]))
    areas = [(bottom - top) * (right - left) for top, bottom, left, right in (a, b)]
    return common / (sum(areas) - common)


def _raggedness(mask: Mask) -> float:
    """Length of the outline, relative to that of a convex shape with the same bounding box.

    Measured in pixel edges, the outline of every convex shape is as long as that of its box.
    """
    padded = np.pad(mask, 1).astype(np.int8)
    edges = np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum()
    top, bottom, left, right = _extent(mask)
    return float(edges / (2 * (bottom - top + right - left)))


def _cut(
    photo: Photo, fruit: str, patch: npt.NDArray[np.uint8], mask: Mask, around: Mask
) -> Cutout:
    """The cutout of a mask, with a soft edge and without background in its colors."""
    top, bottom, left, right = _extent(ndimage.binary_dilation(mask, iterations=2))
    window = slice(top, bottom), slice(left, right)
    tone = patch[window].astype(np.float32)
    core = _erode(mask[window], 2).astype(np.float32)[..., None]
    # Pixels at the edge mix fruit and background: replace them by the blurred colors of the inside.
    # Thin parts such as stems have no inside; there the small weight of all pixels takes effect.
    weight: Array = core + np.float32(0.02) * mask[window].astype(np.float32)[..., None]
    spread = _blur(tone * weight, 2) / np.maximum(_blur(weight, 2), 1e-6)
    known = _blur(core, 1)
    pixels = tone * known + spread * (1 - known)
    return Cutout(
        fruit=fruit,
        pixels=np.clip(pixels + 0.5, 0, 255).astype(np.uint8),
        cover=_blur(mask[window].astype(np.float32), 1),
        surround=(patch[around].mean(0) / 255).astype(np.float32),
        photo=photo,
    )
