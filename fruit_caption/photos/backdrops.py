"""What fruit lies on in rendered scenes: boards, cloth, stone, grass, a plate; a wall behind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from fruit_caption.photos.solids import Array

PLATE_SHARE = 0.25
"""How many of the scenes have a plate in the middle."""

Ground = Callable[[np.random.Generator, int, float], Array]
"""Draws a ground: chance, side in pixels, foreshortening (0 to 1) -> sRGB (side, side, 3)."""


def draw_backdrop(rng: np.random.Generator, size: int, squash: float, horizon: float) -> Array:
    """A picture without fruit.

    Args:
        size: side of the picture in pixels.
        squash: how much shorter depth looks than width: the sine of the camera's elevation.
        horizon: share of the picture, from the top, that is wall.

    Returns:
        linear light (size, size, 3).
    """
    ground = GROUNDS[rng.integers(len(GROUNDS))]
    picture = ground(rng, size, squash)
    if rng.random() < PLATE_SHARE:
        picture = _plate(rng, picture, squash)
    if horizon > 0:
        picture = _wall(rng, picture, horizon)
    picture *= 1 + 0.12 * rng.normal() * _ramp(rng, size)[..., None]
    light: Array = np.square(np.clip(picture, 0, 1))
    return light


def _noise(rng: np.random.Generator, size: int, across: int, down: int) -> Array:
    """Smooth noise (size, size), about -1 to 1, with so many bumps across and down."""
    grid = rng.uniform(-1, 1, (max(down, 2), max(across, 2))).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC))


def _rough(rng: np.random.Generator, size: int, cells: int) -> Array:
    """Noise (size, size) with detail at several scales."""
    return sum(
        (_noise(rng, size, cells * 2**k, cells * 2**k) / 1.6**k for k in range(4)),
        np.zeros((size, size), np.float32),
    )


def _ramp(rng: np.random.Generator, size: int) -> Array:
    """A slope (size, size) from -1 to 1 in any direction."""
    angle = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    slope: Array = axis[None, :] * np.float32(np.cos(angle)) + axis[:, None] * np.float32(
        np.sin(angle)
    )
    surface: Array = slope / np.float32(1.42)
    return surface


def _tint(rng: np.random.Generator, *choices: tuple[float, float, float]) -> Array:
    """One of some colours (3,), moved a little."""
    colour = np.array(choices[rng.integers(len(choices))]) + rng.normal(0, 0.03, 3)
    return colour.astype(np.float32)


def _plain(rng: np.random.Generator, size: int, squash: float) -> Array:
    colour = _tint(
        rng,
        (0.92, 0.92, 0.9),
        (0.72, 0.74, 0.76),
        (0.35, 0.37, 0.4),
        (0.86, 0.8, 0.7),
        (0.42, 0.62, 0.7),
        (0.8, 0.62, 0.64),
        (0.14, 0.15, 0.17),
    )
    return colour * (1 + 0.03 * _noise(rng, size, 4, 4)[..., None])


def _wood(rng: np.random.Generator, size: int, squash: float) -> Array:
    light = _tint(rng, (0.8, 0.62, 0.42), (0.62, 0.43, 0.26), (0.42, 0.28, 0.18), (0.74, 0.7, 0.64))
    boards = int(rng.integers(2, 7))
    shift = _noise(rng, size, 2, boards * 3)
    fibre = _noise(rng, size, 5, size // 2) * 0.5 + _noise(rng, size, 12, size) * 0.3
    rings = np.sin(9 * shift + 3 * _noise(rng, size, 3, 5))
    place = np.linspace(0, boards, size, endpoint=False, dtype=np.float32)
    tone = rng.normal(0, 0.05, boards)[place.astype(int)]
    gap = np.clip((np.abs(place - np.round(place)) * size / boards) / 1.2, 0.35, 1)
    gap[: size // (2 * boards)] = 1
    board = (1 + 0.1 * fibre + 0.05 * rings + tone[:, None]) * gap[:, None]
    if rng.random() < 0.5:
        board = board.T
    surface: Array = light * board[..., None].astype(np.float32)
    return surface


def _cloth(rng: np.random.Generator, size: int, squash: float) -> Array:
    first = _tint(rng, (0.93, 0.92, 0.88), (0.82, 0.78, 0.7), (0.9, 0.9, 0.93))
    second = _tint(rng, (0.72, 0.16, 0.18), (0.22, 0.36, 0.6), (0.3, 0.5, 0.36), (0.62, 0.56, 0.5))
    stripes = rng.uniform(3, 7)
    axis = np.arange(size) / size * stripes
    across = (np.sin(2 * np.pi * axis) > 0).astype(np.float32)
    down = (np.sin(2 * np.pi * axis / squash) > 0).astype(np.float32)
    checks = (across[None, :] + down[:, None]) / 2 * (rng.random() < 0.6)
    weave = 0.04 * rng.standard_normal((size, size), np.float32) + 0.07 * _noise(rng, size, 4, 5)
    cloth = first + (second - first) * checks[..., None]
    surface: Array = (cloth * (1 + weave[..., None])).astype(np.float32)
    return surface


def _marble(rng: np.random.Generator, size: int, squash: float) -> Array:
    colour = _tint(rng, (0.9, 0.89, 0.88), (0.78, 0.78, 0.78), (0.22, 0.23, 0.25))
    vein = np.exp(-5 * np.abs(_rough(rng, size, 3) + 0.6 * _ramp(rng, size)))
    sign = -1 if colour.mean() > 0.5 else 1
    surface: Array = colour + sign * (0.22 * vein + 0.03 * _rough(rng, size, 5))[..., None]
    return surface


def _stone(rng: np.random.Generator, size: int, squash: float) -> Array:
    colour = _tint(rng, (0.5, 0.5, 0.5), (0.62, 0.57, 0.52), (0.33, 0.34, 0.36), (0.7, 0.66, 0.6))
    grain = np.float32(0.05) * rng.standard_normal((size, size), np.float32)
    surface: Array = colour + (grain + 0.06 * _rough(rng, size, 4))[..., None]
    return surface


def _grass(rng: np.random.Generator, size: int, squash: float) -> Array:
    blades = _noise(rng, size, size // 2, size // 7) + 0.6 * _noise(rng, size, size // 3, size // 4)
    patches = _noise(rng, size, 4, 5)
    light = np.clip(0.5 + 0.32 * blades + 0.15 * patches, 0, 1)[..., None]
    dark, bright = _tint(rng, (0.19, 0.28, 0.12)), _tint(rng, (0.47, 0.57, 0.29))
    surface: Array = dark + (bright - dark) * light
    return surface


GROUNDS: tuple[Ground, ...] = (_plain, _wood, _wood, _cloth, _marble, _stone, _grass, _plain)
"""The grounds, each as often as it is named."""


def _plate(rng: np.random.Generator, picture: Array, squash: float) -> Array:
    """A round plate with a rim and a soft shadow, about in the middle."""
    size = len(picture)
    radius = rng.uniform(0.36, 0.47)
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    x, y = axis[None, :] - rng.normal(0, 0.02), (axis[:, None] - 0.04) / squash
    out = np.sqrt(x * x + y * y) / radius
    shadow = 1 - 0.45 * np.clip(8 * (1.08 - np.sqrt(x * x + (y - 0.02) ** 2) / radius), 0, 1)
    glaze = _tint(rng, (0.93, 0.93, 0.92), (0.88, 0.86, 0.8), (0.4, 0.53, 0.62), (0.84, 0.52, 0.52))
    slope = np.exp(-np.square((out - 0.68) / 0.04)) * np.sign(y + 0.4 * x)
    shade = 1 + 0.1 * slope - 0.05 * np.clip((out - 0.96) * 30, 0, 1) - 0.04 * (out < 0.68)
    inside = np.clip((1 - out) * radius * size, 0, 1)[..., None]
    behind = picture * shadow[..., None]
    plate = behind + (glaze * shade[..., None] - behind) * inside
    return plate.astype(np.float32)


def _wall(rng: np.random.Generator, picture: Array, horizon: float) -> Array:
    """A wall, out of focus, above the far edge of the table."""
    size = len(picture)
    rows = np.arange(size, dtype=np.float32)[:, None, None]
    paint = _tint(rng, (0.85, 0.83, 0.78), (0.55, 0.58, 0.6), (0.45, 0.36, 0.28), (0.25, 0.28, 0.3))
    wall = paint * (1 + 0.1 * _noise(rng, size, 5, 3))[..., None]
    share = np.clip((horizon * size - rows) / 2 + 0.5, 0, 1)
    return (picture + (wall - picture) * share).astype(np.float32)
