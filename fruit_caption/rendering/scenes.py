"""Renders scenes and writes them as JPEG files with exact boxes.

A scene depends only on the seed of its series and its number in the series.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from fruit_caption.data.records import RENDERED, FruitBox, Photo, PhotoSet, intern_strings
from fruit_caption.rendering.backdrops import draw_backdrop, draw_studio
from fruit_caption.rendering.camera import composite, illuminate, photograph
from fruit_caption.rendering.fruits import FRUIT_MODELS
from fruit_caption.rendering.scene_plan import (
    BUNCH_FRUITS,
    MAX_FRUITS,
    PLAIN_FRUITS,
    ScenePlan,
    plan_scene,
)
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.progress import Progress, no_progress, report_progress
from fruit_caption.utils.provenance import fingerprint, save_once

JPEG_QUALITY = 92
"""Best JPEG quality that is used."""

MIN_JPEG_QUALITY = 60
"""Worst JPEG quality of a scene."""

STUDIO_WHITE_POINT = 0.86
"""White point of studio scenes: brighter tones become white."""


@dataclass(frozen=True)
class Scene:
    """A rendered scene.

    Attributes:
        pixels: uint8 RGB (height, width, 3).
        boxes: A box around the visible part of each fruit.
        quality: JPEG quality to save it with.
    """

    pixels: npt.NDArray[np.uint8]
    boxes: tuple[FruitBox, ...]
    quality: int


def render_scene(
    seed: int, index: int, size: int = 224, max_fruits: int = MAX_FRUITS, plain: bool = False
) -> Scene:
    """Render one scene of a series, with 0 to `max_fruits` fruits.

    Every `max_fruits` + 1 consecutive scenes contain each number of fruits once. At most the share
    `layout.MAX_HIDDEN` of a fruit is hidden.

    Args:
        seed: Seed of the series.
        index: Number of the scene in the series.
        size: Side of the square picture in pixels.
        max_fruits: Maximum number of fruits.
        plain: Whether the scene is easy to learn from: up to `PLAIN_MAX_FRUITS` large fruits of the
            kinds `PLAIN_FRUITS` on pale paper, seen from above.
    """
    return render_plan(plan_scene(seed, index, size, max_fruits, plain))


def render_plan(plan: ScenePlan) -> Scene:
    """Render a planned scene."""
    layout, setup = plan.layout, plan.setup
    # An independent stream of random numbers: rendering doesn't change how scenes are planned.
    (rng,) = np.random.default_rng([layout.seed, layout.index]).spawn(1)
    if setup.studio:
        picture = draw_studio(rng, layout.size)
    else:
        depth_scale = float(layout.viewpoint.up[2])
        picture = draw_backdrop(rng, layout.size, depth_scale, setup.horizon, setup.dish)
    illuminate(picture, layout.viewpoint)
    composite(picture, layout.objects)
    pixels = photograph(rng, picture, STUDIO_WHITE_POINT if setup.studio else 1.0)
    return Scene(pixels, layout.boxes(), int(rng.integers(MIN_JPEG_QUALITY, JPEG_QUALITY + 1)))


def write_scenes(
    folder: Path,
    number: int,
    seed: int,
    size: int = 224,
    plain: bool = False,
    progress: Progress = no_progress,
    engine: Engine = LOCAL,
) -> PhotoSet:
    """Write the first scenes of a series as JPEG files.

    A file whose fingerprint matches its scene is kept, so that an interrupted run can resume. Files
    of another seed, size or version with other boxes are written again.

    Args:
        folder: Output folder.
        number: Number of scenes to write.
        seed: Seed of the series.
        size: Side of the pictures in pixels.
        plain: Whether the scenes are easy to learn from, see `render_scene`.
        progress: Progress callback.
        engine: Executes the work.

    Raises:
        FruitError: A file can't be written.
    """
    write = partial(_write_scene, folder, seed, size, plain)
    photos = report_progress(engine.map(write, range(number)), "rendering scenes", progress, number)
    listed = frozenset(PLAIN_FRUITS if plain else FRUIT_MODELS)
    return PhotoSet(tuple(map(intern_strings, photos)), listed, "rendered scenes")


def _write_scene(folder: Path, seed: int, size: int, plain: bool, index: int) -> Photo:
    path = folder / f"scene_{seed}_{index:05d}.jpg"
    plan = plan_scene(seed, index, size, plain=plain)
    boxes = plan.layout.boxes()
    comment = fingerprint(seed, index, size, boxes, sorted(plan.listed))

    def render() -> tuple[Image.Image, int]:
        scene = render_plan(plan)
        return Image.fromarray(scene.pixels), scene.quality

    save_once(path, (size, size), comment, render)
    bunched = BUNCH_FRUITS & {box.fruit for box in boxes}
    return Photo(
        path=path,
        width=size,
        height=size,
        boxes=boxes,
        listed=plan.listed,
        count_ok=plan.listed - bunched if bunched else None,
        group=path.stem,
        source=RENDERED,
        license="CC0-1.0",
    )
