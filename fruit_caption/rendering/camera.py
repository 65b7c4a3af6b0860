"""Turns a backdrop and sprites into a picture: light, shadows, objects, and an imitated camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter

from fruit_caption.rendering.layout import PlacedObject
from fruit_caption.rendering.sdf import Array
from fruit_caption.rendering.sprites import Viewpoint

MAX_LIGHT = 16.0
"""Linear light at which the camera saturates."""

CURVE_STEPS = 16384
"""Size of the tone curve's table: fine enough for dark tones, where the curve is steep."""


def illuminate(picture: Array, viewpoint: Viewpoint) -> None:
    """Light the ground (size, size, 3), in place."""
    picture *= viewpoint.key * max(0.0, float(viewpoint.light @ viewpoint.up)) + viewpoint.sky


def composite(picture: Array, objects: Sequence[PlacedObject]) -> None:
    """Paint all shadows, then all objects, onto the ground (size, size, 3), in place.

    The objects must be sorted, the farthest first.
    """
    size = len(picture)
    for item in objects:
        target, source = item.window(len(item.sprite.shadow), size)
        picture[target] *= item.sprite.shadow[source][..., None]
    painted = np.zeros((size, size, 1), np.float32)
    for item in objects:
        # Nearer objects also cast a weaker shadow on the objects behind them.
        target, source = item.window(len(item.sprite.shadow), size)
        if painted[target].any():
            loss = np.float32(0.6) * (1 - item.sprite.shadow[source][..., None])
            picture[target] *= 1 - painted[target] * loss
        target, source = item.window(len(item.mask), size)
        alpha = item.sprite.alpha[source][..., None]
        picture[target] += (item.sprite.color[source] - picture[target]) * alpha
        painted[target] = np.maximum(painted[target], alpha)


def photograph(
    rng: np.random.Generator, picture: Array, white_point: float = 1.0
) -> npt.NDArray[np.uint8]:
    """Imitate a camera: vignette, white balance, exposure, tone curve, blur and noise.

    Args:
        rng: Random generator.
        picture: Linear light (size, size, 3); overwritten.
        white_point: Tone, 0 to 1, from which everything is white.

    Returns:
        uint8 RGB pixels (size, size, 3).
    """
    size = len(picture)
    axis = np.square(np.linspace(-1, 1, size, dtype=np.float32))
    vignette = 1 - rng.uniform(0, 0.18 * white_point**4) * (axis[:, None] + axis[None, :])
    balance = rng.uniform(0.85, 1.15) * (1 + rng.normal(0, 0.04 * white_point**4, 3))
    picture *= vignette.astype(np.float32)[..., None]
    picture *= balance.astype(np.float32)
    light = np.multiply(picture, np.float32(CURVE_STEPS / MAX_LIGHT), out=picture)
    sharp = Image.fromarray(_tone_curve(white_point).take(light.astype(np.uint16), mode="clip"))
    blurred = sharp.filter(ImageFilter.BoxBlur(rng.uniform(0.05, 0.95) * size / 224))
    # The same noise in all channels: JPEG removes most color noise anyway.
    grain = rng.standard_normal((size, size), np.float32) * np.float32(rng.uniform(0.5, 3.5))
    noise = Image.fromarray((grain + 128.5).astype(np.uint8))
    noisy = [ImageChops.add(channel, noise, 1, -128) for channel in blurred.split()]
    return np.asarray(Image.merge("RGB", noisy))


def _tone_curve(white_point: float) -> npt.NDArray[np.uint8]:
    """Return the 8-bit tone (steps,) for each step of light, 0 to `MAX_LIGHT`."""
    tone = np.sqrt(np.linspace(0, MAX_LIGHT, CURVE_STEPS))
    # Compress the highlights so that they don't clip hard.
    over = np.maximum(tone - 0.8, 0)
    tone = np.minimum(tone, 0.8) + over / (1 + 5 * over)
    return np.minimum(tone * (255 / white_point), 255).astype(np.uint8)
