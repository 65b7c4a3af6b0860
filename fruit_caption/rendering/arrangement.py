"""What lies where in a picture, and what is seen of it: nearer things hide those behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fruit_caption.data.records import FruitBox
from fruit_caption.rendering.drawing import Sprite, View
from fruit_caption.rendering.solids import Array

MOST_HIDDEN = 0.35
"""Largest share of a fruit that may lie behind others or beyond the edge of the picture."""

TRIES = 40
"""Places that are tried for a fruit before it is left out."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Placed:
    """A thing in a picture.

    Attributes:
        fruit: its kind; `None` if it is no fruit that is looked for.
        sprite: how it looks.
        mask: the pixels (side, side) of the sprite that it fills.
        x, y: where the middle of the sprite is, in pixels from the left upper corner.
    """

    fruit: str | None
    sprite: Sprite
    mask: Mask
    x: int
    y: int

    @property
    def foot(self) -> float:
        """Height in the picture at which it stands on the ground; larger is nearer."""
        return self.y + self.sprite.foot


@dataclass(frozen=True)
class Layout:
    """What lies where in a picture.

    Attributes:
        seed, index: the picture's series and its number there.
        size: side of the picture in pixels.
        view: camera and light.
        horizon: share of the picture, from the top, that is beyond the table.
        placed: the things, the farthest first.
    """

    seed: int
    index: int
    size: int
    view: View
    horizon: float
    placed: tuple[Placed, ...]

    def visible_masks(self) -> list[Mask]:
        """The pixels (size, size) in which each fruit is seen."""
        owners = _owners(self.placed, self.size)
        return [owners == number for number, item in enumerate(self.placed) if item.fruit]

    def boxes(self) -> tuple[FruitBox, ...]:
        """A box round the visible part of each fruit."""
        fruits = [item.fruit for item in self.placed if item.fruit]
        return tuple(map(_box, fruits, self.visible_masks()))


def spread_number(seed: int, index: int, most: int) -> int:
    """How many fruits picture `index` shows: in every `most` + 1 each number once, in any order."""
    turn, place = divmod(index, most + 1)
    return int(np.random.default_rng([seed, turn, most]).permutation(most + 1)[place])


def place(
    rng: np.random.Generator,
    fruit: str,
    sprite: Sprite,
    placed: list[Placed],
    size: int,
    horizon: float,
    closeness: float,
) -> list[Placed]:
    """The fruits with one more among them, if there is a place where enough of all is seen."""
    mask = sprite.cover > 0.5
    radius = radius_of(mask)
    for _ in range(TRIES):
        x, y = somewhere(rng, radius, placed, size, closeness)
        item = Placed(fruit, sprite, mask, x, y)
        if item.foot < horizon * size + 0.5 * radius or crowds(x, y, radius, placed):
            continue
        if together := joined(item, placed, size):
            return together
    return placed


def joined(item: Placed, placed: list[Placed], size: int) -> list[Placed] | None:
    """All of them, the farthest first; `None` if too much of any would be out of sight."""
    together = sorted([*placed, item], key=lambda each: each.foot)
    return together if hidden_shares(together, size).max() <= MOST_HIDDEN else None


def somewhere(
    rng: np.random.Generator, radius: float, placed: list[Placed], size: int, closeness: float
) -> tuple[int, int]:
    """A place at random: anywhere, or, as often as `closeness` says, beside another thing."""
    if placed and rng.random() < closeness:
        beside = placed[rng.integers(len(placed))]
        angle = rng.uniform(0, 2 * np.pi)
        away = (radius + radius_of(beside.mask)) * rng.uniform(0.7, 1.25)
        x, y = beside.x + away * np.cos(angle), beside.y + away * np.sin(angle)
        if 0 <= x < size and 0 <= y < size:
            return int(x), int(y)
    # Some of it may be beyond the edge.
    margin = min(0.6 * radius, 0.45 * size)
    x, y = rng.uniform(margin, size - margin, 2)
    return int(x), int(y)


def radius_of(mask: Mask) -> float:
    """Radius of a disc as large as the mask."""
    return float(np.sqrt(mask.sum() / np.pi))


def crowds(x: int, y: int, radius: float, placed: list[Placed]) -> bool:
    """Whether solid things could hardly lie so close. Saves working out what is hidden."""
    return any(
        np.hypot(x - other.x, y - other.y) < 0.6 * (radius + radius_of(other.mask))
        for other in placed
    )


def window(item: Placed, side: int, size: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a square of `side` pixels round a thing meets the picture: there, and in the square."""
    left, top = item.x - side // 2, item.y - side // 2
    columns, rows = (max(left, 0), min(left + side, size)), (max(top, 0), min(top + side, size))
    picture = slice(rows[0], max(rows)), slice(columns[0], max(columns))
    square = slice(rows[0] - top, rows[1] - top), slice(columns[0] - left, columns[1] - left)
    return picture, square


def _owners(placed: Sequence[Placed], size: int) -> npt.NDArray[np.int16]:
    """For each pixel (size, size) the thing that is seen there, by its place in the list, or -1."""
    owners = np.full((size, size), -1, np.int16)
    for number, item in enumerate(placed):
        picture, square = window(item, len(item.mask), size)
        owners[picture][item.mask[square]] = number
    return owners


def hidden_shares(placed: list[Placed], size: int) -> Array:
    """The share (things,) of each thing that is out of sight."""
    owners = _owners(placed, size)
    seen = np.bincount(owners[owners >= 0], minlength=len(placed))
    whole = np.array([max(int(item.mask.sum()), 1) for item in placed])
    shares: Array = (1 - seen / whole).astype(np.float32)
    return shares


def _box(fruit: str, mask: Mask) -> FruitBox:
    """The smallest box that holds the mask (height, width)."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return FruitBox(
        fruit=fruit,
        left=float(columns[0]),
        top=float(rows[0]),
        width=float(columns[-1] - columns[0] + 1),
        height=float(rows[-1] - rows[0] + 1),
    )
