"""Plans a scene: camera, light and background, which fruits and distractors, and their positions.

Coordinates in a `SceneSetup` are shares of the picture's side, from its upper left corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fruit_caption.rendering.backdrops import Dish, random_dish
from fruit_caption.rendering.distractors import CLUTTER, LOOK_ALIKES
from fruit_caption.rendering.fruits import FRUIT_MODELS, choose_fruit_model
from fruit_caption.rendering.layout import (
    MAX_ATTEMPTS,
    Layout,
    PlacedObject,
    add_object,
    random_position,
    stratified_count,
)
from fruit_caption.rendering.objects import ObjectModel
from fruit_caption.rendering.sdf import Array
from fruit_caption.rendering.sprites import Sprite, Viewpoint, draw_object, random_viewpoint

MAX_FRUITS = 12
"""Default maximum number of fruits in a scene."""

PLAIN_FRUITS = ("banana", "lemon", "lime", "pear", "pomegranate", "strawberry")
"""The fruits of plain scenes: easy to tell apart by shape, less so by color."""

PLAIN_MAX_FRUITS = 6
"""Maximum number of fruits in a plain scene."""

BUNCH_FRUITS = frozenset({"grape"})
"""Fruits that are drawn as bunches. One box is one bunch, so boxes don't prove their number."""

DISTRACTOR_FRUITS = ("cucumber", "tomato")
"""Fruits that are sometimes added as distractors, without boxes."""

BUNCH_PROBABILITY = 0.06
"""Probability that a scene with fruit shows one or two bunches."""

STUDIO_PROBABILITY = 0.3
"""Probability that a scene looks like a product photo, on white or pale paper."""

SHRINK_FACTOR = 0.86
"""Factor by which all fruits are made smaller if one of them doesn't fit."""

MIN_REACH = 0.015
"""Minimum reach of a fruit, as a share of the picture's side. Smaller ones are left out."""

Pattern = Literal["scattered", "close", "row", "grid"]


@dataclass(frozen=True)
class SceneSetup:
    """Camera, light and background of a scene.

    Attributes:
        size: Side of the picture in pixels.
        viewpoint: Camera and lighting.
        horizon: Share of the picture, from the top, that is behind the table.
        vanishing_y: Height at which the ground would vanish; negative if above the picture.
        studio: True for a studio background.
        dish: The dish that the fruits lie in, or None.
        pattern: How the fruits are arranged.
    """

    size: int
    viewpoint: Viewpoint
    horizon: float
    vanishing_y: float
    studio: bool
    dish: Dish | None
    pattern: Pattern

    def scale(self, y: float) -> float:
        """Return the apparent size of an object at height `y`, relative to the middle."""
        return float(np.clip((y - self.vanishing_y) / (self.middle - self.vanishing_y), 0.3, 1.5))

    @property
    def middle(self) -> float:
        """Height of the middle of the ground."""
        return (1 + self.horizon) / 2


@dataclass(frozen=True)
class ScenePlan:
    """Everything a scene shows, before it is rendered.

    Attributes:
        layout: Positions of the fruits and distractors.
        setup: Camera, light and background.
        listed: The fruits of which every one has a box.
    """

    layout: Layout
    setup: SceneSetup
    listed: frozenset[str]


def plan_scene(
    seed: int, index: int, size: int = 224, max_fruits: int = MAX_FRUITS, plain: bool = False
) -> ScenePlan:
    """Plan the scene that `render_scene` renders for the same arguments."""
    if plain:
        return _plan_plain_scene(seed, index, size, min(max_fruits, PLAIN_MAX_FRUITS))
    rng = np.random.default_rng([seed, index])
    number = stratified_count(seed, index, max_fruits)
    setup = _random_setup(rng, number, size)
    fruits = _place_fruits(rng, setup, _choose_with_bunches(rng, number))
    objects, unlisted = _add_distractors(rng, setup, fruits)
    layout = Layout(seed, index, size, setup.viewpoint, tuple(objects))
    return ScenePlan(layout, setup, frozenset(FRUIT_MODELS) - unlisted)


def _plan_plain_scene(seed: int, index: int, size: int, max_fruits: int) -> ScenePlan:
    """Plan a scene that is easy to learn from: large fruits of few kinds, from above, on paper."""
    rng = np.random.default_rng([seed, index])
    setup = SceneSetup(
        size=size,
        viewpoint=random_viewpoint(rng, rng.uniform(60, 90), min_softness=0.7),
        horizon=0.0,
        vanishing_y=-20.0,
        studio=True,
        dish=None,
        pattern="scattered",
    )
    number = stratified_count(seed, index, max_fruits)
    fruits = _place_fruits(rng, setup, _choose_fruits(rng, number, PLAIN_FRUITS))
    layout = Layout(seed, index, size, setup.viewpoint, tuple(fruits))
    return ScenePlan(layout, setup, frozenset(PLAIN_FRUITS))


def _random_setup(rng: np.random.Generator, number: int, size: int) -> SceneSetup:
    studio = rng.random() < STUDIO_PROBABILITY
    # Seen from a low angle, many fruits would hide each other.
    low = number <= 6 and rng.random() < 0.35
    high = rng.random() < 0.5
    elevation = rng.uniform(*((10, 32) if low else (58, 90) if high else (32, 58)))
    horizon = 0.0
    if not studio and elevation < 48 and rng.random() < 0.7:
        horizon = rng.uniform(0.3, 0.5) if low else rng.uniform(0.1, 0.3)
    field_of_view = np.radians(rng.uniform(10, 24))
    vanishing_y = 0.5 - 0.5 * np.tan(np.radians(elevation)) / np.tan(field_of_view)
    dish = None
    if not studio and rng.random() < 0.3:
        dish = random_dish(rng, 0.45 if elevation > 36 else 0.0, horizon)
    return SceneSetup(
        size=size,
        viewpoint=random_viewpoint(rng, elevation, min_softness=0.7 if studio else 0.1),
        horizon=horizon,
        vanishing_y=float(min(vanishing_y, horizon - 0.4)),
        studio=studio,
        dish=dish,
        pattern="scattered" if dish else _random_pattern(rng, number),
    )


def _random_pattern(rng: np.random.Generator, number: int) -> Pattern:
    chance = rng.random()
    if chance < 0.12 and number >= 2:
        return "row" if number <= 6 else "grid"
    return "close" if chance < 0.55 else "scattered"


# Fruits --------------------------------------------------------------------------------------


def _place_fruits(
    rng: np.random.Generator, setup: SceneSetup, fruits: list[str]
) -> list[PlacedObject]:
    """Draw fruits and place them, the farthest first; make them smaller until all of them fit.

    Some are left out if they would have to be smaller than `MIN_REACH`.
    """
    number = len(fruits)
    reaches = _reaches(rng, setup, fruits)
    sprites = [
        draw_object(rng, choose_fruit_model(rng, fruit), setup.viewpoint, reach)
        for fruit, reach in zip(fruits, reaches, strict=True)
    ]
    shrink = 1.0
    while True:
        objects: list[PlacedObject] = []
        for turn, (fruit, sprite) in enumerate(zip(fruits, sprites, strict=True)):
            cell = _grid_cell(setup, turn, number)
            extended = _add(rng, setup, fruit, sprite, objects, shrink, cell)
            if extended is None:
                break
            objects = extended
        if len(objects) == number or shrink * reaches.min() < MIN_REACH * setup.size:
            return objects
        shrink *= SHRINK_FACTOR


def _choose_fruits(rng: np.random.Generator, number: int, names: Sequence[str]) -> list[str]:
    """Choose fruits: half the time of one kind, otherwise of two to four."""
    kinds = 1 if number < 2 or rng.random() < 0.5 else int(rng.integers(2, min(4, number) + 1))
    chosen = rng.choice(len(names), kinds, replace=False)
    # Each kind once, then random ones, so that none is missing.
    picks = np.concatenate([chosen[:number], rng.choice(chosen, max(0, number - kinds))])
    return [names[pick] for pick in rng.permutation(picks)]


def _choose_with_bunches(rng: np.random.Generator, number: int) -> list[str]:
    """Choose fruits of any kind, rarely a bunch."""
    fruits = _choose_fruits(rng, number, sorted(set(FRUIT_MODELS) - BUNCH_FRUITS))
    if number and rng.random() < BUNCH_PROBABILITY:
        bunches = min(number, int(rng.integers(1, 3)))
        fruits[:bunches] = [*sorted(BUNCH_FRUITS)] * bunches
    return fruits


def _reaches(rng: np.random.Generator, setup: SceneSetup, fruits: list[str]) -> Array:
    """Return the radius in pixels of the circle that each fruit fits in."""
    if not fruits:
        return np.zeros(0, np.float32)
    units = np.array([_relative_size(FRUIT_MODELS[fruit]) for fruit in fruits])
    units *= rng.uniform(0.92, 1.08, len(fruits))
    area = rng.uniform(0.25, 0.5) if setup.studio else np.exp(rng.uniform(-2.2, -0.8))
    largest = 0.48 if setup.studio else 0.42
    if setup.dish:
        area = rng.uniform(0.25, 0.7) * np.pi * setup.dish.radius**2 * float(setup.viewpoint.up[2])
        largest = 0.8 * setup.dish.radius
    if setup.pattern in ("row", "grid"):
        largest = min(largest, 0.52 / _columns(setup, len(fruits)))
    scale = np.sqrt(area / (np.pi * np.square(units).sum()))
    reaches = scale * units * [FRUIT_MODELS[fruit].reach for fruit in fruits]
    return (setup.size * np.minimum(reaches, largest)).astype(np.float32)


def _relative_size(model: ObjectModel) -> float:
    """Return a radius with compressed ratios; otherwise berries beside melons would be dots."""
    return model.radius_cm**0.4


def _columns(setup: SceneSetup, number: int) -> int:
    return number if setup.pattern == "row" else int(np.ceil(np.sqrt(number)))


def _grid_cell(setup: SceneSetup, turn: int, number: int) -> tuple[float, float] | None:
    """Return the middle of a fruit's cell in a row or grid, or None for other patterns."""
    if setup.pattern not in ("row", "grid"):
        return None
    columns = _columns(setup, number)
    rows = int(np.ceil(number / columns))
    row, column = divmod(turn, columns)
    top = setup.horizon + 0.05
    return (column + 0.5) / columns, top + (0.95 - top) * (row + 0.5) / rows


# Positions -----------------------------------------------------------------------------------


def _add(
    rng: np.random.Generator,
    setup: SceneSetup,
    fruit: str | None,
    sprite: Sprite,
    objects: list[PlacedObject],
    shrink: float = 1.0,
    cell: tuple[float, float] | None = None,
) -> list[PlacedObject] | None:
    """Add an object, scaled by `shrink` and its distance, at random or near the middle of a cell.

    Returns:
        All objects, the farthest first, or None if there is no space.
    """
    size = setup.size
    closeness = 1.0 if setup.pattern == "close" else 0.15

    def random_attempt(attempt: int) -> tuple[int, int]:
        if cell:
            return _position_near(rng, cell, 0.01 + 0.006 * attempt, size)
        if setup.dish and fruit:
            return _position_in_dish(rng, setup, setup.dish, sprite.ground_offset * shrink)
        if setup.pattern == "close" and not objects:
            return _position_near(rng, (0.5, setup.middle), 0.1, size)
        return random_position(rng, shrink * sprite.radius, objects, size, closeness)

    def scale_at(y: int) -> float:
        return shrink * setup.scale(y / size)

    positions = map(random_attempt, range(MAX_ATTEMPTS))
    return add_object(fruit, sprite, positions, objects, size, setup.horizon, scale_at)


def _position_near(
    rng: np.random.Generator, point: tuple[float, float], spread: float, size: int
) -> tuple[int, int]:
    x, y = (int(share * size + rng.normal(0, spread * size)) for share in point)
    return x, y


def _position_in_dish(
    rng: np.random.Generator, setup: SceneSetup, dish: Dish, ground_offset: float
) -> tuple[int, int]:
    distance, angle = 0.78 * dish.radius * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
    x = dish.x + distance * np.cos(angle)
    y = dish.y + distance * np.sin(angle) * float(setup.viewpoint.up[2])
    return int(x * setup.size), int(y * setup.size - 0.7 * ground_offset)


# Distractors ---------------------------------------------------------------------------------


def _add_distractors(
    rng: np.random.Generator, setup: SceneSetup, fruits: list[PlacedObject]
) -> tuple[list[PlacedObject], frozenset[str]]:
    """Return all objects, the farthest first, and the names of fruits among the distractors."""
    models = {**FRUIT_MODELS, **LOOK_ALIKES, **CLUTTER}
    objects, unlisted = fruits, set()
    present = {item.fruit for item in fruits}
    for name in _choose_distractors(rng, setup, not fruits):
        if name in present:
            continue
        reach = _distractor_reach(rng, setup, models[name], fruits)
        sprite = draw_object(rng, models[name], setup.viewpoint, reach)
        extended = _add(rng, setup, None, sprite, objects)
        if extended:
            objects = extended
            unlisted |= {name} & set(FRUIT_MODELS)
    return objects, frozenset(unlisted)


def _choose_distractors(
    rng: np.random.Generator, setup: SceneSetup, no_fruit: bool
) -> Sequence[str]:
    probability = 0.7 if no_fruit else 0.12 if setup.studio else 0.4
    if rng.random() > probability:
        return ()
    names = []
    for _ in range(int(rng.integers(1, 4))):
        chance = rng.random()
        models = LOOK_ALIKES if chance < 0.42 else CLUTTER
        choices = DISTRACTOR_FRUITS if chance < 0.08 else tuple(models)
        names.append(choices[rng.integers(len(choices))])
    return names


def _distractor_reach(
    rng: np.random.Generator, setup: SceneSetup, model: ObjectModel, fruits: list[PlacedObject]
) -> float:
    """Return the radius in pixels of a distractor's circle, in proportion to the fruits."""
    units = [
        item.sprite.radius / _relative_size(FRUIT_MODELS[item.fruit])
        for item in fruits
        if item.fruit
    ]
    unit = float(np.median(units)) if units else rng.uniform(0.03, 0.1) * setup.size
    reach = 1.1 * unit * _relative_size(model) * model.reach
    return float(np.clip(reach, 0.03 * setup.size, 0.32 * setup.size))
