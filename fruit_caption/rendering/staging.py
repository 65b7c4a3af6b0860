"""Stages a rendered scene: camera and light, which fruits and what else, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fruit_caption.rendering.arrangement import TRIES, Placed, crowds, joined, radius_of, somewhere
from fruit_caption.rendering.backdrops import Dish, draw_dish
from fruit_caption.rendering.distractors import CLUTTER, LOOK_ALIKES
from fruit_caption.rendering.drawing import Sprite, View, draw_thing, draw_view, scaled
from fruit_caption.rendering.shapes import KINDS, draw_kind
from fruit_caption.rendering.solids import Array, Kind

MOST = 12
"""Fruits in a scene, at most."""

BUNCHED = frozenset({"grape"})
"""Kinds that lie in bunches: a box is one bunch, so that it tells no number."""

STRANGERS = ("cucumber", "tomato")
"""Kinds that lie about now and then without being asked for."""

BUNCH_SHARE = 0.06
"""How many of the scenes with fruit show a bunch or two."""

STUDIO_SHARE = 0.3
"""How many of the scenes are like photos of goods for sale."""

SHRINK = 0.86
"""How much smaller all fruits get where one finds no place."""

SMALLEST_SHARE = 0.015
"""Reach of a fruit, in shares of the side of the picture, below which it is a speck."""

Pattern = Literal["scattered", "close", "row", "grid"]


@dataclass(frozen=True)
class Stage:
    """Where a scene is set.

    Attributes:
        view: camera and light.
        horizon: share of the picture, from the top, that is beyond the table.
        vanishing: height at which the ground would end, from the top, in shares of the picture;
            below zero where it would do so out of sight.
        studio: whether the ground is a photographer's white paper.
        dish: what the fruits lie in.
        pattern: how they lie.
    """

    view: View
    horizon: float
    vanishing: float
    studio: bool
    dish: Dish | None
    pattern: Pattern

    def scale(self, y: float) -> float:
        """How large a thing looks, `y` of the picture's height from the top; 1 in the middle."""
        return float(np.clip((y - self.vanishing) / (self.middle - self.vanishing), 0.3, 1.5))

    @property
    def middle(self) -> float:
        """Height of the middle of the ground, from the top, in shares of the picture."""
        return (1 + self.horizon) / 2


def set_stage(rng: np.random.Generator, number: int) -> Stage:
    """A stage for so many fruits."""
    studio = rng.random() < STUDIO_SHARE
    # From the side, many fruits would hide each other.
    low = number <= 6 and rng.random() < 0.35
    high = rng.random() < 0.5
    elevation = rng.uniform(*((10, 32) if low else (58, 90) if high else (32, 58)))
    horizon = 0.0
    if not studio and elevation < 48 and rng.random() < 0.7:
        horizon = rng.uniform(0.3, 0.5) if low else rng.uniform(0.1, 0.3)
    field = np.radians(rng.uniform(10, 24))
    farthest = 0.5 - 0.5 * np.tan(np.radians(elevation)) / np.tan(field)
    vanishing = min(farthest, horizon - 0.4)
    dish = None
    if not studio and rng.random() < 0.3:
        dish = draw_dish(rng, 0.45 if elevation > 36 else 0.0, horizon)
    return Stage(
        view=draw_view(rng, elevation, 0.7 if studio else 0.1),
        horizon=horizon,
        vanishing=float(vanishing),
        studio=studio,
        dish=dish,
        pattern="scattered" if dish else _pattern(rng, number),
    )


def _pattern(rng: np.random.Generator, number: int) -> Pattern:
    chance = rng.random()
    if chance < 0.12 and 2 <= number <= 6:
        return "row"
    if chance < 0.12 and number > 6:
        return "grid"
    return "close" if chance < 0.55 else "scattered"


# Fruits --------------------------------------------------------------------------------------


def fill(rng: np.random.Generator, stage: Stage, number: int, size: int) -> list[Placed]:
    """So many fruits in their places, the farthest first; smaller until there is room for all.

    Only where they would have to be specks are some left out.
    """
    fruits = _choose(rng, number)
    reaches = _reaches(rng, stage, fruits, size)
    sprites = [
        draw_thing(rng, draw_kind(rng, fruit), stage.view, reach)
        for fruit, reach in zip(fruits, reaches, strict=True)
    ]
    shrunk = 1.0
    while True:
        placed: list[Placed] = []
        for turn, (fruit, sprite) in enumerate(zip(fruits, sprites, strict=True)):
            spot = _spot(stage, turn, number)
            more = _put(rng, stage, fruit, sprite, placed, size, shrunk, spot)
            if more is None:
                break
            placed = more
        if len(placed) == number or shrunk * reaches.min() < SMALLEST_SHARE * size:
            return placed
        shrunk *= SHRINK


def _choose(rng: np.random.Generator, number: int) -> list[str]:
    """That many fruits: half the time of one kind, else of two to four; now and then a bunch."""
    single = sorted(set(KINDS) - BUNCHED)
    kinds = 1 if number < 2 or rng.random() < 0.5 else int(rng.integers(2, min(4, number) + 1))
    chosen = rng.choice(len(single), kinds, replace=False)
    # Each kind once, then any of them, so that none goes missing.
    picks = np.concatenate([chosen[:number], rng.choice(chosen, max(0, number - kinds))])
    fruits = [single[pick] for pick in rng.permutation(picks)]
    if number and rng.random() < BUNCH_SHARE:
        bunches = min(number, int(rng.integers(1, 3)))
        fruits[:bunches] = [*sorted(BUNCHED)] * bunches
    return fruits


def _reaches(rng: np.random.Generator, stage: Stage, fruits: list[str], size: int) -> Array:
    """Radius in pixels of the circle that each fruit gets.

    True sizes would make a blueberry beside a melon a dot, so that their ratios are narrowed.
    """
    if not fruits:
        return np.zeros(0, np.float32)
    units = np.array([_relative_size(KINDS[fruit]) for fruit in fruits])
    units *= rng.uniform(0.92, 1.08, len(fruits))
    filled = rng.uniform(0.25, 0.5) if stage.studio else np.exp(rng.uniform(-2.2, -0.8))
    largest = 0.48 if stage.studio else 0.42
    if stage.dish:
        filled = rng.uniform(0.25, 0.7) * np.pi * stage.dish.radius**2 * float(stage.view.up[2])
        largest = 0.8 * stage.dish.radius
    if stage.pattern in ("row", "grid"):
        largest = min(largest, 0.52 / _columns(stage, len(fruits)))
    scale = np.sqrt(filled / (np.pi * np.square(units).sum()))
    reaches = scale * units * [KINDS[fruit].reach for fruit in fruits]
    return (size * np.minimum(reaches, largest)).astype(np.float32)


def _relative_size(kind: Kind) -> float:
    """Radius of a thing beside others."""
    return kind.radius_cm**0.4


def _columns(stage: Stage, number: int) -> int:
    return number if stage.pattern == "row" else int(np.ceil(np.sqrt(number)))


def _spot(stage: Stage, turn: int, number: int) -> tuple[float, float] | None:
    """Where fruit number `turn` belongs in a row or grid, in shares of the picture."""
    if stage.pattern not in ("row", "grid"):
        return None
    columns = _columns(stage, number)
    rows = int(np.ceil(number / columns))
    row, column = divmod(turn, columns)
    top = stage.horizon + 0.05
    return (column + 0.5) / columns, top + (0.95 - top) * (row + 0.5) / rows


def _put(
    rng: np.random.Generator,
    stage: Stage,
    fruit: str | None,
    sprite: Sprite,
    placed: list[Placed],
    size: int,
    shrunk: float,
    spot: tuple[float, float] | None,
) -> list[Placed] | None:
    """The things with one more among them; `None` if there is no place for it.

    `sprite` is as large as the thing looks in the middle; it is shown `shrunk` times as large, and
    smaller or larger still as it lies farther away or nearer.
    """
    whole = radius_of(sprite.cover > 0.5)
    closeness = 1.0 if stage.pattern == "close" else 0.15
    for attempt in range(TRIES):
        if spot:
            stray = (0.01 + 0.006 * attempt) * size
            x, y = (int(share * size + rng.normal(0, stray)) for share in spot)
        elif stage.dish and fruit:
            x, y = _in_dish(rng, stage, sprite.foot * shrunk, size)
        elif stage.pattern == "close" and not placed:
            x, y = (int(share * size + rng.normal(0, 0.1 * size)) for share in (0.5, stage.middle))
        else:
            x, y = somewhere(rng, shrunk * whole, placed, size, closeness)
        scale = shrunk * stage.scale(y / size)
        radius = scale * whole
        if y + scale * sprite.foot < stage.horizon * size + 0.5 * radius:
            continue
        if crowds(x, y, radius, placed):
            continue
        shown = sprite if 0.95 < scale < 1.05 else scaled(sprite, scale)
        together = joined(Placed(fruit, shown, shown.cover > 0.5, x, y), placed, size)
        if together:
            return together
    return None


def _in_dish(rng: np.random.Generator, stage: Stage, foot: float, size: int) -> tuple[int, int]:
    """A place at random in which a fruit stands in the dish."""
    assert stage.dish
    out, angle = 0.78 * stage.dish.radius * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
    x = stage.dish.x + out * np.cos(angle)
    y = stage.dish.y + out * np.sin(angle) * float(stage.view.up[2])
    return int(x * size), int(y * size - 0.7 * foot)


# What else there is --------------------------------------------------------------------------


def furnish(
    rng: np.random.Generator, stage: Stage, fruits: list[Placed], size: int
) -> tuple[list[Placed], frozenset[str]]:
    """The fruits and things that are none, the farthest first.

    Returns:
        all that is placed, and the kinds of fruit that lie among it without being asked for.
    """
    together, strangers = fruits, set()
    present = {item.fruit for item in fruits}
    for name in _furniture(rng, stage, not fruits):
        if name in present:
            continue
        kind = {**KINDS, **LOOK_ALIKES, **CLUTTER}[name]
        reach = _reach_beside(rng, stage, kind, fruits, size)
        sprite = draw_thing(rng, kind, stage.view, reach)
        more = _put(rng, stage, None, sprite, together, size, 1.0, None)
        if more:
            together = more
            strangers |= {name} & set(KINDS)
    return together, frozenset(strangers)


def _furniture(rng: np.random.Generator, stage: Stage, bare: bool) -> Sequence[str]:
    """Names of things to put beside the fruits, or where there are none."""
    share = 0.12 if stage.studio else 0.4
    if rng.random() > (0.7 if bare else share):
        return ()
    names = []
    for _ in range(int(rng.integers(1, 4))):
        chance = rng.random()
        kinds = STRANGERS if chance < 0.08 else [*LOOK_ALIKES] if chance < 0.42 else [*CLUTTER]
        names.append(kinds[rng.integers(len(kinds))])
    return names


def _reach_beside(
    rng: np.random.Generator, stage: Stage, kind: Kind, fruits: list[Placed], size: int
) -> float:
    """Radius in pixels of the circle that a thing gets: in keeping with the fruits there."""
    known = [
        radius_of(item.mask) / _relative_size(KINDS[item.fruit]) for item in fruits if item.fruit
    ]
    unit = float(np.median(known)) if known else rng.uniform(0.03, 0.1) * size
    reach = 1.1 * unit * _relative_size(kind) * kind.reach
    return float(np.clip(reach, 0.03 * size, 0.32 * size))
