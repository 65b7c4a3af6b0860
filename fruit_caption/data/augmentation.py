"""Data augmentation: random views of a photo.

A view shows a photo nearer or farther away, shifted, mirrored or turned, and in other light. It
never cuts a box, so all answers about the photo stay correct.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np
from PIL import Image

from fruit_caption.data.records import Photo
from fruit_caption.utils.images import PADDING_COLOR, letterbox, letterbox_offset

MIN_SIDE, MAX_SIDE = 0.4, 2.0
"""Smallest and largest side of the window; 1 is the side of the letterboxed photo."""

LABELED_REGION = (0.2, 0.2, 0.8, 0.8)
"""Region (left, top, right, bottom) that a window on a photo without boxes contains."""

TURN_PROBABILITY, BLUR_PROBABILITY, NOISE_PROBABILITY = 0.15, 0.2, 0.3

LIGHT_JITTER = 0.3
"""Brightness, contrast and saturation change by a factor of at most e^0.3."""

WHITE_BALANCE_JITTER = 0.08
"""Each color channel changes by a factor of at most e^0.08. More would hide which fruit it is."""

MAX_NOISE = 16
"""Largest amplitude of the noise, in steps of 255."""

QUARTER_TURNS = (
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_270,
)
"""One, two and three quarter turns counterclockwise."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the brightness of a pixel (ITU-R BT.601)."""

Box = tuple[float, float, float, float]
"""Left, top, width and height, in a square of side 1."""


@dataclass(frozen=True)
class View:
    """A square window on a letterboxed photo, and how its pixels are changed.

    The window may reach beyond the photo, which is then padded.

    Attributes:
        left, top: Upper left corner of the window; the letterboxed photo extends from 0 to 1.
        side: Side of the window, in the same unit.
        mirrored: Whether to swap left and right.
        turns: Number of quarter turns counterclockwise, after mirroring.
        colors: Matrix of three rows (red, green, blue, offset) that changes each pixel, flat.
        blurred: Whether to reduce the resolution by half.
        noise: Amplitude of the noise, in steps of 255.
        noise_seed: Random seed of the noise.
    """

    left: float = 0.0
    top: float = 0.0
    side: float = 1.0
    mirrored: bool = False
    turns: int = 0
    colors: tuple[float, ...] | None = None
    blurred: bool = False
    noise: int = 0
    noise_seed: int = 0


IDENTITY = View()
"""The letterboxed photo, unchanged; used at inference."""


def draw_view(photo: Photo | None, rng: np.random.Generator) -> View:
    """Draw a random view that cuts no box.

    Args:
        photo: The photo and its boxes. The window contains the whole photo if this is None, and its
            center if the photo has labels instead of boxes.
        rng: The source of randomness.
    """
    left, top, right, bottom = _visible_region(photo)
    min_side = max(MIN_SIDE, right - left, bottom - top)
    side = exp(rng.uniform(log(min_side), log(MAX_SIDE)))
    return View(
        left=_draw_edge(rng, left, right, side),
        top=_draw_edge(rng, top, bottom, side),
        side=side,
        mirrored=bool(rng.random() < 0.5),
        turns=int(rng.integers(1, 4)) if rng.random() < TURN_PROBABILITY else 0,
        colors=_draw_colors(rng),
        blurred=bool(rng.random() < BLUR_PROBABILITY),
        noise=int(rng.integers(1, MAX_NOISE + 1)) if rng.random() < NOISE_PROBABILITY else 0,
        noise_seed=int(rng.integers(2**31)),
    )


def render_view(picture: Image.Image, view: View, size: int) -> np.ndarray:
    """Show a picture through a view.

    Args:
        picture: RGB picture of any size.
        view: The view.
        size: Side of the result in pixels.

    Returns:
        uint8 pixels of shape (size, size, 3).
    """
    if view == IDENTITY:
        return letterbox(picture, size)
    window = Image.new("RGB", (size, size), PADDING_COLOR)
    # The window in pixels of the picture, and the part of it that lies in the picture.
    longest = max(picture.size)
    left = view.left * longest - (longest - picture.width) / 2
    top = view.top * longest - (longest - picture.height) / 2
    box = (
        max(0.0, left),
        max(0.0, top),
        min(float(picture.width), left + view.side * longest),
        min(float(picture.height), top + view.side * longest),
    )
    scale = size / (view.side * longest)
    across, down = round((box[2] - box[0]) * scale), round((box[3] - box[1]) * scale)
    if across > 0 and down > 0:
        part = picture.resize((across, down), Image.Resampling.BILINEAR, box, reducing_gap=2.0)
        if view.colors:
            part = part.convert("RGB", view.colors)
        window.paste(part, (round((box[0] - left) * scale), round((box[1] - top) * scale)))
    if view.blurred:
        half = window.resize((max(1, size // 2),) * 2, Image.Resampling.BILINEAR)
        window = half.resize((size, size), Image.Resampling.BILINEAR)
    if view.mirrored:
        window = window.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if view.turns:
        window = window.transpose(QUARTER_TURNS[view.turns - 1])
    pixels = np.array(window)
    if view.noise:
        rng = np.random.default_rng(view.noise_seed)
        noise = rng.integers(-view.noise, view.noise + 1, pixels.shape, "int8")
        pixels = np.clip(pixels.astype("int16") + noise, 0, 255).astype("uint8")
    return pixels


def view_box(box: Box, view: View) -> Box:
    """Return where a view shows a box of the letterboxed photo."""
    left, top, width, height = (length / view.side for length in box)
    left, top = left - view.left / view.side, top - view.top / view.side
    if view.mirrored:
        left = 1 - left - width
    for _ in range(view.turns):
        left, top, width, height = top, 1 - left - width, height, width
    return left, top, width, height


def letterbox_boxes(photo: Photo) -> list[Box]:
    """Return a photo's boxes in its letterboxed square of side 1."""
    side = max(photo.width, photo.height)
    x, y = letterbox_offset(photo.width, photo.height, side)
    return [
        ((box.left + x) / side, (box.top + y) / side, box.width / side, box.height / side)
        for box in photo.boxes
    ]


def _visible_region(photo: Photo | None) -> tuple[float, float, float, float]:
    """Return (left, top, right, bottom) of what the window must contain, in a square of side 1."""
    if photo is None:
        return 0.0, 0.0, 1.0, 1.0
    if photo.labels:
        return LABELED_REGION
    boxes = letterbox_boxes(photo)
    if not boxes:
        return 0.5, 0.5, 0.5, 0.5
    return (
        max(0.0, min(left for left, _, _, _ in boxes)),
        max(0.0, min(top for _, top, _, _ in boxes)),
        min(1.0, max(left + width for left, _, width, _ in boxes)),
        min(1.0, max(top + height for _, top, _, height in boxes)),
    )


def _draw_edge(rng: np.random.Generator, first: float, last: float, side: float) -> float:
    """Return where a window starts that contains the interval from `first` to `last`.

    The window lies within the photo if it is smaller, else the photo within the window.
    """
    if side >= 1:
        return float(rng.uniform(1 - side, 0))
    return float(rng.uniform(max(0, last - side), min(first, 1 - side)))


def _draw_colors(rng: np.random.Generator) -> tuple[float, ...]:
    """Draw brightness, contrast, saturation and white balance as one matrix, see `View.colors`."""
    brightness, contrast, saturation = np.exp(rng.uniform(-LIGHT_JITTER, LIGHT_JITTER, 3))
    balance = np.exp(rng.uniform(-WHITE_BALANCE_JITTER, WHITE_BALANCE_JITTER, 3))
    mix = saturation * np.eye(3) + (1 - saturation) * np.array(LUMA)
    matrix = brightness * contrast * mix * balance
    offset = np.full((3, 1), 128 * (1 - contrast))
    rows: Sequence[float] = np.hstack([matrix, offset]).ravel().tolist()
    return tuple(rows)
