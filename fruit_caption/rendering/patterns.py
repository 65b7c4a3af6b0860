"""Patterns on the skins of fruits: clouds, streaks, dots, grain, and a lattice of cells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fruit_caption.rendering.solids import Array, Field, longitude

CELLS = 1024
"""Size of the tables that patterns draw their chances from; a power of two."""


def cloud_noise(rng: np.random.Generator, frequency: float) -> Field:
    """Smooth noise, about -1 to 1: a sum of waves in random directions."""
    waves = rng.normal(0, frequency, (7, 3)).astype(np.float32)
    phases = rng.uniform(0, 2 * np.pi, (7, 1)).astype(np.float32)
    return lambda points: np.sin(waves @ points + phases).sum(0) / 2.6


def streak_noise(rng: np.random.Generator, number: int) -> Field:
    """Stripes from pole to pole, about -1 to 1, that waver a little."""
    frequencies = rng.integers(number // 2, number * 2, 5)
    phases = rng.uniform(0, 2 * np.pi, 5)
    wobble = cloud_noise(rng, 3.0)

    def pattern(points: Array) -> Array:
        angle, stray = longitude(points), wobble(points)
        waves = [np.sin(k * angle + p + stray) for k, p in zip(frequencies, phases, strict=True)]
        return np.asarray(sum(waves) / 2.2, np.float32)

    return pattern


def dot_noise(rng: np.random.Generator, frequency: float, radius: float) -> Field:
    """One where a dot is, zero elsewhere, soft between: one dot in each cell of a 3D grid."""
    table = rng.random((4, CELLS)).astype(np.float32)

    def pattern(points: Array) -> Array:
        place = points * np.float32(frequency)
        cell = np.floor(place)
        dot = table.take(_cell_number(cell), axis=1)
        place -= cell + np.float32(0.5) * dot[:3]
        place -= np.float32(0.25)
        size = radius * (0.4 + 0.6 * dot[3])
        share: Array = np.clip(2 - 2 * np.sqrt((place * place).sum(0)) / size, 0, 1)
        return share

    return pattern


def grain_noise(rng: np.random.Generator, frequency: float) -> Field:
    """Fuzz, -1 to 1, without any order: one value in each cell of a 3D grid."""
    table = rng.uniform(-1, 1, CELLS).astype(np.float32)
    return lambda points: table.take(_cell_number(np.floor(points * np.float32(frequency))))


def _cell_number(cell: Array) -> npt.NDArray[np.int32]:
    """A number below `CELLS` for each cell (3, points) of a grid, as good as random."""
    mixed = cell[0] * 73 + cell[1] * 179 + cell[2] * 283
    number: npt.NDArray[np.int32] = mixed.astype(np.int32) & (CELLS - 1)
    return number


def lattice(rows: float, columns: int) -> Callable[[Array], tuple[Array, Array]]:
    """Offsets (-0.5 to 0.5) from the centers of staggered cells on a body: along y, round it."""

    def offsets(points: Array) -> tuple[Array, Array]:
        row = points[1] * rows
        whole = np.round(row)
        column = longitude(points) * (columns / (2 * np.pi)) + 0.5 * (whole % 2)
        return row - whole, column - np.round(column)

    return offsets
