"""A cut-out fruit as it is pasted: turned, sized, with the shadow that it throws."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from fruit_caption.datagen.cutouts import CutOut
from fruit_caption.rendering.drawing import Sprite, View
from fruit_caption.rendering.solids import Array

LARGEST = 1.6
"""How many times its size a cut-out is shown at most, so that it doesn't look blurred."""

SHADOW_ROOM = 0.7
"""How far a shadow may reach out of the square round a fruit, in multiples of its radius."""


def paste_of(
    rng: np.random.Generator, cut: CutOut, radius: float, spin: float, view: View
) -> Sprite:
    """A cut-out, as large as a disc of `radius` pixels, turned by up to `spin` degrees."""
    scale = min(LARGEST, radius * np.sqrt(np.pi / max(float(cut.cover.sum()), 1.0)))
    height, width = (max(3, round(side * scale)) for side in cut.cover.shape)
    angle, flipped = rng.uniform(-spin, spin), rng.random() < 0.5
    planes = Image.fromarray(cut.pixels), Image.fromarray((255 * cut.cover).astype(np.uint8))
    side = int(np.hypot(height, width)) // 2 * 2 + 3
    squares = []
    for plane in planes:
        turned = plane.resize((width, height), Image.Resampling.LANCZOS)
        if flipped:
            turned = turned.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        turned = turned.rotate(angle, Image.Resampling.BICUBIC, expand=True)
        square = Image.new(plane.mode, (side, side))
        square.paste(turned, ((side - turned.width) // 2, (side - turned.height) // 2))
        squares.append(np.asarray(square, np.float32) / np.float32(255))
    own = np.square(cut.surround)
    return Sprite(
        colour=light_of(squares[0]) / light_level(own),
        cover=squares[1],
        shadow=_shadow(squares[1], radius, view),
        foot=0.6 * radius,
    )


def _shadow(cover: Array, radius: float, view: View) -> Array:
    """Light that the ground keeps (side, side) round a fruit: a soft shadow, dark close by."""
    room = round(SHADOW_ROOM * radius) + 2
    wide = Image.fromarray((255 * np.pad(cover, room)).astype(np.uint8))
    dark = np.zeros((wide.height, wide.width), np.float32)
    for far, blur, strength in ((0.06, 0.07, 0.4), (0.28, 0.14 + 0.1 * view.softness, 0.35)):
        away = far * radius * np.array([-view.light[0], view.light[1]])
        moved = Image.new("L", wide.size)
        moved.paste(wide, (round(away[0]), round(away[1])))
        soft = moved.filter(ImageFilter.GaussianBlur(float(blur * radius)))
        dark += np.float32(strength / 255) * np.asarray(soft, np.float32)
    return 1 - dark


def light_of(tone: Array) -> Array:
    """The light that the camera of rendered scenes would make a photo's tones (0 to 1) from.

    Fruit, photo and rendered background then go through one camera, with one blur and one noise.
    """
    over = np.clip(tone - np.float32(0.8), 0, np.float32(0.15))
    light: Array = np.square(np.minimum(tone, np.float32(0.8)) + over / (1 - 5 * over))
    return light


def light_level(around: Array) -> Array:
    """How bright, and of what colour (3,), the light seems to be where this light (3,) is seen.

    Dark surroundings may be dim or of a dark colour: the truth is taken to lie in between.
    """
    grey = around.mean()
    hue = np.clip((around + 0.05) / (grey + 0.05), 0.3, 3)
    level: Array = ((grey + 0.05) / 0.45) ** 0.25 * hue**0.1
    return level.astype(np.float32)
