"""Draws what fruit lies on: wood, cloth, stone, grass, a dish; and a wall behind the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from fruit_caption.rendering.sdf import Array
from fruit_caption.rendering.textures import Rgb

PLATE_PROBABILITY = 0.25
"""Probability that a random backdrop has a plate in the middle."""

Ground = Callable[[np.random.Generator, int, float], Array]
"""Draws a ground, given the random generator, the side of the picture in pixels and the depth scale
(0 to 1). Returns sRGB colors (side, side, 3)."""


@dataclass(frozen=True)
class Dish:
    """A plate or a bowl; lengths are shares of the picture's side.

    Attributes:
        is_bowl: True for a bowl, False for a plate.
        x: Distance of its middle from the left edge.
        y: Distance of its middle from the upper edge.
        radius: Half its width.
    """

    is_bowl: bool
    x: float
    y: float
    radius: float


def draw_backdrop(
    rng: np.random.Generator, size: int, depth_scale: float, horizon: float, dish: Dish | None
) -> Array:
    """Draw a random ground and, above the horizon, a wall.

    Args:
        rng: Random generator.
        size: Side of the picture in pixels.
        depth_scale: Foreshortening of the ground: the sine of the camera's elevation.
        horizon: Share of the picture, from the top, that is wall.
        dish: A dish to draw, or None.

    Returns:
        Linear light (size, size, 3).
    """
    picture = GROUNDS[rng.integers(len(GROUNDS))](rng, size, depth_scale)
    if horizon > 0:
        picture = _add_wall(rng, picture, horizon)
    if dish:
        picture = (_add_bowl if dish.is_bowl else _add_plate)(rng, picture, depth_scale, dish)
    picture *= 1 + 0.12 * rng.normal() * _ramp(rng, size)[..., None]
    return np.square(np.clip(picture, 0, 1))


def draw_random_backdrop(rng: np.random.Generator, size: int, depth_scale: float) -> Array:
    """Draw a backdrop without a wall, sometimes with a plate; see `draw_backdrop`."""
    dish = random_dish(rng, 0.0, 0.0) if rng.random() < PLATE_PROBABILITY else None
    return draw_backdrop(rng, size, depth_scale, 0.0, dish)


def draw_studio(rng: np.random.Generator, size: int) -> Array:
    """Draw the seamless white or pale background of a product photo.

    Returns:
        Linear light (size, size, 3).
    """
    paper = np.full(3, 0.97, np.float32)
    if rng.random() < 0.3:
        paper = _random_tint(
            rng, (0.92, 0.84, 0.74), (0.70, 0.84, 0.88), (0.93, 0.72, 0.74), (0.86, 0.72, 0.3)
        )
    fall = 1 - 0.05 * rng.random() * np.linspace(0, 1, size, dtype=np.float32)
    return np.square(_shaded(paper, np.broadcast_to(fall[:, None], (size, size))))


def random_dish(rng: np.random.Generator, bowl_probability: float, horizon: float) -> Dish:
    """Choose a plate or bowl near the middle of the table."""
    is_bowl = rng.random() < bowl_probability
    x = 0.5 + rng.normal(0, 0.03)
    y = 0.53 + 0.4 * horizon + rng.normal(0, 0.02)
    return Dish(is_bowl, x, y, rng.uniform(0.32, 0.46))


# Noise and colors ----------------------------------------------------------------------------


def _noise(rng: np.random.Generator, size: int, across: int, down: int) -> Array:
    """Smooth noise (size, size), about -1 to 1, with a number of bumps across and down."""
    grid = rng.uniform(-1, 1, (max(down, 2), max(across, 2))).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC))


def _fractal_noise(rng: np.random.Generator, size: int, cells: int) -> Array:
    """Noise (size, size) with detail at four scales."""
    return sum(
        (_noise(rng, size, cells * 2**k, cells * 2**k) / 1.6**k for k in range(4)),
        np.zeros((size, size), np.float32),
    )


def _ramp(rng: np.random.Generator, size: int) -> Array:
    """Gradient (size, size), -1 to 1, in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = axis[None, :], axis[:, None]
    slope: Array = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    return slope / np.float32(1.42)


def _blend(first: Array, second: Array, share: npt.NDArray[np.floating]) -> Array:
    """Blend two colors (3,) by a share (size, size) of the second, to (size, size, 3)."""
    # Each channel is contiguous in memory: NumPy is ten times as fast with a long innermost axis.
    channels = first[:, None, None] + (second - first)[:, None, None] * share
    return channels.astype(np.float32).transpose(1, 2, 0)


def _shaded(color: Array, shade: npt.NDArray[np.floating]) -> Array:
    """Multiply a color (3,) by a brightness (size, size)."""
    return _blend(np.zeros(3, np.float32), color, shade)


def _random_tint(rng: np.random.Generator, *choices: Rgb) -> Array:
    """Choose one of the colors and vary it slightly."""
    color = np.array(choices[rng.integers(len(choices))]) + rng.normal(0, 0.03, 3)
    return color.astype(np.float32)


# Grounds -------------------------------------------------------------------------------------


def _plain(rng: np.random.Generator, size: int, depth_scale: float) -> Array:
    color = _random_tint(
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


def _wood(rng: np.random.Generator, size: int, depth_scale: float) -> Array:
    color = _random_tint(
        rng, (0.8, 0.62, 0.42), (0.62, 0.43, 0.26), (0.42, 0.28, 0.18), (0.74, 0.7, 0.64)
    )
    boards = int(rng.integers(1, 7))
    shift = _noise(rng, size, 2, boards * 3)
    fiber = _noise(rng, size, 5, size // 2) * 0.5 + _noise(rng, size, 12, size) * 0.3
    rings = np.sin(9 * shift + 3 * _noise(rng, size, 3, 5))
    position = np.linspace(0, boards, size, endpoint=False, dtype=np.float32)
    tone = rng.normal(0, 0.05, boards)[position.astype(int)]
    gap = np.clip((np.abs(position - np.round(position)) * size / boards) / 1.2, 0.35, 1)
    gap[: size // (2 * boards)] = 1
    gap[-(size // (2 * boards)) :] = 1
    board = (1 + 0.1 * fiber + 0.05 * rings + tone[:, None]) * gap[:, None]
    return _shaded(color, board.T if rng.random() < 0.5 else board)


def _cloth(rng: np.random.Generator, size: int, depth_scale: float) -> Array:
    first = _random_tint(rng, (0.93, 0.92, 0.88), (0.82, 0.78, 0.7), (0.9, 0.9, 0.93))
    second = _random_tint(
        rng, (0.72, 0.16, 0.18), (0.22, 0.36, 0.6), (0.3, 0.5, 0.36), (0.62, 0.56, 0.5)
    )
    axis = np.arange(size) / size * rng.uniform(3, 7)
    across = (np.sin(2 * np.pi * axis) > 0).astype(np.float32)
    down = (np.sin(2 * np.pi * axis / depth_scale) > 0).astype(np.float32)
    checks = (across[None, :] + down[:, None]) / 2 * (rng.random() < 0.6)
    weave = 0.04 * rng.standard_normal((size, size), np.float32) + 0.07 * _noise(rng, size, 4, 5)
    return _blend(first, second, checks) * (1 + weave[..., None])


def _marble(rng: np.random.Generator, size: int, depth_scale: float) -> Array:
    color = _random_tint(rng, (0.9, 0.89, 0.88), (0.78, 0.78, 0.78), (0.22, 0.23, 0.25))
    veins = np.exp(-5 * np.abs(_fractal_noise(rng, size, 3) + 0.6 * _ramp(rng, size)))
    sign = -1 if color.mean() > 0.5 else 1
    return _blend(color, color + 1, sign * (0.22 * veins + 0.03 * _fractal_noise(rng, size, 5)))


def _stone(rng: np.random.Generator, size: int, depth_scale: float) -> Array:
    color = _random_tint(
        rng, (0.5, 0.5, 0.5), (0.62, 0.57, 0.52), (0.33, 0.34, 0.36), (0.7, 0.66, 0.6)
    )
    grain = np.float32(0.05) * rng.standard_normal((size, size), np.float32)
    return _blend(color, color + 1, grain + 0.06 * _fractal_noise(rng, size, 4))


def _grass(rng: np.random.Generator, size: int, depth_scale: float) -> Array:
    blades = _noise(rng, size, size // 2, size // 7) + 0.6 * _noise(rng, size, size // 3, size // 4)
    light = np.clip(0.5 + 0.32 * blades + 0.15 * _noise(rng, size, 4, 5), 0, 1)
    dark, bright = _random_tint(rng, (0.19, 0.28, 0.12)), _random_tint(rng, (0.47, 0.57, 0.29))
    return _blend(dark, bright, light)


def _foliage(rng: np.random.Generator, size: int, depth_scale: float) -> Array:
    """Leaves out of focus, with light between them."""
    near, far = _noise(rng, size, 7, 7), _noise(rng, size, 14, 14)
    light = np.clip(0.45 + 0.4 * near + 0.25 * far, 0, 1)
    dark, bright = _random_tint(rng, (0.13, 0.22, 0.09)), _random_tint(rng, (0.50, 0.64, 0.28))
    gaps = np.clip(1.6 * (_noise(rng, size, 8, 8) - 0.45), 0, 1)[..., None]
    leaves = _blend(dark, bright, light)
    return leaves + (np.array([0.85, 0.9, 0.8], np.float32) - leaves) * gaps


def _terrazzo(rng: np.random.Generator, size: int, depth_scale: float) -> Array:
    grain = Image.fromarray(rng.standard_normal((size, size), np.float32))
    quarter = (0, 0, size / 2, size / 2)
    chips = np.asarray(grain.resize((size, size), Image.Resampling.BICUBIC, quarter))
    color = _random_tint(rng, (0.72, 0.72, 0.70), (0.52, 0.52, 0.52), (0.30, 0.30, 0.32))
    share = np.clip(3 * (np.abs(chips) - 1.2), 0, 1) * np.sign(chips)
    return _blend(color, color + 1, 0.2 * share)


GROUNDS: tuple[Ground, ...] = (
    *[_plain] * 2, *[_wood] * 3, *[_cloth] * 2, _marble, _stone, _grass, _foliage, _terrazzo,
)  # fmt: skip
"""Grounds to choose from; those listed more than once are more frequent."""


# Walls ---------------------------------------------------------------------------------------


def _add_wall(rng: np.random.Generator, picture: Array, horizon: float) -> Array:
    """Draw a wall, a garden or a room, out of focus, above the far edge of the table."""
    size = len(picture)
    form = rng.random()
    if form < 0.2:
        wall = _foliage(rng, size, 1.0)
    elif form < 0.45:
        wall = _room(rng, size)
    else:
        color = _random_tint(
            rng,
            (0.85, 0.83, 0.78),
            (0.55, 0.58, 0.6),
            (0.66, 0.50, 0.32),
            (0.45, 0.36, 0.28),
            (0.25, 0.28, 0.3),
        )
        wall = _shaded(color, 1 + 0.1 * _noise(rng, size, 5, 3))
    rows = np.arange(size, dtype=np.float32)[:, None, None]
    share = np.clip((horizon * size - rows) / 2 + 0.5, 0, 1)
    return (picture + (wall - picture) * share).astype(np.float32)


def _room(rng: np.random.Generator, size: int) -> Array:
    """Blurred rectangles of random colors, like shelves, frames and windows."""
    tone = rng.uniform(0.2, 0.8)
    room = Image.new("RGB", (56, 56), tuple(int(255 * tone * share) for share in (1, 0.96, 0.9)))
    for _ in range(int(rng.integers(3, 9))):
        left, top = rng.integers(-8, 50, 2)
        width, height = rng.integers(4, 26, 2)
        color = np.clip(rng.uniform(0.1, 0.95) * (1 + rng.normal(0, 0.15, 3)), 0, 1)
        box = (left, top, left + width, top + height)
        room.paste(tuple(int(255 * channel) for channel in color), box)
    blurred = room.filter(ImageFilter.GaussianBlur(rng.uniform(1, 3)))
    large = blurred.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(large, np.float32) / np.float32(255)


# Dishes --------------------------------------------------------------------------------------


def _dish_coordinates(size: int, depth_scale: float, dish: Dish) -> tuple[Array, Array]:
    """Return x (1, size) and y (size, 1) on the ground, in radii from the middle of a dish."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = (axis[None, :] - dish.x) / dish.radius, (axis[:, None] - dish.y) / dish.radius
    return x.astype(np.float32), (y / depth_scale).astype(np.float32)


def _glaze(rng: np.random.Generator) -> Array:
    white = (0.93, 0.93, 0.92)
    return _random_tint(rng, white, white, (0.88, 0.86, 0.8), (0.4, 0.53, 0.62), (0.80, 0.50, 0.56))


def _add_plate(rng: np.random.Generator, picture: Array, depth_scale: float, dish: Dish) -> Array:
    """Draw a round plate with a rim and a soft shadow."""
    size = len(picture)
    x, y = _dish_coordinates(size, depth_scale, dish)
    radius = np.sqrt(x * x + y * y)
    shadow = 1 - 0.45 * np.clip(8 * (1.08 - np.sqrt(x * x + (y - 0.05) ** 2)), 0, 1)
    slope = np.exp(-np.square((radius - 0.68) / 0.04)) * np.sign(y + 0.4 * x)
    edge = np.clip((radius - 0.96) * 30, 0, 1)
    shade = 1 + 0.1 * slope - 0.05 * edge - 0.04 * (radius < 0.68)
    inside = np.clip((1 - radius) * dish.radius * depth_scale * size, 0, 1)[..., None]
    ground = picture * shadow[..., None]
    plate = ground + (_shaded(_glaze(rng), shade) - ground) * inside
    return plate.astype(np.float32)


def _add_bowl(rng: np.random.Generator, picture: Array, depth_scale: float, dish: Dish) -> Array:
    """Draw a bowl: its inside, darker with depth, and its outside below the rim."""
    size = len(picture)
    x, y = _dish_coordinates(size, depth_scale, dish)
    radius = np.sqrt(x * x + y * y)
    radius_pixels = dish.radius * depth_scale * size
    # The outside is the union of horizontal slices, which get smaller with depth.
    tilt = float(np.sqrt(1 - depth_scale * depth_scale)) / depth_scale
    outside_radius = radius
    for depth in np.linspace(0.1, 0.6, 6, dtype=np.float32):
        slice_radius = np.sqrt(1 - 1.9 * depth * depth)
        distance = np.sqrt(x * x + np.square(y - depth * tilt)) / slice_radius
        outside_radius = np.minimum(outside_radius, distance)
    outside = np.clip((1 - outside_radius) * radius_pixels, 0, 1)[..., None]
    inside = np.clip((1 - radius) * radius_pixels, 0, 1)[..., None]
    foot_distance = np.sqrt(x * x + np.square(y - 0.6 * tilt))
    shadow = 1 - 0.5 * np.clip(2.5 * (1.1 - foot_distance), 0, 1)
    wood = ((0.55, 0.36, 0.2), (0.35, 0.37, 0.4))
    color = _glaze(rng) if rng.random() < 0.6 else _random_tint(rng, *wood)
    outer_wall = _shaded(color, 0.82 - 0.2 * np.abs(x) - 0.12 * np.clip(y, 0, 2))
    height = np.square(1 - np.clip(1 - radius, 0, 1))
    hollow = _shaded(color, 0.62 + 0.36 * height * height + 0.14 * y * height)
    rim = np.exp(-np.square((radius - 0.97) / 0.025))[..., None]
    hollow = hollow + (np.minimum(1.1 * color, 0.97) - hollow) * rim
    ground = picture * shadow[..., None]
    bowl = ground + (outer_wall - ground) * outside
    bowl = bowl + (hollow - bowl) * inside
    return bowl.astype(np.float32)
