"""Makes a picture of what lies where: light on the ground, shadows, things, and then the camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter

from fruit_caption.rendering.arrangement import Placed, window
from fruit_caption.rendering.drawing import View
from fruit_caption.rendering.solids import Array

BRIGHTEST = 16.0
"""Light beyond which all is as bright."""

CURVE_STEPS = 16384
"""Steps of light that a camera tells apart. Dark ones need many: tone grows with the root."""


def illuminate(picture: Array, view: View) -> None:
    """Light the ground (size, size, 3) as the fruits are lit."""
    picture *= view.key * max(0.0, float(view.light @ view.up)) + view.sky


def paint(picture: Array, placed: Sequence[Placed]) -> None:
    """Put the shadows on the ground (size, size, 3), then the things, the farthest first."""
    size = len(picture)
    for item in placed:
        seen, square = window(item, len(item.sprite.shadow), size)
        picture[seen] *= item.sprite.shadow[square][..., None]
    painted = np.zeros((size, size, 1), np.float32)
    for item in placed:
        seen, square = window(item, len(item.sprite.shadow), size)
        # A near fruit darkens those behind it, but less than the ground it stands on.
        if painted[seen].any():
            loss = np.float32(0.6) * (1 - item.sprite.shadow[square][..., None])
            picture[seen] *= 1 - painted[seen] * loss
        seen, square = window(item, len(item.mask), size)
        cover = item.sprite.cover[square][..., None]
        picture[seen] += (item.sprite.color[square] - picture[seen]) * cover
        painted[seen] = np.maximum(painted[seen], cover)


def photograph(
    rng: np.random.Generator, picture: Array, white: float = 1.0
) -> npt.NDArray[np.uint8]:
    """What a camera makes of linear light (size, size, 3), which it uses up.

    Args:
        rng: chance of exposure, white balance, vignette, focus and noise.
        picture: the light.
        white: the tone, 0 to 1, from which all is white. Less than 1 bleaches a white studio.
    """
    size = len(picture)
    axis = np.square(np.linspace(-1, 1, size, dtype=np.float32))
    vignette = 1 - rng.uniform(0, 0.18 * white**4) * (axis[:, None] + axis[None, :])
    balance = rng.uniform(0.85, 1.15) * (1 + rng.normal(0, 0.04 * white**4, 3))
    picture *= vignette.astype(np.float32)[..., None]
    picture *= balance.astype(np.float32)
    light = np.multiply(picture, np.float32(CURVE_STEPS / BRIGHTEST), out=picture)
    curve = _tone_curve(white)
    sharp = Image.fromarray(curve.take(light.astype(np.uint16), mode="clip"))
    blurred = sharp.filter(ImageFilter.BoxBlur(rng.uniform(0.05, 0.95) * size / 224))
    # A sensor's grain is mostly one of brightness once the file is written.
    grain = rng.standard_normal((size, size), np.float32) * np.float32(rng.uniform(0.5, 3.5))
    noise = Image.fromarray((grain + 128.5).astype(np.uint8))
    noisy = [ImageChops.add(plane, noise, 1, -128) for plane in blurred.split()]
    return np.asarray(Image.merge("RGB", noisy))


def _tone_curve(white: float) -> npt.NDArray[np.uint8]:
    """The tone (steps,) that each step of light, 0 to `BRIGHTEST`, gets in the file."""
    tone = np.sqrt(np.linspace(0, BRIGHTEST, CURVE_STEPS))
    # A shoulder keeps highlights from clipping hard.
    over = np.maximum(tone - 0.8, 0)
    tone = np.minimum(tone, 0.8) + over / (1 + 5 * over)
    return np.minimum(tone * (255 / white), 255).astype(np.uint8)
