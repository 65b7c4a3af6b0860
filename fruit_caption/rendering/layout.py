"""Objects in a picture: where they are, which pixels of them are visible, and their boxes.

Objects stand on the ground. Those whose lowest point is lower in the picture are nearer to the
camera and hide those behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fruit_caption.data.records import FruitBox
from fruit_caption.rendering.sdf import Array
from fruit_caption.rendering.sprites import Mask, Sprite, Viewpoint

MAX_HIDDEN = 0.35
"""Maximum share of an object that may be hidden by others or outside the picture."""

MAX_ATTEMPTS = 40
"""Maximum number of positions to try for an object."""


@dataclass(frozen=True)
class PlacedObject:
    """An object in a picture.

    Attributes:
        fruit: Name of the fruit, or None for a distractor.
        sprite: The drawn object.
        x: Column of the middle of the sprite, in pixels.
        y: Row of the middle of the sprite, in pixels.
    """

    fruit: str | None
    sprite: Sprite
    x: int
    y: int

    @property
    def ground_y(self) -> float:
        """Row at which the object stands on the ground; larger is nearer."""
        return self.y + self.sprite.ground_offset

    @property
    def mask(self) -> Mask:
        """The pixels (side, side) of the sprite that the object covers."""
        return self.sprite.mask

    def window(self, side: int, size: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Intersect a square around the object with the picture.

        Args:
            side: Side of the square in pixels.
            size: Side of the picture in pixels.

        Returns:
            The rows and columns of the intersection in the picture, and in the square.
        """
        left, top = self.x - side // 2, self.y - side // 2
        columns, rows = (max(left, 0), min(left + side, size)), (max(top, 0), min(top + side, size))
        picture = slice(rows[0], max(rows)), slice(columns[0], max(columns))
        square = slice(rows[0] - top, rows[1] - top), slice(columns[0] - left, columns[1] - left)
        return picture, square


@dataclass(frozen=True)
class Layout:
    """Positions of all objects in a picture.

    Attributes:
        seed: Seed of the series of pictures.
        index: Number of the picture in the series.
        size: Side of the picture in pixels.
        viewpoint: Camera and lighting.
        objects: The objects, the farthest first.
    """

    seed: int
    index: int
    size: int
    viewpoint: Viewpoint
    objects: tuple[PlacedObject, ...]

    def visible_masks(self) -> list[Mask]:
        """Return the visible pixels (size, size) of each fruit."""
        owners = _owners(self.objects, self.size)
        return [owners == number for number, item in enumerate(self.objects) if item.fruit]

    def boxes(self) -> tuple[FruitBox, ...]:
        """Return a tight box around the visible part of each fruit."""
        fruits = [item.fruit for item in self.objects if item.fruit]
        return tuple(map(_box, fruits, self.visible_masks()))


def stratified_count(seed: int, index: int, maximum: int) -> int:
    """Return the number of fruits in a picture, 0 to `maximum`.

    Every number occurs exactly once, in random order, in each `maximum` + 1 consecutive pictures.
    """
    block, position = divmod(index, maximum + 1)
    return int(np.random.default_rng([seed, block, maximum]).permutation(maximum + 1)[position])


def add_object(
    fruit: str | None,
    sprite: Sprite,
    positions: Iterable[tuple[int, int]],
    objects: list[PlacedObject],
    size: int,
    horizon: float = 0.0,
    scale_at: Callable[[int], float] = lambda y: 1.0,
) -> list[PlacedObject] | None:
    """Add an object at the first position where enough of all objects stays visible.

    Args:
        fruit: Name of the fruit, or None for a distractor.
        sprite: The drawn object.
        positions: Positions (x, y) to try.
        objects: The other objects.
        size: Side of the picture in pixels.
        horizon: Share of the picture, from the top, that is above the ground.
        scale_at: Returns the scale of the sprite at row `y`.

    Returns:
        All objects, the farthest first, or None if no position is suitable.
    """
    for x, y in positions:
        scale = scale_at(y)
        radius = scale * sprite.radius
        if y + scale * sprite.ground_offset < horizon * size + 0.5 * radius:
            continue
        if _is_too_close(x, y, radius, objects):
            continue
        item = PlacedObject(fruit, sprite if 0.95 < scale < 1.05 else sprite.scaled(scale), x, y)
        extended = sorted([*objects, item], key=lambda each: each.ground_y)
        if hidden_fractions(extended, size).max() <= MAX_HIDDEN:
            return extended
    return None


def add_object_anywhere(
    rng: np.random.Generator,
    fruit: str,
    sprite: Sprite,
    objects: list[PlacedObject],
    size: int,
    closeness: float,
) -> list[PlacedObject]:
    """Like `add_object` at random positions, but return the other objects if none is suitable."""
    positions = (
        random_position(rng, sprite.radius, objects, size, closeness) for _ in range(MAX_ATTEMPTS)
    )
    return add_object(fruit, sprite, positions, objects, size) or objects


def random_position(
    rng: np.random.Generator,
    radius: float,
    objects: list[PlacedObject],
    size: int,
    closeness: float,
) -> tuple[int, int]:
    """Choose a position (x, y) for an object of this radius in a picture of this size, in pixels.

    It is beside another object with the probability `closeness`, otherwise anywhere.
    """
    if objects and rng.random() < closeness:
        neighbor = objects[rng.integers(len(objects))]
        angle = rng.uniform(0, 2 * np.pi)
        distance = (radius + neighbor.sprite.radius) * rng.uniform(0.7, 1.25)
        x, y = neighbor.x + distance * np.cos(angle), neighbor.y + distance * np.sin(angle)
        if 0 <= x < size and 0 <= y < size:
            return int(x), int(y)
    # Part of the object may be outside the picture.
    margin = min(0.6 * radius, 0.45 * size)
    x, y = rng.uniform(margin, size - margin, 2)
    return int(x), int(y)


def hidden_fractions(objects: Sequence[PlacedObject], size: int) -> Array:
    """Return the fraction of each object that is hidden or outside the picture."""
    owners = _owners(objects, size)
    visible = np.bincount(owners[owners >= 0], minlength=len(objects))
    total = np.array([max(int(item.mask.sum()), 1) for item in objects])
    return (1 - visible / total).astype(np.float32)


def _is_too_close(x: int, y: int, radius: float, objects: list[PlacedObject]) -> bool:
    """Return True if solid objects could hardly be so close. Faster than `hidden_fractions`."""
    return any(
        np.hypot(x - other.x, y - other.y) < 0.6 * (radius + other.sprite.radius)
        for other in objects
    )


def _owners(objects: Sequence[PlacedObject], size: int) -> npt.NDArray[np.int16]:
    """Return the index of the object that is visible at each pixel (size, size), or -1."""
    owners = np.full((size, size), -1, np.int16)
    for number, item in enumerate(objects):
        picture, square = item.window(len(item.mask), size)
        owners[picture][item.mask[square]] = number
    return owners


def _box(fruit: str, mask: Mask) -> FruitBox:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return FruitBox(
        fruit=fruit,
        left=float(columns[0]),
        top=float(rows[0]),
        width=float(columns[-1] - columns[0] + 1),
        height=float(rows[-1] - rows[0] + 1),
    )
