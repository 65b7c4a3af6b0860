"""Rendered fruit scenes: photos whose counts and boxes are right because they were made that way.

Each scene is a number in a series: its chances depend on nothing but the seed and that number.
What is drawn first is what lies where; only then is it lit and photographed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from fruit_caption.data.records import RENDERED, FruitBox, Photo, PhotoSet, intern_strings
from fruit_caption.rendering.arrangement import Layout, spread_number
from fruit_caption.rendering.backdrops import draw_setting, draw_studio
from fruit_caption.rendering.camera import illuminate, paint, photograph
from fruit_caption.rendering.shapes import KINDS
from fruit_caption.rendering.staging import BUNCHED, MOST, Stage, fill, furnish, set_stage
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.files import atomic_write
from fruit_caption.utils.progress import Progress, no_progress, told
from fruit_caption.utils.provenance import fingerprint, has_fingerprint

SCENE_FRUITS: tuple[str, ...] = tuple(KINDS)
"""The kinds that can be drawn, in alphabetical order."""

JPEG_QUALITY = 92
"""Best quality that a file is written with, of 100."""

POOR_QUALITY = 60
"""Worst quality that a scene is written with."""

STUDIO_WHITE = 0.86
"""Tone from which all is white in a studio."""


@dataclass(frozen=True)
class Scene:
    """A rendered photo.

    Attributes:
        pixels: uint8 RGB (height, width, 3).
        boxes: one round each fruit's visible part.
        quality: of the JPEG file that it becomes.
    """

    pixels: npt.NDArray[np.uint8]
    boxes: tuple[FruitBox, ...]
    quality: int


@dataclass(frozen=True)
class Plan:
    """What a scene shows, before it becomes a picture.

    Attributes:
        layout: the fruits, and what else there is, in their places.
        stage: where they lie.
        listed: the kinds of which every one is boxed.
    """

    layout: Layout
    stage: Stage
    listed: frozenset[str]


def render_scene(seed: int, index: int, size: int = 224, most: int = MOST) -> Scene:
    """Render scene number `index` of the series `seed`: 0 to `most` fruits, `size` pixels square.

    Fruits of one kind or of two to four; every `most` + 1 scenes hold each number once. At most
    `MOST_HIDDEN` of a fruit is out of sight.
    """
    return develop(lay_out(seed, index, size, most))


def lay_out(seed: int, index: int, size: int = 224, most: int = MOST) -> Plan:
    """What `render_scene` shows for the same arguments, before it becomes a picture."""
    rng = np.random.default_rng([seed, index])
    number = spread_number(seed, index, most)
    stage = set_stage(rng, number)
    fruits = fill(rng, stage, number, size)
    together, strangers = furnish(rng, stage, fruits, size)
    layout = Layout(seed, index, size, stage.view, stage.horizon, tuple(together))
    return Plan(layout, stage, frozenset(SCENE_FRUITS) - strangers)


def develop(plan: Plan) -> Scene:
    """The picture of a plan."""
    layout, stage = plan.layout, plan.stage
    # A stream of its own: the plan is the same whether or not a picture is made of it.
    (rng,) = np.random.default_rng([layout.seed, layout.index]).spawn(1)
    if stage.studio:
        picture = draw_studio(rng, layout.size)
    else:
        squash = float(layout.view.up[2])
        picture = draw_setting(rng, layout.size, squash, layout.horizon, stage.dish)
    illuminate(picture, layout.view)
    paint(picture, layout.placed)
    pixels = photograph(rng, picture, STUDIO_WHITE if stage.studio else 1.0)
    return Scene(pixels, layout.boxes(), int(rng.integers(POOR_QUALITY, JPEG_QUALITY + 1)))


def write_scenes(
    folder: Path,
    number: int,
    seed: int,
    size: int = 224,
    progress: Progress = no_progress,
    engine: Engine = LOCAL,
) -> PhotoSet:
    """Write the scenes 0 to `number` - 1 of the series `seed` as JPEG files.

    A file that carries the mark of its scene is kept, so that a stopped run can go on; one left
    from another seed, size or version that put other things elsewhere is written anew.

    Args:
        folder: to write to.
        number: how many to write.
        seed: which series.
        size: side of the pictures in pixels.
        progress: told in words what is being done.
        engine: does the work.

    Raises:
        FruitError: the folder can't be written to.
    """
    write = partial(_write_scene, folder, seed, size)
    photos = told(engine.map(write, range(number)), number, "rendering scenes", progress)
    return PhotoSet(tuple(map(intern_strings, photos)), frozenset(SCENE_FRUITS), "rendered scenes")


def _write_scene(folder: Path, seed: int, size: int, index: int) -> Photo:
    path = folder / f"scene_{seed}_{index:05d}.jpg"
    plan = lay_out(seed, index, size)
    boxes = plan.layout.boxes()
    mark = fingerprint(seed, index, size, boxes, sorted(plan.listed))
    if not has_fingerprint(path, (size, size), mark):
        scene = develop(plan)
        with atomic_write(path) as draft:
            picture = Image.fromarray(scene.pixels)
            picture.save(draft, quality=scene.quality, comment=mark)
    return _photo(path, size, boxes, plan.listed)


def _photo(path: Path, size: int, boxes: tuple[FruitBox, ...], listed: frozenset[str]) -> Photo:
    bunched = BUNCHED & {box.fruit for box in boxes}
    return Photo(
        path=path,
        width=size,
        height=size,
        boxes=boxes,
        listed=listed,
        # A bunch has one box, which doesn't tell how many berries it has.
        count_ok=listed - bunched if bunched else None,
        group=path.stem,
        source=RENDERED,
        license="CC0-1.0",
    )
