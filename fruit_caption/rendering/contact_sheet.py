"""A sheet to look at: every kind of fruit, the other things, and whole scenes with their boxes.

`python -m fruit_caption.photos.contact_sheet docs/scenes.png`
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from fruit_caption.rendering.arrangement import Placed
from fruit_caption.rendering.backdrops import draw_studio
from fruit_caption.rendering.camera import illuminate, paint, photograph
from fruit_caption.rendering.distractors import CLUTTER, LOOK_ALIKES
from fruit_caption.rendering.drawing import draw_thing, draw_view
from fruit_caption.rendering.scenes import STUDIO_WHITE, render_scene
from fruit_caption.rendering.shapes import HALVES, KINDS
from fruit_caption.rendering.solids import Kind
from fruit_caption.utils.files import atomic_write

SAMPLES = 5
"""Pictures of each kind of fruit."""

ACROSS = 3
"""Kinds of fruit beside each other."""

TILE = 84
SCENE = 192
SCENES = 24
LABEL = 13


def draw_sheet(seed: int = 0) -> Image.Image:
    """All kinds with their names, and the scenes 0 to `SCENES` - 1 of the series `seed`."""
    fruits = [_kind(name, kind, SAMPLES) for name, kind in KINDS.items()]
    halves = {f"half {name}": kind for name, kind in HALVES.items()}
    others = [_kind(*each, 1) for each in {**halves, **LOOK_ALIKES, **CLUTTER}.items()]
    scenes = [_scene(seed, index) for index in range(SCENES)]
    blocks = [
        _grid(fruits, ACROSS),
        _grid(others, ACROSS * SAMPLES),
        _grid(scenes, ACROSS * SAMPLES * TILE // SCENE),
    ]
    sheet = Image.new("RGB", (blocks[0].width, sum(block.height for block in blocks)), "white")
    top = 0
    for block in blocks:
        sheet.paste(block, (0, top))
        top += block.height
    return sheet


def _kind(name: str, kind: Kind, number: int) -> Image.Image:
    """So many pictures of a kind in a row, its name above them."""
    row = Image.new("RGB", (number * TILE, LABEL + TILE), "white")
    for turn in range(number):
        rng = np.random.default_rng([turn, *name.encode()])
        view = draw_view(rng, rng.uniform(25, 75), 0.6)
        sprite = draw_thing(rng, kind, view, 0.47 * TILE)
        picture = draw_studio(rng, TILE)
        illuminate(picture, view)
        paint(picture, [Placed(name, sprite, sprite.cover > 0.5, TILE // 2, TILE // 2)])
        row.paste(Image.fromarray(photograph(rng, picture, STUDIO_WHITE)), (turn * TILE, LABEL))
    ImageDraw.Draw(row).text((3, 0), name, "black")
    return row


def _scene(seed: int, index: int) -> Image.Image:
    """A scene with its boxes, its number of fruits above it."""
    scene = render_scene(seed, index, SCENE)
    tile = Image.new("RGB", (SCENE, LABEL + SCENE), "white")
    tile.paste(Image.fromarray(scene.pixels), (0, LABEL))
    draw = ImageDraw.Draw(tile)
    draw.text((3, 0), f"{len(scene.boxes)} boxed", "black")
    for box in scene.boxes:
        right, bottom = box.left + box.width - 1, box.top + box.height - 1
        draw.rectangle((box.left, box.top + LABEL, right, bottom + LABEL), outline=(0, 200, 255))
    return tile


def _grid(tiles: list[Image.Image], across: int) -> Image.Image:
    """Tiles of one size, so many beside each other."""
    width, height = tiles[0].size
    grid = Image.new("RGB", (across * width, -(-len(tiles) // across) * height), "white")
    for number, tile in enumerate(tiles):
        grid.paste(tile, (number % across * width, number // across * height))
    return grid


def main(path: Path) -> None:
    """Write the sheet as a PNG; raises `FruitError` where it can't be written."""
    sheet = draw_sheet()
    # With 256 colors the file is a third as large. Only a palette that is given is dithered.
    palette = sheet.quantize(method=Image.Quantize.MAXCOVERAGE)
    with atomic_write(path) as draft:
        sheet.quantize(palette=palette).save(draft, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
