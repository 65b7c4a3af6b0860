"""Colors and procedural textures of surfaces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fruit_caption.rendering.sdf import Array, Field, Y, longitude

Rgb = tuple[float, float, float]
"""An sRGB color, 0 to 1."""

BROWN: Rgb = (0.36, 0.25, 0.14)
STEM_GREEN: Rgb = (0.42, 0.50, 0.18)
LEAF_GREEN: Rgb = (0.28, 0.48, 0.17)

TABLE_SIZE = 1024
"""Size of the tables of random numbers; a power of two."""


def random_color(rng: np.random.Generator, *choices: Rgb) -> Rgb:
    """Choose one of the colors and vary it slightly."""
    red, green, blue = np.array(choices[rng.integers(len(choices))]) * rng.uniform(0.93, 1.07, 3)
    return (float(red), float(green), float(blue))


def uniform(color: Rgb) -> Field:
    """Texture of a single color."""
    return Field(lambda points: np.broadcast_to(_column(color), points.shape))


def mix(first: Rgb | Field, second: Rgb | Field, share: Field) -> Field:
    """Blend two textures: `first` where `share` is 0 or less, `second` where it is 1 or more."""

    @Field
    def texture(points: Array) -> Array:
        start, end = (
            color(points) if isinstance(color, Field) else _column(color)
            for color in (first, second)
        )
        # The factor turns masks into numbers.
        return start + (end - start) * np.clip(share(points) * np.float32(1), 0, 1)

    return texture


def _column(color: Rgb) -> Array:
    return np.array(color, np.float32)[:, None]


def cloud_noise(rng: np.random.Generator, frequency: float) -> Field:
    """Smooth noise, about -1 to 1: a sum of waves in random directions."""
    waves = rng.normal(0, frequency, (7, 3)).astype(np.float32)
    phases = rng.uniform(0, 2 * np.pi, (7, 1)).astype(np.float32)
    return Field(lambda points: np.sin(waves @ points + phases).sum(0) / 2.6)


def streak_noise(rng: np.random.Generator, number: int) -> Field:
    """Irregular, slightly wavy stripes from pole to pole, about -1 to 1."""
    frequencies = rng.integers(number // 2, number * 2, 5)
    phases = rng.uniform(0, 2 * np.pi, 5)
    wobble = cloud_noise(rng, 3.0)

    @Field
    def texture(points: Array) -> Array:
        angle, offset = longitude(points), wobble(points)
        waves = [np.sin(k * angle + p + offset) for k, p in zip(frequencies, phases, strict=True)]
        return np.asarray(sum(waves) / 2.2, np.float32)

    return texture


def dot_noise(rng: np.random.Generator, frequency: float, radius: float) -> Field:
    """Soft dots, 1 in their middle and 0 between them: one dot in each cell of a 3D grid."""
    table = rng.random((4, TABLE_SIZE)).astype(np.float32)

    @Field
    def texture(points: Array) -> Array:
        offset = points * np.float32(frequency)
        cell = np.floor(offset)
        dot = table.take(_cell_hash(cell), axis=1)
        offset -= cell + np.float32(0.5) * dot[:3]
        offset -= np.float32(0.25)
        size = radius * (0.4 + 0.6 * dot[3])
        return np.clip(2 - 2 * np.sqrt((offset * offset).sum(0)) / size, 0, 1)

    return texture


def grain_noise(rng: np.random.Generator, frequency: float) -> Field:
    """Rough noise, -1 to 1: an independent value for each cell of a 3D grid."""
    table = rng.uniform(-1, 1, TABLE_SIZE).astype(np.float32)
    return Field(lambda points: table.take(_cell_hash(np.floor(points * np.float32(frequency)))))


def _cell_hash(cell: Array) -> npt.NDArray[np.int32]:
    """Return a pseudo-random index below `TABLE_SIZE` for each cell (3, points) of a grid."""
    mixed = cell[0] * 73 + cell[1] * 179 + cell[2] * 283
    return mixed.astype(np.int32) & (TABLE_SIZE - 1)


def lattice(rows: float, columns: int) -> tuple[Field, Field]:
    """Staggered cells on the surface of a body: `rows` per unit of height, `columns` around it.

    Returns:
        Offset from the center of the nearest cell along the axis and around it, -0.5 to 0.5.
    """
    row = Y * rows
    column = longitude * (columns / (2 * np.pi)) + 0.5 * (np.rint(row) % 2)
    return row - np.rint(row), column - np.rint(column)
