"""Other views of a photo: nearer or farther off, moved, mirrored, in another light.

A thousand photos are soon known by heart, and show most fruits at one size. Every view is right by
the same answers, because it shows all the fruit that the photo shows; the boxes move with it.
A photo's views depend on nothing but the photo, so that what an encoder saw in them is kept.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import exp, log

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from fruit_caption.data.records import Photo
from fruit_caption.utils.images import PADDING, fit, letterbox_offset

NEAREST, FARTHEST = 0.5, 1.8
"""Sides of what is shown, in sides of the letterboxed photo."""
LIGHT = 0.2
"""Brightness, contrast and saturation change by a factor of at most e^0.2."""


@dataclass(frozen=True)
class View:
    """A square window on a photo; what lies beyond the photo's edges is padding.

    Attributes:
        left, top, side: of the window, in sides of the letterboxed photo: (0, 0, 1) is all of it.
        mirrored: whether left and right are swapped.
        brightness, contrast, saturation: factors.
    """

    left: float = 0.0
    top: float = 0.0
    side: float = 1.0
    mirrored: bool = False
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0


PLAIN = View()
"""The letterboxed photo as it is: what a person's question is answered by."""


def views_of(name: str, photo: Photo | None, number: int) -> list[View]:
    """Views of a photo: the plain one and as many more as are wanted.

    Args:
        name: of the photo; another name gets other views.
        photo: its boxes, none of which is cut. Where they don't tell where all its fruit lies, it
            is shown whole.
        number: how many, at least 1.
    """
    return [view_of(name, photo, place) for place in range(number)]


def view_of(name: str, photo: Photo | None, place: int) -> View:
    """One of `views_of`, by its place; 0 is the plain one."""
    return _draw(random.Random(f"{name} {place}"), photo) if place else PLAIN


def show(picture: Image.Image, view: View, size: int) -> np.ndarray:
    """What a view shows of a picture.

    Args:
        picture: RGB, any size.
        view: of it.
        size: the side of what is shown in pixels.

    Returns:
        uint8 pixels of shape (size, size, 3).
    """
    whole = round(size / view.side)
    fitted = fit(picture, whole)
    for kind, factor in (
        (ImageEnhance.Brightness, view.brightness),
        (ImageEnhance.Contrast, view.contrast),
        (ImageEnhance.Color, view.saturation),
    ):
        fitted = kind(fitted).enhance(factor) if factor != 1 else fitted
    across, down = letterbox_offset(*picture.size, whole)
    shown = Image.new("RGB", (size, size), PADDING)
    shown.paste(fitted, (across - round(view.left * whole), down - round(view.top * whole)))
    return np.asarray(ImageOps.mirror(shown) if view.mirrored else shown)


def letterboxed(photo: Photo) -> list[tuple[float, float, float, float]]:
    """Left, top, width and height of a photo's boxes, in sides of the letterboxed photo."""
    longest = max(photo.width, photo.height)
    across, down = letterbox_offset(photo.width, photo.height, longest)
    return [
        (
            (box.left + across) / longest,
            (box.top + down) / longest,
            box.width / longest,
            box.height / longest,
        )
        for box in photo.boxes
    ]


def _draw(rng: random.Random, photo: Photo | None) -> View:
    left, top, right, bottom = _needed(photo)
    nearest = max(NEAREST, right - left, bottom - top)
    side = exp(rng.uniform(log(nearest), log(FARTHEST)))
    return View(
        _edge(rng, left, right, side),
        _edge(rng, top, bottom, side),
        side,
        rng.random() < 0.5,
        *(exp(rng.uniform(-LIGHT, LIGHT)) for _ in range(3)),
    )


def _needed(photo: Photo | None) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what has to be seen, in sides of the letterboxed photo."""
    if photo is None or photo.labels or not photo.exhaustive:
        return 0.0, 0.0, 1.0, 1.0
    boxes = letterboxed(photo)
    if not boxes:
        return 0.5, 0.5, 0.5, 0.5
    return (
        min(left for left, _, _, _ in boxes),
        min(top for _, top, _, _ in boxes),
        max(left + width for left, _, width, _ in boxes),
        max(top + height for _, top, _, height in boxes),
    )


def _edge(rng: random.Random, first: float, last: float, side: float) -> float:
    """Where a window of a side starts that shows all between two places, and as much photo or as
    little padding as it can.
    """
    if side >= 1:
        return rng.uniform(1 - side, 0)
    return rng.uniform(max(0, last - side), min(first, 1 - side))
