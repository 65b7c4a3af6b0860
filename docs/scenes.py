"""Draws an overview: every fruit, the distractors, and scenes with their boxes.

`python docs/scenes.py docs/scenes.png`, or `make docs/scenes.png`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from fruit_caption.rendering.backdrops import draw_studio
from fruit_caption.rendering.camera import composite, illuminate, photograph
from fruit_caption.rendering.distractors import CLUTTER, LOOK_ALIKES
from fruit_caption.rendering.fruits import FRUIT_MODELS, HALVED_FRUITS
from fruit_caption.rendering.layout import PlacedObject
from fruit_caption.rendering.objects import ObjectModel
from fruit_caption.rendering.scenes import STUDIO_WHITE_POINT, render_scene
from fruit_caption.rendering.sprites import draw_object, random_viewpoint
from fruit_caption.utils.files import atomic_write
from fruit_caption.utils.picture_sheet import CaptionedPicture, draw_sheet

EXAMPLES = 5
"""Number of pictures of each fruit."""

SCENES = 24
"""Number of scenes."""

TILE, SCENE = 84, 192
"""Side of a picture of one object, and of a scene, in pixels."""

GAP = 4


def draw_contact_sheet(seed: int = 0) -> Image.Image:
    """Draw all models with their names, and the first scenes of the series `seed`."""
    halves = {f"half {name}": model for name, model in HALVED_FRUITS.items()}
    others = {**halves, **LOOK_ALIKES, **CLUTTER}
    blocks = [
        _draw_block([_draw_model(*item, EXAMPLES) for item in FRUIT_MODELS.items()], 3),
        _draw_block([_draw_model(*item, 1) for item in others.items()], 14),
        _draw_block([_draw_scene(seed, index) for index in range(SCENES)], 6),
    ]
    size = max(block.width for block in blocks), sum(block.height for block in blocks)
    sheet = Image.new("RGB", size, "white")
    top = 0
    for block in blocks:
        sheet.paste(block, (0, top), block)
        top += block.height
    return sheet


def _draw_block(items: list[CaptionedPicture], columns: int) -> Image.Image:
    return draw_sheet(items, columns, gap=GAP, font_size=11)


def _draw_model(name: str, model: ObjectModel, number: int) -> CaptionedPicture:
    """Draw random examples of a model side by side."""
    strip = Image.new("RGB", (number * TILE, TILE))
    for turn in range(number):
        rng = np.random.default_rng([turn, *name.encode()])
        viewpoint = random_viewpoint(rng, rng.uniform(25, 75), 0.6)
        sprite = draw_object(rng, model, viewpoint, 0.47 * TILE)
        picture = draw_studio(rng, TILE)
        illuminate(picture, viewpoint)
        composite(picture, [PlacedObject(name, sprite, TILE // 2, TILE // 2)])
        pixels = photograph(rng, picture, STUDIO_WHITE_POINT)
        strip.paste(Image.fromarray(pixels), (turn * TILE, 0))
    return CaptionedPicture(strip, [name])


def _draw_scene(seed: int, index: int) -> CaptionedPicture:
    scene = render_scene(seed, index, SCENE)
    picture = Image.fromarray(scene.pixels)
    draw = ImageDraw.Draw(picture)
    for box in scene.boxes:
        right, bottom = box.left + box.width - 1, box.top + box.height - 1
        draw.rectangle((box.left, box.top, right, bottom), outline=(0, 200, 255))
    return CaptionedPicture(picture, [f"{len(scene.boxes)} boxes"])


def main(path: Path) -> None:
    """Write the contact sheet as a PNG file.

    Raises:
        FruitError: The file can't be written.
    """
    sheet = draw_contact_sheet()
    # With 256 colors the file is a third as large. Pillow dithers only with an explicit palette.
    palette = sheet.quantize(method=Image.Quantize.MAXCOVERAGE)
    with atomic_write(path) as draft:
        sheet.quantize(palette=palette).save(draft, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
