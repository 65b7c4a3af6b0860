"""Rendered fruit scenes: photos whose counts and boxes are right because they were made that way.

Each scene is a number in a series: its chances depend on nothing but the seed and that number.
What is drawn first is what lies where; only then is it lit and photographed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from fruit_caption.errors import PictureError
from fruit_caption.files import whole_file
from fruit_caption.photos.backdrops import draw_backdrop
from fruit_caption.photos.drawing import Sprite, View, draw_fruit, draw_view
from fruit_caption.photos.records import FruitBox, Photo, PhotoSet
from fruit_caption.photos.shapes import KINDS
from fruit_caption.photos.solids import Array
from fruit_caption.pictures import upright_size

SCENE_FRUITS: tuple[str, ...] = tuple(KINDS)
"""The kinds that can be drawn, in alphabetical order."""

MOST_HIDDEN = 0.35
"""Largest share of a fruit that may lie behind other fruit or beyond the edge of the picture."""

TRIES = 40
"""Places that are tried for a fruit before it is left out."""

JPEG_QUALITY = 92

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """A rendered photo, uint8 RGB (height, width, 3), and a box round each fruit's visible part."""

    pixels: npt.NDArray[np.uint8]
    boxes: tuple[FruitBox, ...]


@dataclass(frozen=True)
class Placed:
    """A fruit in a picture.

    Attributes:
        fruit: its kind.
        sprite: how it looks.
        mask: the pixels (side, side) of the sprite that are fruit.
        x, y: where the middle of the sprite is, in pixels from the left upper corner.
    """

    fruit: str
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
    """What lies where in a scene.

    Attributes:
        seed, index: the scene's series and its number there.
        size: side of the picture in pixels.
        view: camera and light.
        horizon: share of the picture, from the top, that is beyond the table.
        placed: the fruits, the farthest first.
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
        return [owners == number for number in range(len(self.placed))]

    def boxes(self) -> tuple[FruitBox, ...]:
        """A box round the visible part of each fruit."""
        masks = zip(self.placed, self.visible_masks(), strict=True)
        return tuple(_box(item.fruit, mask) for item, mask in masks)


def render_scene(seed: int, index: int, size: int = 224, most: int = 10) -> Scene:
    """Render scene number `index` of the series `seed`: 0 to `most` fruits, `size` pixels square.

    Fruits of one kind or of two to four; how many there are is spread evenly. At most
    `MOST_HIDDEN` of a fruit is out of sight.
    """
    return develop(lay_out(seed, index, size, most))


def lay_out(seed: int, index: int, size: int = 224, most: int = 10) -> Layout:
    """What `render_scene` shows for the same arguments, before it becomes a picture."""
    rng = np.random.default_rng([seed, index])
    view, horizon = _viewpoint(rng)
    fruits = _choose(rng, int(rng.integers(most + 1)))
    placed = _arrange(rng, fruits, view, size, horizon)
    return Layout(seed, index, size, view, horizon, tuple(placed))


def write_scenes(folder: Path, number: int, seed: int, size: int = 224) -> PhotoSet:
    """Write the scenes 0 to `number` - 1 of the series `seed` as JPEG files.

    A file of the right size that is already there is kept, so that a stopped run can go on.

    Raises:
        FruitError: the folder can't be written to.
    """
    photos = []
    for index in range(number):
        path = folder / f"scene_{seed}_{index:05d}.jpg"
        layout = lay_out(seed, index, size)
        if not _is_written(path, size):
            with whole_file(path) as draft:
                pixels = develop(layout).pixels
                Image.fromarray(pixels).save(draft, quality=JPEG_QUALITY)
        photos.append(_photo(path, size, layout.boxes()))
    return PhotoSet(tuple(photos), frozenset(SCENE_FRUITS), "rendered scenes")


def _is_written(path: Path, size: int) -> bool:
    try:
        return upright_size(path) == (size, size)
    except PictureError:
        return False


def _photo(path: Path, size: int, boxes: tuple[FruitBox, ...]) -> Photo:
    return Photo(
        path=path,
        width=size,
        height=size,
        boxes=boxes,
        listed=frozenset(SCENE_FRUITS),
        group=path.stem,
        source="rendered",
        license="CC0-1.0",
    )


# What lies where -----------------------------------------------------------------------------


def _viewpoint(rng: np.random.Generator) -> tuple[View, float]:
    """Camera and light, and the share of the picture that is above the table's edge."""
    elevation = rng.uniform(32, 60) if rng.random() < 0.6 else rng.uniform(60, 90)
    sees_wall = elevation < 48 and rng.random() < 0.6
    horizon = rng.uniform(0.1, 0.3) if sees_wall else 0.0
    return draw_view(rng, elevation), horizon


def _arrange(
    rng: np.random.Generator, fruits: list[str], view: View, size: int, horizon: float
) -> list[Placed]:
    """The fruits in their places, the farthest first. One that finds no place is left out."""
    closeness = 1.0 if rng.random() < 0.5 else 0.15
    placed: list[Placed] = []
    for fruit, reach in zip(fruits, _reaches(rng, fruits, size), strict=True):
        sprite = draw_fruit(rng, fruit, view, reach)
        placed = place(rng, fruit, sprite, placed, size, horizon, closeness)
    return placed


def _choose(rng: np.random.Generator, number: int) -> list[str]:
    """That many fruits: half the time of one kind, else of two to four."""
    kinds = 1 if number < 2 or rng.random() < 0.5 else int(rng.integers(2, min(4, number) + 1))
    chosen = rng.choice(len(SCENE_FRUITS), kinds, replace=False)
    # Each kind once, then any of them, so that none goes missing.
    picks = np.concatenate([chosen[:number], rng.choice(chosen, max(0, number - kinds))])
    return [SCENE_FRUITS[pick] for pick in rng.permutation(picks)]


def _reaches(rng: np.random.Generator, fruits: list[str], size: int) -> Array:
    """Radius in pixels of the circle that each fruit gets.

    True sizes would make a blueberry beside a melon a dot, so that their ratios are narrowed.
    """
    sizes = np.array([KINDS[fruit].radius_cm ** 0.4 * KINDS[fruit].reach for fruit in fruits])
    sizes = sizes * rng.uniform(0.92, 1.08, len(fruits))
    filled = rng.uniform(0.2, 0.55) * size * size
    scale = np.sqrt(filled / (np.pi * np.square(sizes).sum())) if fruits else 1.0
    return np.minimum(sizes * scale, 0.40 * size).astype(np.float32)


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
    radius = _radius(mask)
    for _ in range(TRIES):
        x, y = _somewhere(rng, radius, placed, size, closeness)
        item = Placed(fruit, sprite, mask, x, y)
        if item.foot < horizon * size + 0.5 * radius or _crowds(item, placed):
            continue
        together = sorted([*placed, item], key=lambda each: each.foot)
        if _hidden_shares(together, size).max() <= MOST_HIDDEN:
            return together
    return placed


def _somewhere(
    rng: np.random.Generator, radius: float, placed: list[Placed], size: int, closeness: float
) -> tuple[int, int]:
    """A place at random: anywhere, or, as often as `closeness` says, beside another fruit."""
    if placed and rng.random() < closeness:
        beside = placed[rng.integers(len(placed))]
        angle = rng.uniform(0, 2 * np.pi)
        away = (radius + _radius(beside.mask)) * rng.uniform(0.7, 1.25)
        x, y = beside.x + away * np.cos(angle), beside.y + away * np.sin(angle)
        if 0 <= x < size and 0 <= y < size:
            return int(x), int(y)
    margin = min(0.85 * radius, 0.45 * size)
    x, y = rng.uniform(margin, size - margin, 2)
    return int(x), int(y)


def _radius(mask: Mask) -> float:
    """Radius of a disc as large as the mask."""
    return float(np.sqrt(mask.sum() / np.pi))


def _crowds(item: Placed, placed: list[Placed]) -> bool:
    """Whether solid fruits could hardly lie so close. Saves working out what is hidden."""
    radius = _radius(item.mask)
    return any(
        np.hypot(item.x - other.x, item.y - other.y) < 0.6 * (radius + _radius(other.mask))
        for other in placed
    )


# What is seen --------------------------------------------------------------------------------


def _window(item: Placed, side: int, size: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a square of `side` pixels round a fruit meets the picture: there, and in the square."""
    left, top = item.x - side // 2, item.y - side // 2
    columns, rows = (max(left, 0), min(left + side, size)), (max(top, 0), min(top + side, size))
    picture = slice(rows[0], max(rows)), slice(columns[0], max(columns))
    square = slice(rows[0] - top, rows[1] - top), slice(columns[0] - left, columns[1] - left)
    return picture, square


def _owners(placed: Sequence[Placed], size: int) -> npt.NDArray[np.int16]:
    """For each pixel (size, size) the fruit that is seen there, by its place in the list, or -1."""
    owners = np.full((size, size), -1, np.int16)
    for number, item in enumerate(placed):
        picture, square = _window(item, len(item.mask), size)
        owners[picture][item.mask[square]] = number
    return owners


def _hidden_shares(placed: list[Placed], size: int) -> Array:
    """The share (fruits,) of each fruit that is out of sight."""
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


# Light and camera ----------------------------------------------------------------------------


def develop(layout: Layout) -> Scene:
    """The picture of a layout."""
    # A stream of its own: the layout is the same whether or not a picture is made of it.
    (rng,) = np.random.default_rng([layout.seed, layout.index]).spawn(1)
    picture = draw_backdrop(rng, layout.size, float(layout.view.up[2]), layout.horizon)
    illuminate(picture, layout.view)
    paint(picture, layout.placed)
    return Scene(photograph(rng, picture), layout.boxes())


def illuminate(picture: Array, view: View) -> None:
    """Light the ground (size, size, 3) as the fruits are lit."""
    picture *= view.key * max(0.0, float(view.light @ view.up)) + view.sky


def paint(picture: Array, placed: Sequence[Placed]) -> None:
    """Put the shadows on the ground, then the fruits, the farthest first."""
    size = len(picture)
    for item in placed:
        window, square = _window(item, len(item.sprite.shadow), size)
        picture[window] *= item.sprite.shadow[square][..., None]
    painted = np.zeros((size, size, 1), np.float32)
    for item in placed:
        window, square = _window(item, len(item.sprite.shadow), size)
        # A near fruit darkens those behind it, but less than the ground it stands on.
        loss = 0.6 * (1 - item.sprite.shadow[square][..., None])
        picture[window] *= 1 - painted[window] * loss
        window, square = _window(item, len(item.mask), size)
        cover = item.sprite.cover[square][..., None]
        picture[window] += (item.sprite.colour[square] - picture[window]) * cover
        painted[window] = np.maximum(painted[window], cover)


def photograph(rng: np.random.Generator, picture: Array) -> npt.NDArray[np.uint8]:
    """What a camera makes of linear light (size, size, 3), which it uses up."""
    size = len(picture)
    axis = np.square(np.linspace(-1, 1, size, dtype=np.float32))
    vignette = 1 - rng.uniform(0, 0.18) * (axis[:, None] + axis[None, :])
    balance = rng.uniform(0.85, 1.15) * (1 + rng.normal(0, 0.04, 3))
    picture *= vignette[..., None]
    picture *= balance.astype(np.float32)
    tone = np.sqrt(picture, out=picture)
    # A shoulder keeps highlights from clipping hard.
    over = np.maximum(tone - np.float32(0.8), 0)
    tone = np.minimum(tone, np.float32(0.8)) + over / (1 + 5 * over)
    tone *= 255
    sharp = Image.fromarray(tone.astype(np.uint8))
    blurred = sharp.filter(ImageFilter.GaussianBlur(rng.uniform(0.1, 0.8) * size / 224))
    noise = rng.standard_normal((size, size, 3), np.float32)
    noise *= np.float32(rng.uniform(0.5, 3.5))
    noise += np.asarray(blurred)
    return np.clip(noise, 0, 255, out=noise).astype(np.uint8)
