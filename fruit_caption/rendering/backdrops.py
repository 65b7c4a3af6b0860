"""What fruit lies on in rendered scenes: boards, cloth, stone, grass, a dish; a wall behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from fruit_caption.rendering.solids import Array

PLATE_SHARE = 0.25
"""How many of the backdrops have a plate in the middle."""

Ground = Callable[[np.random.Generator, int, float], Array]
"""Draws a ground: chance, side in pixels, foreshortening (0 to 1) -> sRGB (side, side, 3)."""


@dataclass(frozen=True)
class Dish:
    """A plate or a bowl; lengths are in shares of the side of the picture.

    Attributes:
        deep: whether it is a bowl.
        x, y: its middle, from the left upper corner.
        radius: half its width.
    """

    deep: bool
    x: float
    y: float
    radius: float


def draw_backdrop(rng: np.random.Generator, size: int, squash: float, horizon: float) -> Array:
    """A picture without fruit: any ground, now and then with a plate on it.

    Args:
        rng: chance.
        size: side of the picture in pixels.
        squash: how much shorter depth looks than width: the sine of the camera's elevation.
        horizon: share of the picture, from the top, that is wall.

    Returns:
        linear light (size, size, 3).
    """
    dish = draw_dish(rng, 0.0, horizon) if rng.random() < PLATE_SHARE else None
    return draw_setting(rng, size, squash, horizon, dish)


def draw_dish(rng: np.random.Generator, bowls: float, horizon: float) -> Dish:
    """A plate, or as often as `bowls` says a bowl, about in the middle of the table."""
    deep = rng.random() < bowls
    x = 0.5 + rng.normal(0, 0.03)
    y = 0.53 + 0.4 * horizon + rng.normal(0, 0.02)
    return Dish(deep, x, y, rng.uniform(0.32, 0.46))


def draw_setting(
    rng: np.random.Generator, size: int, squash: float, horizon: float, dish: Dish | None
) -> Array:
    """As `draw_backdrop`, with that dish or none."""
    ground = GROUNDS[rng.integers(len(GROUNDS))]
    picture = ground(rng, size, squash)
    if horizon > 0:
        picture = _wall(rng, picture, horizon)
    if dish:
        picture = (_bowl if dish.deep else _plate)(rng, picture, squash, dish)
    picture *= 1 + 0.12 * rng.normal() * _ramp(rng, size)[..., None]
    light: Array = np.square(np.clip(picture, 0, 1))
    return light


def draw_studio(rng: np.random.Generator, size: int) -> Array:
    """A seamless white or pale ground, as behind goods for sale; linear light (size, size, 3)."""
    paper = np.full(3, 0.97, np.float32)
    if rng.random() < 0.3:
        paper = _tint(
            rng, (0.92, 0.84, 0.74), (0.70, 0.84, 0.88), (0.93, 0.72, 0.74), (0.86, 0.72, 0.3)
        )
    fall = 1 - 0.05 * rng.random() * np.linspace(0, 1, size, dtype=np.float32)
    return np.square(_shaded(paper, np.broadcast_to(fall[:, None], (size, size))))


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


def _blend(first: Array, second: Array, share: npt.NDArray[np.floating]) -> Array:
    """Colors (size, size, 3) that go from `first` (3,) to `second` as `share` (size, size) does.

    They lie in memory plane by plane: NumPy is ten times as fast where the innermost axis is long.
    """
    planes = first[:, None, None] + (second - first)[:, None, None] * share
    return planes.astype(np.float32).transpose(1, 2, 0)


def _shaded(color: Array, shade: npt.NDArray[np.floating]) -> Array:
    """A color (3,) as bright (size, size) as `shade` says: (size, size, 3)."""
    return _blend(np.zeros(3, np.float32), color, shade)


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
    """One of some colors (3,), moved a little."""
    color = np.array(choices[rng.integers(len(choices))]) + rng.normal(0, 0.03, 3)
    return color.astype(np.float32)


def _plain(rng: np.random.Generator, size: int, squash: float) -> Array:
    color = _tint(
        rng,
        (0.92, 0.92, 0.9),
        (0.72, 0.74, 0.76),
        (0.35, 0.37, 0.4),
        (0.86, 0.8, 0.7),
        (0.42, 0.62, 0.7),
        (0.8, 0.62, 0.64),
        (0.14, 0.15, 0.17),
    )
    return _shaded(color, 1 + 0.03 * _noise(rng, size, 4, 4))


def _wood(rng: np.random.Generator, size: int, squash: float) -> Array:
    light = _tint(rng, (0.8, 0.62, 0.42), (0.62, 0.43, 0.26), (0.42, 0.28, 0.18), (0.74, 0.7, 0.64))
    boards = int(rng.integers(1, 7))
    shift = _noise(rng, size, 2, boards * 3)
    fibre = _noise(rng, size, 5, size // 2) * 0.5 + _noise(rng, size, 12, size) * 0.3
    rings = np.sin(9 * shift + 3 * _noise(rng, size, 3, 5))
    place = np.linspace(0, boards, size, endpoint=False, dtype=np.float32)
    tone = rng.normal(0, 0.05, boards)[place.astype(int)]
    gap = np.clip((np.abs(place - np.round(place)) * size / boards) / 1.2, 0.35, 1)
    gap[: size // (2 * boards)] = 1
    gap[-(size // (2 * boards)) :] = 1
    board = (1 + 0.1 * fibre + 0.05 * rings + tone[:, None]) * gap[:, None]
    if rng.random() < 0.5:
        board = board.T
    return _shaded(light, board)


def _cloth(rng: np.random.Generator, size: int, squash: float) -> Array:
    first = _tint(rng, (0.93, 0.92, 0.88), (0.82, 0.78, 0.7), (0.9, 0.9, 0.93))
    second = _tint(rng, (0.72, 0.16, 0.18), (0.22, 0.36, 0.6), (0.3, 0.5, 0.36), (0.62, 0.56, 0.5))
    stripes = rng.uniform(3, 7)
    axis = np.arange(size) / size * stripes
    across = (np.sin(2 * np.pi * axis) > 0).astype(np.float32)
    down = (np.sin(2 * np.pi * axis / squash) > 0).astype(np.float32)
    checks = (across[None, :] + down[:, None]) / 2 * (rng.random() < 0.6)
    weave = 0.04 * rng.standard_normal((size, size), np.float32) + 0.07 * _noise(rng, size, 4, 5)
    surface: Array = _blend(first, second, checks) * (1 + weave[..., None])
    return surface


def _marble(rng: np.random.Generator, size: int, squash: float) -> Array:
    color = _tint(rng, (0.9, 0.89, 0.88), (0.78, 0.78, 0.78), (0.22, 0.23, 0.25))
    vein = np.exp(-5 * np.abs(_rough(rng, size, 3) + 0.6 * _ramp(rng, size)))
    sign = -1 if color.mean() > 0.5 else 1
    return _blend(color, color + 1, sign * (0.22 * vein + 0.03 * _rough(rng, size, 5)))


def _stone(rng: np.random.Generator, size: int, squash: float) -> Array:
    color = _tint(rng, (0.5, 0.5, 0.5), (0.62, 0.57, 0.52), (0.33, 0.34, 0.36), (0.7, 0.66, 0.6))
    grain = np.float32(0.05) * rng.standard_normal((size, size), np.float32)
    return _blend(color, color + 1, grain + 0.06 * _rough(rng, size, 4))


def _grass(rng: np.random.Generator, size: int, squash: float) -> Array:
    blades = _noise(rng, size, size // 2, size // 7) + 0.6 * _noise(rng, size, size // 3, size // 4)
    patches = _noise(rng, size, 4, 5)
    light = np.clip(0.5 + 0.32 * blades + 0.15 * patches, 0, 1)
    dark, bright = _tint(rng, (0.19, 0.28, 0.12)), _tint(rng, (0.47, 0.57, 0.29))
    return _blend(dark, bright, light)


def _foliage(rng: np.random.Generator, size: int, squash: float) -> Array:
    """Leaves out of focus, with light between them."""
    near, far = _noise(rng, size, 7, 7), _noise(rng, size, 14, 14)
    light = np.clip(0.45 + 0.4 * near + 0.25 * far, 0, 1)
    dark, bright = _tint(rng, (0.13, 0.22, 0.09)), _tint(rng, (0.50, 0.64, 0.28))
    gaps = np.clip(1.6 * (_noise(rng, size, 8, 8) - 0.45), 0, 1)[..., None]
    leaves = _blend(dark, bright, light)
    surface: Array = leaves + (np.array([0.85, 0.9, 0.8], np.float32) - leaves) * gaps
    return surface


def _terrazzo(rng: np.random.Generator, size: int, squash: float) -> Array:
    """A speckled floor or worktop."""
    grain = Image.fromarray(rng.standard_normal((size, size), np.float32))
    chips = np.asarray(
        grain.resize((size, size), Image.Resampling.BICUBIC, (0, 0, size / 2, size / 2))
    )
    color = _tint(rng, (0.72, 0.72, 0.70), (0.52, 0.52, 0.52), (0.30, 0.30, 0.32))
    share = np.clip(3 * (np.abs(chips) - 1.2), 0, 1) * np.sign(chips)
    return _blend(color, color + 1, 0.2 * share)


GROUNDS: tuple[Ground, ...] = (
    _plain,
    _plain,
    _wood,
    _wood,
    _wood,
    _cloth,
    _cloth,
    _marble,
    _stone,
    _grass,
    _foliage,
    _terrazzo,
)
"""The grounds, each as often as it is named."""


def _around(size: int, squash: float, dish: Dish) -> tuple[Array, Array]:
    """Coordinates (1, size) and (size, 1) on the ground, in radii from the middle of a dish."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = (axis[None, :] - dish.x) / dish.radius, (axis[:, None] - dish.y) / dish.radius
    return x.astype(np.float32), (y / squash).astype(np.float32)


def _glaze(rng: np.random.Generator) -> Array:
    white = (0.93, 0.93, 0.92)
    return _tint(rng, white, white, (0.88, 0.86, 0.8), (0.4, 0.53, 0.62), (0.80, 0.50, 0.56))


def _plate(rng: np.random.Generator, picture: Array, squash: float, dish: Dish) -> Array:
    """A round plate with a rim and a soft shadow."""
    size = len(picture)
    x, y = _around(size, squash, dish)
    out = np.sqrt(x * x + y * y)
    shadow = 1 - 0.45 * np.clip(8 * (1.08 - np.sqrt(x * x + (y - 0.05) ** 2)), 0, 1)
    slope = np.exp(-np.square((out - 0.68) / 0.04)) * np.sign(y + 0.4 * x)
    shade = 1 + 0.1 * slope - 0.05 * np.clip((out - 0.96) * 30, 0, 1) - 0.04 * (out < 0.68)
    inside = np.clip((1 - out) * dish.radius * squash * size, 0, 1)[..., None]
    behind = picture * shadow[..., None]
    plate = behind + (_shaded(_glaze(rng), shade) - behind) * inside
    return plate.astype(np.float32)


def _bowl(rng: np.random.Generator, picture: Array, squash: float, dish: Dish) -> Array:
    """A bowl: darker the deeper inside, and its outside below the rim."""
    size = len(picture)
    x, y = _around(size, squash, dish)
    out = np.sqrt(x * x + y * y)
    edge = dish.radius * squash * size
    # From outside it is seen as rings that lie deeper and get smaller.
    tilt = float(np.sqrt(1 - squash * squash)) / squash
    below = out
    for depth in np.linspace(0.1, 0.6, 6, dtype=np.float32):
        reach = np.sqrt(1 - 1.9 * depth * depth)
        below = np.minimum(below, np.sqrt(x * x + np.square(y - depth * tilt)) / reach)
    outside = np.clip((1 - below) * edge, 0, 1)[..., None]
    inside = np.clip((1 - out) * edge, 0, 1)[..., None]
    foot = np.sqrt(x * x + np.square(y - 0.6 * tilt))
    shadow = 1 - 0.5 * np.clip(2.5 * (1.1 - foot), 0, 1)
    glaze = _glaze(rng) if rng.random() < 0.6 else _tint(rng, (0.55, 0.36, 0.2), (0.35, 0.37, 0.4))
    wall = _shaded(glaze, 0.82 - 0.2 * np.abs(x) - 0.12 * np.clip(y, 0, 2))
    depth = np.clip(1 - out, 0, 1)
    rising = np.square(1 - depth)
    hollow = _shaded(glaze, 0.62 + 0.36 * rising * rising + 0.14 * y * rising)
    rim = np.exp(-np.square((out - 0.97) / 0.025))[..., None]
    hollow = hollow + (np.minimum(1.1 * glaze, 0.97) - hollow) * rim
    behind = picture * shadow[..., None]
    bowl = behind + (wall - behind) * outside
    bowl = bowl + (hollow - bowl) * inside
    return bowl.astype(np.float32)


def _wall(rng: np.random.Generator, picture: Array, horizon: float) -> Array:
    """A wall, a garden or a room, out of focus, above the far edge of the table."""
    size = len(picture)
    rows = np.arange(size, dtype=np.float32)[:, None, None]
    form = rng.random()
    if form < 0.2:
        wall = _foliage(rng, size, 1.0)
    elif form < 0.45:
        wall = _room(rng, size)
    else:
        paint = _tint(
            rng,
            (0.85, 0.83, 0.78),
            (0.55, 0.58, 0.6),
            (0.66, 0.50, 0.32),
            (0.45, 0.36, 0.28),
            (0.25, 0.28, 0.3),
        )
        wall = _shaded(paint, 1 + 0.1 * _noise(rng, size, 5, 3))
    share = np.clip((horizon * size - rows) / 2 + 0.5, 0, 1)
    return (picture + (wall - picture) * share).astype(np.float32)


def _room(rng: np.random.Generator, size: int) -> Array:
    """Shelves, frames, windows: upright blocks of any color, blurred."""
    tone = rng.uniform(0.2, 0.8)
    room = Image.new("RGB", (56, 56), tuple(int(255 * tone * share) for share in (1, 0.96, 0.9)))
    for _ in range(int(rng.integers(3, 9))):
        left, top = rng.integers(-8, 50, 2)
        width, height = rng.integers(4, 26, 2)
        hue = np.clip(rng.uniform(0.1, 0.95) * (1 + rng.normal(0, 0.15, 3)), 0, 1)
        room.paste(
            tuple(int(255 * share) for share in hue), (left, top, left + width, top + height)
        )
    blurred = room.filter(ImageFilter.GaussianBlur(rng.uniform(1, 3)))
    large = blurred.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(large, np.float32) / np.float32(255)
