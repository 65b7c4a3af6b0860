"""Gets a fruit out of its box: which pixels are fruit, with a soft edge, or that it can't be told.

What lies round the box is background for sure. Two color models, one of the background and one
of the fruit, are fitted in turn, as in GrabCut (Rother et al. 2004), with a blur in place of the
graph cut. The background may also be darker than it is: that is how shadows stay behind.
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

from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.rendering.solids import Array
from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.images import open_picture
from fruit_caption.utils.progress import Progress, counted, no_progress

Mask = npt.NDArray[np.bool_]

MOST_OF_A_KIND = 80
"""More cut-outs would add minutes, and little that is new."""

WORK_SIDE = 112
"""Longer side in pixels of a box while it is worked on, and of a cut-out, at most."""

SMALLEST_BOX = 32
"""Shorter side in pixels of a box below which a cut-out would show too little."""

EDGE_SHARE, OVERLAP_SHARE = 0.01, 0.04
"""How near to the edge of its photo, and how far in another box, a box may hold a part only."""

PADDING_SHARE, SLACK_SHARE = 0.22, 0.04
"""In shares of a box's longer side: how much round it is looked at, and how loose it may be."""

ROUNDS, COLORS, SAMPLES = 4, 5, 800
"""How often the two models are fitted, how many colors each has, and to how many pixels."""

LEAST_PIXELS = 50
"""Fewer, of fruit or of background, are too few for a model."""

SHADES = (1.0, 0.9, 0.78, 0.64)
"""What a shadow leaves of the background's lightness. The last is a quarter of the light."""

AREA_SHARES = (0.3, 0.93)
"""Least and largest share of its box that a fruit fills. An ellipse fills 0.79 of it."""

LEAST_FIT = 0.84
"""Overlap (intersection over union) of the cut-out's own box and the one that was drawn."""

MOST_SPILL, MOST_TOUCH = 0.1, 0.12
"""Largest shares of what is round the box, and of its border, slack included, taken for fruit."""

LEAST_SURE = 0.85
"""Least share of the pixels of the box that are clearly the one or the other."""

MOST_RAGGED = 1.45
"""Longest outline, in multiples of that of a convex fruit of the same extent."""


@dataclass(frozen=True)
class CutOut:
    """A fruit without its background.

    Attributes:
        fruit: its kind.
        pixels: uint8 RGB (height, width, 3); beyond the edge, the fruit's color goes on.
        cover: share of each pixel (height, width) that is fruit.
        surround: mean sRGB color (3,), 0 to 1, of what lay round it.
        photo: where it is from.
    """

    fruit: str
    pixels: npt.NDArray[np.uint8]
    cover: Array
    surround: Array
    photo: Photo


def cut_outs(photos: Sequence[Photo], progress: Progress = no_progress) -> tuple[list[CutOut], int]:
    """Cut whole fruits out of the photos, up to `MOST_OF_A_KIND` of each kind.

    Returns:
        the cut-outs that look right, and how many boxes were tried. Photos that can't be read
        are passed over.
    """
    found: list[CutOut] = []
    number: Counter[str] = Counter()
    tried = 0
    # In an order of chance, but always the same, so that no source is first in line.
    digests = [hashlib.sha256(photo.path.name.encode()).digest() for photo in photos]
    mixed = [photos[place] for place in sorted(range(len(photos)), key=digests.__getitem__)]
    for photo in counted(mixed, "cutting fruits out of photos", progress):
        boxes = [box for box in whole_fruits(photo) if number[box.fruit] < MOST_OF_A_KIND]
        try:
            pixels = np.asarray(open_picture(photo.path)) if boxes else np.empty(0, np.uint8)
        except PictureError:
            continue
        cuts = [cut for box in boxes if (cut := cut_out(photo, pixels, box))]
        number.update(cut.fruit for cut in cuts)
        found += cuts
        tried += len(boxes)
    return found, tried


def whole_fruits(photo: Photo) -> Iterator[FruitBox]:
    """The boxes that hold one whole fruit: large, off the edge, free of others, no bunch."""
    across, down = EDGE_SHARE * photo.width, EDGE_SHARE * photo.height
    for number, box in enumerate(photo.boxes):
        others = photo.boxes[:number] + photo.boxes[number + 1 :]
        if (
            across < box.left < photo.width - across - box.width
            and down < box.top < photo.height - down - box.height
            and min(box.width, box.height) >= SMALLEST_BOX
            and photo.count(box.fruit) is not None
            and all(_overlap(box, other) <= OVERLAP_SHARE for other in others)
        ):
            yield box


def cut_out(photo: Photo, pixels: npt.NDArray[np.uint8], box: FruitBox) -> CutOut | None:
    """Cut one fruit out of its photo, uint8 RGB (height, width, 3); `None` if that looks wrong."""
    patch, inside, unknown = _patch(photo, pixels, box)
    colors = _perceptual(patch)
    loose = _grown(inside, max(1, round(SLACK_SHARE * max(inside.shape))))
    around = ~loose & ~unknown
    if around.sum() < LEAST_PIXELS or _ellipse(inside, 0.62).sum() < LEAST_PIXELS:
        return None
    odds = _odds(colors, inside, around)
    mask = _tidied((odds > 0) & loose & ~unknown)
    if not _looks_right(mask, odds, inside, loose, around):
        return None
    return _finish(photo, box.fruit, patch, mask, around)


def _overlap(box: FruitBox, other: FruitBox) -> float:
    """The share of a box that lies in another."""
    across = min(box.left + box.width, other.left + other.width) - max(box.left, other.left)
    down = min(box.top + box.height, other.top + other.height) - max(box.top, other.top)
    return max(across, 0) * max(down, 0) / (box.width * box.height)


# What is looked at ---------------------------------------------------------------------------


def _patch(
    photo: Photo, pixels: npt.NDArray[np.uint8], box: FruitBox
) -> tuple[npt.NDArray[np.uint8], Mask, Mask]:
    """The box and what is round it, at most `WORK_SIDE` large.

    Returns:
        uint8 RGB (height, width, 3), the pixels (height, width) in the box, and those in others.
    """
    pad = PADDING_SHARE * max(box.width, box.height)
    left, top = max(0, math.floor(box.left - pad)), max(0, math.floor(box.top - pad))
    right = min(photo.width, math.ceil(box.left + box.width + pad))
    bottom = min(photo.height, math.ceil(box.top + box.height + pad))
    scale = min(1.0, WORK_SIDE / max(box.width, box.height))
    width, height = round((right - left) * scale), round((bottom - top) * scale)
    patch = Image.fromarray(pixels[top:bottom, left:right])
    small = np.asarray(patch.resize((width, height), Image.Resampling.BOX))
    inside, unknown = np.zeros((2, height, width), bool)
    for each in photo.boxes:
        ends = np.array([each.left, each.top, each.left + each.width, each.top + each.height])
        ends = np.rint((ends - [left, top, left, top]) * scale).clip(0)
        x, y, x_end, y_end = ends.astype(int)
        (inside if each == box else unknown)[y:y_end, x:x_end] = True
    return small, inside, unknown & ~inside


def _perceptual(pixels: npt.NDArray[np.uint8]) -> Array:
    """Oklab (height, width, 3) of sRGB (Ottosson 2020), its lightness counting half.

    A shadow scales all three: what it falls on keeps its hue.
    """
    light = np.square(pixels.astype(np.float32) / 255)
    cones = np.cbrt(light @ CONES.T + np.float32(1e-4))
    lab: Array = (cones @ OPPONENTS.T) * np.array([0.5, 1, 1], np.float32)
    return lab


CONES = np.array(
    [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]], np.float32
)
OPPONENTS = np.array(
    [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]], np.float32
)


# Fruit or background -------------------------------------------------------------------------


def _odds(colors: Array, inside: Mask, around: Mask) -> Array:
    """Log-odds (height, width) that a pixel is fruit."""
    fruit = _ellipse(inside, 0.62)
    flat = colors.reshape(-1, 3)
    prior = np.where(_ellipse(inside, 1.08), np.float32(0.3), np.float32(-0.9))
    odds = np.zeros(inside.shape, np.float32)
    for _ in range(ROUNDS):
        ground = around | (inside & ~_grown(fruit, 2) & (odds < 0))
        behind = _thinned(colors[ground], SAMPLES // 2)
        behind = np.concatenate([behind * np.float32(shade) for shade in SHADES])
        before = _thinned(colors[fruit], SAMPLES)
        score = _likelihood(before, flat) - _likelihood(behind, flat) + np.log(len(SHADES)) / 2
        odds = _blurred(np.clip(score.reshape(inside.shape) + prior, -6, 6), 1)
        fruit = (odds > 0.5) & inside
        if fruit.sum() < LEAST_PIXELS:
            break
    return odds


def _ellipse(inside: Mask, share: float) -> Mask:
    """The pixels (height, width) in an ellipse of a share of the box's size, in its middle."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    y = (np.arange(len(inside)) - rows.mean()) / (len(rows) / 2)
    x = (np.arange(inside.shape[1]) - columns.mean()) / (len(columns) / 2)
    disc: Mask = y[:, None] ** 2 + x[None, :] ** 2 < share**2
    return disc


def _thinned(colors: Array, number: int) -> Array:
    """About `number` of the colors (samples, 3), evenly spread over them."""
    return colors[:: max(1, len(colors) // number)]


def _likelihood(samples: Array, colors: Array) -> Array:
    """Log-likelihood (pixels,) of colors (pixels, 3) under a mixture fitted to samples."""
    owners = _clusters(samples)
    terms = []
    for number in np.unique(owners):
        mine = samples[owners == number]
        centerd = mine - mine.mean(0)
        spread = centerd.T @ centerd / len(mine) + 2.5e-4 * np.eye(3, dtype=np.float32)
        whiten = np.linalg.inv(np.linalg.cholesky(spread)).astype(np.float32)
        away = (colors - mine.mean(0)) @ whiten.T
        far = np.einsum("ij,ij->i", away, away)
        weight = np.log(len(mine) / len(samples)) + np.log(np.diag(whiten)).sum()
        terms.append(weight - far / 2)
    # Where it matters, one of the colors is by far the likeliest.
    best: Array = np.maximum.reduce(terms)
    return best


def _clusters(samples: Array) -> npt.NDArray[np.intp]:
    """Which of `COLORS` groups of like color each of the samples (samples, 3) is in: k-means.

    The start is the same for the same samples: slices along the direction they vary most in.
    """
    centerd = samples - samples.mean(0)
    axis = np.linalg.eigh(centerd.T @ centerd)[1][:, -1]
    slices = np.array_split(np.argsort(centerd @ axis, kind="stable"), COLORS)
    centers = np.stack([samples[part].mean(0) for part in slices if len(part)])
    owners = np.zeros(len(samples), np.intp)
    for _ in range(6):
        owners = (np.square(centers).sum(1) - 2 * samples @ centers.T).argmin(1)
        for number in np.unique(owners):
            centers[number] = samples[owners == number].mean(0)
    return owners


# Masks ---------------------------------------------------------------------------------------


def _tidied(mask: Mask) -> Mask:
    """The largest piece of a mask, without whiskers and holes."""
    radius = max(1, round(0.025 * max(mask.shape)))
    core = _shrunk(mask, radius)
    piece = _grown(_largest(core), radius + 1) & mask
    beyond = np.zeros_like(mask)
    beyond[[0, -1]] = beyond[:, [0, -1]] = True
    filled: Mask = ~_reached(beyond & ~piece, ~piece)
    # A closing and an opening of the outline: where a blurred mask is half full.
    smooth: Mask = _blurred(filled.astype(np.float32), 1) > 0.5
    return smooth


def _largest(mask: Mask) -> Mask:
    """The largest connected piece of a mask."""
    best, left = np.zeros_like(mask), mask.copy()
    while left.sum() > best.sum():
        seed = np.zeros_like(mask)
        seed.flat[left.argmax()] = True
        piece = _reached(seed, left)
        left &= ~piece
        best = max(best, piece, key=np.sum)
    return best


def _reached(seed: Mask, ground: Mask) -> Mask:
    """What a flood that starts at the seed fills of the ground."""
    reached = seed & ground
    while True:
        wider = _grown(reached, 1) & ground
        if wider.sum() == reached.sum():
            return wider
        reached = wider


def _grown(mask: Mask, radius: int) -> Mask:
    """The mask and all within so many steps of it, up, down and sideways."""
    wide = mask.copy()
    for _ in range(radius):
        step = wide.copy()
        step[1:] |= wide[:-1]
        step[:-1] |= wide[1:]
        step[:, 1:] |= wide[:, :-1]
        step[:, :-1] |= wide[:, 1:]
        wide = step
    return wide


def _shrunk(mask: Mask, radius: int) -> Mask:
    return ~_grown(~mask, radius)


def _blurred(values: Array, radius: int) -> Array:
    """Values (height, width, ...) blurred with a box of 2 * radius + 1 pixels, twice."""
    for axis in (0, 1, 0, 1):
        margins = [(radius * (each == axis),) * 2 for each in range(values.ndim)]
        wide = np.pad(values, margins, mode="edge")
        values = np.lib.stride_tricks.sliding_window_view(wide, 2 * radius + 1, axis).mean(-1)
    return values


# What is kept --------------------------------------------------------------------------------


def _looks_right(mask: Mask, odds: Array, inside: Mask, loose: Mask, around: Mask) -> bool:
    """Whether a mask could be one whole fruit, told well from its background."""
    if not mask.any():
        return False
    share = (mask & inside).sum() / inside.sum()
    border = loose & ~_shrunk(loose, 1)
    return bool(
        AREA_SHARES[0] <= share <= AREA_SHARES[1]
        and (mask & border).sum() / border.sum() <= MOST_TOUCH
        and (odds[around] > 0).mean() <= MOST_SPILL
        and (np.abs(odds[loose]) > 1).mean() >= LEAST_SURE
        and _fit(mask, inside) >= LEAST_FIT
        and _raggedness(mask) <= MOST_RAGGED
    )


def _extent(mask: Mask) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a mask; bottom and right are beyond it."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _fit(mask: Mask, inside: Mask) -> float:
    """Intersection over union of the boxes round two masks."""
    a, b = _extent(mask), _extent(inside)
    common = max(0, min(a[1], b[1]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[2], b[2]))
    areas = [(each[1] - each[0]) * (each[3] - each[2]) for each in (a, b)]
    return common / (sum(areas) - common)


def _raggedness(mask: Mask) -> float:
    """How much longer the outline is than that of a convex shape in the same box.

    Counted as steps from pixel to pixel, the outline of every convex shape is that of its box.
    """
    rough = np.pad(mask, 1).astype(np.int8)
    steps = np.abs(np.diff(rough, axis=0)).sum() + np.abs(np.diff(rough, axis=1)).sum()
    top, bottom, left, right = _extent(mask)
    return float(steps / (2 * (bottom - top + right - left)))


def _finish(
    photo: Photo, fruit: str, patch: npt.NDArray[np.uint8], mask: Mask, around: Mask
) -> CutOut:
    """The cut-out of a mask: trimmed, its edge soft, and no background in its colors."""
    top, bottom, left, right = _extent(_grown(mask, 2))
    window = slice(top, bottom), slice(left, right)
    tone = patch[window].astype(np.float32)
    core = _shrunk(mask[window], 2).astype(np.float32)[..., None]
    # At the edge a pixel mixes fruit and background: the color a little inside goes on instead.
    # What is thin, such as a stem, has no inside, and keeps its own.
    weight: Array = core + np.float32(0.02) * mask[window].astype(np.float32)[..., None]
    spread = _blurred(tone * weight, 2) / np.maximum(_blurred(weight, 2), 1e-6)
    known = _blurred(core, 1)
    pixels = tone * known + spread * (1 - known)
    return CutOut(
        fruit=fruit,
        pixels=np.clip(pixels + 0.5, 0, 255).astype(np.uint8),
        cover=_blurred(mask[window].astype(np.float32), 1),
        surround=(patch[around].mean(0) / 255).astype(np.float32),
        photo=photo,
    )
