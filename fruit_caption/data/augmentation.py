"""Data augmentation: random zoom, shift, mirroring, and color jitter.

An augmented photo still shows every box completely, so all its answers stay correct. The
augmentations of a photo depend only on its name, its boxes and an index, so that the features of
a frozen encoder can be cached for each of them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import exp, log

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from fruit_caption.data.records import Photo
from fruit_caption.utils.images import PADDING_COLOR, letterbox_offset, resize_longer_side

MIN_SIDE, MAX_SIDE = 0.5, 1.8
"""Smallest and largest side of the window; 1 is the side of the letterboxed photo."""

COLOR_JITTER = 0.2
"""Brightness, contrast and saturation change by a factor of at most e^0.2."""


@dataclass(frozen=True)
class Augmentation:
    """A square window on a letterboxed photo, and how its pixels are changed.

    The window may reach beyond the photo, which is then padded.

    Attributes:
        left, top: Upper left corner of the window; the letterboxed photo extends from 0 to 1.
        side: Side of the window, in the same unit.
        mirrored: Whether to swap left and right.
        brightness, contrast, saturation: Factors that change the colors.
    """

    left: float = 0.0
    top: float = 0.0
    side: float = 1.0
    mirrored: bool = False
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0


IDENTITY = Augmentation()
"""Leaves the letterboxed photo unchanged; used at inference."""


def draw_augmentation(name: str, photo: Photo | None, index: int) -> Augmentation:
    """Return one of the augmentations of a photo; the first (index 0) is `IDENTITY`.

    Args:
        name: Name of the photo; seeds the random numbers.
        photo: The photo and its boxes, which the window contains completely. It contains the
            whole photo if this is None, or if the photo may show fruits without boxes.
        index: Number of the augmentation.
    """
    if index == 0:
        return IDENTITY
    rng = random.Random(f"{name} {index}")
    left, top, right, bottom = _visible_region(photo)
    min_side = max(MIN_SIDE, right - left, bottom - top)
    side = exp(rng.uniform(log(min_side), log(MAX_SIDE)))
    return Augmentation(
        _draw_edge(rng, left, right, side),
        _draw_edge(rng, top, bottom, side),
        side,
        rng.random() < 0.5,
        *(exp(rng.uniform(-COLOR_JITTER, COLOR_JITTER)) for _ in range(3)),
    )


def augment(picture: Image.Image, augmentation: Augmentation, size: int) -> np.ndarray:
    """Letterbox a picture and augment it.

    Args:
        picture: RGB picture of any size.
        augmentation: What to do.
        size: Side of the result in pixels.

    Returns:
        uint8 pixels of shape (size, size, 3).
    """
    letterbox_size = round(size / augmentation.side)
    resized = resize_longer_side(picture, letterbox_size)
    for enhancer, factor in (
        (ImageEnhance.Brightness, augmentation.brightness),
        (ImageEnhance.Contrast, augmentation.contrast),
        (ImageEnhance.Color, augmentation.saturation),
    ):
        resized = enhancer(resized).enhance(factor) if factor != 1 else resized
    x, y = letterbox_offset(*picture.size, letterbox_size)
    x -= round(augmentation.left * letterbox_size)
    y -= round(augmentation.top * letterbox_size)
    window = Image.new("RGB", (size, size), PADDING_COLOR)
    window.paste(resized, (x, y))
    return np.asarray(ImageOps.mirror(window) if augmentation.mirrored else window)


def letterbox_boxes(photo: Photo) -> list[tuple[float, float, float, float]]:
    """Return (left, top, width, height) of a photo's boxes in its letterboxed square of side 1."""
    side = max(photo.width, photo.height)
    x, y = letterbox_offset(photo.width, photo.height, side)
    return [
        ((box.left + x) / side, (box.top + y) / side, box.width / side, box.height / side)
        for box in photo.boxes
    ]


def _visible_region(photo: Photo | None) -> tuple[float, float, float, float]:
    """Return (left, top, right, bottom) of what the window must contain, in a square of side 1."""
    if photo is None or photo.labels or not photo.exhaustive:
        return 0.0, 0.0, 1.0, 1.0
    boxes = letterbox_boxes(photo)
    if not boxes:
        return 0.5, 0.5, 0.5, 0.5
    return (
        min(left for left, _, _, _ in boxes),
        min(top for _, top, _, _ in boxes),
        max(left + width for left, _, width, _ in boxes),
        max(top + height for _, top, _, height in boxes),
    )


def _draw_edge(rng: random.Random, first: float, last: float, side: float) -> float:
    """Return where a window starts that contains the interval from `first` to `last`.

    The window lies within the photo if it is smaller, else the photo within the window.
    """
    if side >= 1:
        return rng.uniform(1 - side, 0)
    return rng.uniform(max(0, last - side), min(first, 1 - side))
