"""Composed photos: cutouts of real fruits, pasted on backgrounds without fruit.

Most users' photos show one or two fruits. Composed photos show several as often as one ("Cut, Paste
and Learn", Dwibedi et al. 2017), and their boxes are exact by construction. Some show scattered
fruits, every count equally often; the others show fruits lined up as in a product photo. Photo i
depends only on the random seed, i and the photos that it may use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from fruit_caption.data.records import RENDERED, Photo, PhotoSet
from fruit_caption.data.splits import group_of, split_of
from fruit_caption.datagen.cutouts import Cutout, extract_cutouts
from fruit_caption.rendering.backdrops import draw_random_backdrop
from fruit_caption.rendering.camera import composite, illuminate, photograph
from fruit_caption.rendering.layout import (
    Layout,
    PlacedObject,
    add_object_anywhere,
    hidden_fractions,
    stratified_count,
)
from fruit_caption.rendering.scenes import JPEG_QUALITY
from fruit_caption.rendering.sdf import Array
from fruit_caption.rendering.sprites import Sprite, Viewpoint, random_viewpoint
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.images import open_picture
from fruit_caption.utils.progress import Progress, no_progress, report_progress
from fruit_caption.utils.provenance import fingerprint, save_once

MIN_CUTOUTS = 4
"""Minimum number of cutouts to compose from; fewer would repeat the same fruit too often."""

STUDIO_PROBABILITY = 0.6
"""Probability that a photo shows fruits lined up on a plain background, as in a studio."""

STUDIO_COUNTS = (1, 2, 2, 3, 3, 4, 4, 5, 6, 7)
"""Numbers of fruits in studio photos, equally likely. Counts of two to four are the most frequent
ones in photos, and the ones that models confuse."""

MAX_STUDIO_HIDDEN = 0.55
"""Maximum share of a fruit in a studio photo that others may hide."""

OWN_BACKGROUND_PROBABILITY = 0.5
"""Probability that a non-studio photo uses one of the user's fruit-free photos as its background,
if there are any."""

MIN_RADIUS = 0.03
"""Radius at which fruits are not made smaller to fit, as a share of the picture's side."""

MAX_LEAN = 12
"""Maximum rotation of upright fruits, in degrees."""

MAX_UPSCALING = 1.6
"""Maximum magnification of a cutout; beyond it looks blurred."""

SHADOW_MARGIN = 0.7
"""Distance by which shadows extend beyond the sprite, in multiples of the fruit's radius."""


@dataclass(frozen=True)
class SourcePool:
    """What photos are composed from.

    Attributes:
        cutouts: Cutouts by kind of fruit.
        backgrounds: Photos without fruit.
        listed: Kinds of fruit that any of the photos was searched for.
        groups: Groups of the photos.
    """

    cutouts: dict[str, list[Cutout]]
    backgrounds: list[Photo]
    listed: frozenset[str]
    groups: list[str]


@dataclass(frozen=True)
class Composition:
    """Plan of a composed photo.

    Attributes:
        layout: The fruits and their positions.
        studio: Whether the background is the plain one of a studio.
        background: Photo used as the background, or None for a studio or rendered background.
        listed: Kinds of fruit whose number is known.
        sources: Photos that the composed photo is made from.
        group: Group of one of the sources, or of any photo if there are no sources.
    """

    layout: Layout
    studio: bool
    background: Photo | None
    listed: frozenset[str]
    sources: tuple[Photo, ...]
    group: str


def compose(
    photos: Sequence[Photo],
    folder: Path,
    number: int,
    seed: int,
    size: int = 320,
    max_fruits: int = 12,
    progress: Progress = no_progress,
) -> PhotoSet:
    """Write composed photos as JPEG files.

    Whole boxed fruits are cut out and pasted on rendered backgrounds, or on photos that show no
    fruit. A composed photo is in the split and group of the photos it is made from. Files that were
    written before from the same photos are kept.

    Args:
        photos: Photos of a single split, usually the training split.
        folder: Folder to write to.
        number: Number of composed photos.
        seed: Random seed.
        size: Side of the square pictures in pixels.
        max_fruits: Maximum number of fruits in a picture.
        progress: Receives status messages.

    Raises:
        DataError: The photos belong to several splits, or too few fruits can be cut out.
        PictureError: A background photo can't be read.
        FruitError: The folder can't be written to.
    """
    splits = sorted({split_of(photo) for photo in photos})
    if len(splits) > 1:
        # Otherwise test photos would leak into training.
        raise DataError(f"Photos of the splits {', '.join(splits)} can't be put into one photo.")
    pool = gather_sources(photos, progress)
    composed = []
    for index in report_progress(range(number), "composing photos", progress):
        path = folder / f"composed_{seed}_{index:05d}.jpg"
        plan = plan_composition(pool, seed, index, size, max_fruits)
        composed.append(replace(_write(plan, path), split=photos[0].split))
    return PhotoSet(tuple(composed), pool.listed, "composed photos")


def _write(plan: Composition, path: Path) -> Photo:
    """Write a composed photo, if its file is not there yet, and return its record."""
    size, boxes = plan.layout.size, plan.layout.boxes()
    names = [photo.path.name for photo in plan.sources]
    mark = fingerprint(boxes, names, size)
    save_once(path, (size, size), mark, lambda: (render_composition(plan), JPEG_QUALITY))
    licenses = sorted({photo.license or "unknown" for photo in plan.sources})
    return Photo(
        path=path,
        width=size,
        height=size,
        boxes=boxes,
        listed=plan.listed,
        group=plan.group,
        source=f"composed from {', '.join(dict.fromkeys(names))}" if names else RENDERED,
        license=", ".join(licenses) if names else "CC0-1.0",
    )


def gather_sources(photos: Sequence[Photo], progress: Progress = no_progress) -> SourcePool:
    """Extract the cutouts of photos, and find the photos without fruit.

    Raises:
        DataError: Too few fruits can be cut out.
    """
    extracted, tried = extract_cutouts(photos, progress)
    if len(extracted) < MIN_CUTOUTS:
        raise DataError(
            f"{len(extracted)} of {tried} boxed fruits could be cut out, {MIN_CUTOUTS} are needed: "
            "add photos of whole fruits, boxed, apart from each other, on plain backgrounds."
        )
    cutouts: dict[str, list[Cutout]] = {}
    for cutout in extracted:
        cutouts.setdefault(cutout.fruit, []).append(cutout)
    return SourcePool(
        cutouts=dict(sorted(cutouts.items())),
        backgrounds=[p for p in photos if p.total() == 0 and p.listed & set(cutouts)],
        listed=frozenset(cutouts).union(*(photo.listed for photo in photos)),
        groups=sorted({group_of(photo) for photo in photos}),
    )


# Planning ------------------------------------------------------------------------------------


def plan_composition(
    pool: SourcePool, seed: int, index: int, size: int, max_fruits: int
) -> Composition:
    """Plan composed photo number `index` of a random seed."""
    rng = np.random.default_rng([seed, index])
    viewpoint = random_viewpoint(rng, rng.uniform(50, 90))
    number = stratified_count(seed, index, max_fruits)
    studio = rng.random() < STUDIO_PROBABILITY
    if studio:
        number = min(max_fruits, int(rng.choice(STUDIO_COUNTS)))
    background = None
    if pool.backgrounds and not studio and rng.random() < OWN_BACKGROUND_PROBABILITY:
        background = pool.backgrounds[rng.integers(len(pool.backgrounds))]
    # A background photo may show kinds of fruit that it was not searched for.
    listed = background.listed if background else pool.listed
    usable = {fruit: cutouts for fruit, cutouts in pool.cutouts.items() if fruit in listed}
    cutouts = _choose(rng, usable, number)
    objects = _line_up(rng, cutouts, size, viewpoint) if studio else None
    if objects is None:
        objects = _scatter(rng, cutouts, size, viewpoint)
    layout = Layout(seed, index, size, viewpoint, tuple(objects))
    sources = tuple(cutout.photo for cutout in cutouts) + ((background,) if background else ())
    group = group_of(sources[0]) if sources else pool.groups[rng.integers(len(pool.groups))]
    return Composition(layout, studio, background, listed, sources, group)


def _choose(
    rng: np.random.Generator, cutouts: dict[str, list[Cutout]], number: int
) -> list[Cutout]:
    """Choose cutouts: with probability 0.5 of one kind, else of two to four kinds if possible."""
    kinds = 1 if number < 2 or rng.random() < 0.5 else int(rng.integers(2, min(4, number) + 1))
    chosen = list(rng.choice(sorted(cutouts), min(kinds, len(cutouts)), replace=False))
    # Each kind at least once.
    names = [*chosen, *rng.choice(chosen, max(0, number - len(chosen)))][:number]
    return [cutouts[name][rng.integers(len(cutouts[name]))] for name in rng.permutation(names)]


def _line_up(
    rng: np.random.Generator, cutouts: Sequence[Cutout], size: int, viewpoint: Viewpoint
) -> list[PlacedObject] | None:
    """Place cutouts upright, large and side by side, in one or two rows, the farther row first.

    Returns None if one of them would be hidden too much.
    """
    rows = [cutouts] if len(cutouts) < 4 or rng.random() < 0.3 else [cutouts[::2], cutouts[1::2]]
    spacing, depth = rng.uniform(0.66, 1.2), rng.uniform(0.5, 1)
    # Heights and widths for fruits of radius 1.
    shapes = [
        np.array([cutout.cover.shape / np.sqrt(cutout.cover.sum() / np.pi) for cutout in row])
        for row in rows
        if row
    ]
    height = max((shape[:, 0].max() for shape in shapes), default=1.0)
    width = max((spacing * shape[:, 1].sum() for shape in shapes), default=1.0)
    total_height = height * (1 + depth * (len(rows) - 1))
    radius = rng.uniform(0.6, 1) * size / max(width, total_height)
    objects: list[PlacedObject] = []
    for number, row in enumerate(rows):
        bottom = size / 2 + radius * (height - total_height / 2 + depth * height * number)
        objects += _place_row(rng, row, radius, spacing, bottom, size, viewpoint)
    if objects and hidden_fractions(objects, size).max() > MAX_STUDIO_HIDDEN:
        return None
    return objects


def _place_row(
    rng: np.random.Generator,
    cutouts: Sequence[Cutout],
    radius: float,
    spacing: float,
    bottom: float,
    size: int,
    viewpoint: Viewpoint,
) -> list[PlacedObject]:
    """Place cutouts side by side in a horizontally centered row that stands at height `bottom`.

    The distance of two neighbors is `spacing` times their mean width.
    """
    objects, end = [], 0.0
    for cutout in cutouts:
        sprite = cutout_sprite(rng, cutout, radius * rng.uniform(0.88, 1.05), MAX_LEAN, viewpoint)
        rows, columns = np.flatnonzero(sprite.mask.any(1)), np.flatnonzero(sprite.mask.any(0))
        half_width, center = spacing * len(columns) / 2, len(sprite.mask) // 2
        x = end + half_width - (columns.mean() - center)
        y = bottom - (rows[-1] - center) + 0.04 * radius * rng.normal()
        objects.append(PlacedObject(cutout.fruit, sprite, round(x), round(y)))
        end += 2 * half_width
    shift = round((size - end) / 2)
    return [replace(item, x=item.x + shift) for item in objects]


def _scatter(
    rng: np.random.Generator, cutouts: Sequence[Cutout], size: int, viewpoint: Viewpoint
) -> list[PlacedObject]:
    """Place cutouts at random, the farthest first, as small as necessary to fit them in.

    If they would have to be smaller than `MIN_RADIUS`, some are left out.
    """
    clustering = 1.0 if rng.random() < 0.4 else 0.15
    max_rotation = 180 if rng.random() < 0.5 else 2 * MAX_LEAN
    fruit_sizes = {cutout.fruit: rng.uniform(0.8, 1.25) for cutout in cutouts}
    sizes = [fruit_sizes[cutout.fruit] * rng.uniform(0.88, 1.12) for cutout in cutouts]
    radius = np.sqrt(rng.uniform(0.08, 0.5) * size * size / (np.pi * sum(np.square(sizes)) + 1))
    radius = min(radius, rng.uniform(0.12, 0.34) * size)
    while True:
        objects: list[PlacedObject] = []
        for cutout, relative_size in zip(cutouts, sizes, strict=True):
            sprite = cutout_sprite(rng, cutout, radius * relative_size, max_rotation, viewpoint)
            objects = add_object_anywhere(rng, cutout.fruit, sprite, objects, size, clustering)
        if len(objects) == len(cutouts) or radius < MIN_RADIUS * size:
            return objects
        radius *= 0.85


# Rendering -----------------------------------------------------------------------------------


def render_composition(plan: Composition) -> Image.Image:
    """Render the RGB picture of a composed photo."""
    layout, viewpoint = plan.layout, plan.layout.viewpoint
    # A separate stream, so that planning does not depend on whether a picture is rendered.
    (rng,) = np.random.default_rng([layout.seed, layout.index]).spawn(1)
    if plan.studio:
        picture = _studio_background(rng, layout.size)
        light = np.full(3, rng.uniform(0.95, 1.25), np.float32)
    elif plan.background:
        picture = _photo_background(rng, plan.background, layout.size)
        light = estimate_light(picture.mean((0, 1)))
    else:
        picture = draw_random_backdrop(rng, layout.size, float(viewpoint.up[2]))
        illuminate(picture, viewpoint)
        key = viewpoint.key * max(0.0, float(viewpoint.light @ viewpoint.up))
        light = np.sqrt(key + viewpoint.sky)
    lit = [
        replace(item, sprite=replace(item.sprite, color=item.sprite.color * light))
        for item in layout.objects
    ]
    composite(picture, lit)
    return Image.fromarray(photograph(rng, picture))


def _studio_background(rng: np.random.Generator, size: int) -> Array:
    """Linear light (size, size, 3) of a plain background: mostly white, else black or a color."""
    chance = rng.random()
    if chance < 0.65:
        level = rng.uniform(1.2, 3, 1)
    elif chance < 0.8:
        level = rng.uniform(0, 0.02, 1)
    else:
        level = (rng.uniform(0.1, 0.8) + rng.uniform(-0.2, 0.2, 3)).clip(0) ** 2
    top, bottom = rng.uniform(0.8, 1.2, 2)
    gradient = np.linspace(top, bottom, size)[:, None, None]
    return (np.ones((size, size, 3)) * level * gradient).astype(np.float32)


def _photo_background(rng: np.random.Generator, photo: Photo, size: int) -> Array:
    """Linear light (size, size, 3) of a random square crop of a photo."""
    picture = open_picture(photo.path)
    side = min(picture.size) * rng.uniform(0.7, 1)
    left, top = (rng.uniform(0, length - side) for length in picture.size)
    crop = picture.resize(
        (size, size), Image.Resampling.BICUBIC, (left, top, left + side, top + side)
    )
    if rng.random() < 0.5:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return linear_light(np.asarray(crop, np.float32) / np.float32(255))


def cutout_sprite(
    rng: np.random.Generator,
    cutout: Cutout,
    radius: float,
    max_rotation: float,
    viewpoint: Viewpoint,
) -> Sprite:
    """Scale, rotate and mirror a cutout at random, and give it a shadow.

    It gets the area of a disc of `radius` pixels, and is turned by up to `max_rotation` degrees.
    """
    scale = min(MAX_UPSCALING, radius * np.sqrt(np.pi / max(float(cutout.cover.sum()), 1.0)))
    height, width = (max(3, round(side * scale)) for side in cutout.cover.shape)
    angle, mirrored = rng.uniform(-max_rotation, max_rotation), rng.random() < 0.5
    side = int(np.hypot(height, width)) // 2 * 2 + 3
    squares = []
    for plane in (cutout.pixels, (255 * cutout.cover).astype(np.uint8)):
        turned = Image.fromarray(plane).resize((width, height), Image.Resampling.LANCZOS)
        if mirrored:
            turned = turned.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        turned = turned.rotate(angle, Image.Resampling.BICUBIC, expand=True)
        square = Image.new(turned.mode, (side, side))
        square.paste(turned, ((side - turned.width) // 2, (side - turned.height) // 2))
        squares.append(np.asarray(square, np.float32) / np.float32(255))
    return Sprite(
        # Without the light of its own photo.
        color=linear_light(squares[0]) / estimate_light(np.square(cutout.surround)),
        alpha=squares[1],
        shadow=_shadow(squares[1], radius, viewpoint),
        ground_offset=0.6 * radius,
    )


def _shadow(alpha: Array, radius: float, viewpoint: Viewpoint) -> Array:
    """Share of the light (side, side) that reaches the ground around a fruit.

    The sum of a dark contact shadow and a soft cast shadow.
    """
    margin = round(SHADOW_MARGIN * radius) + 2
    shape = Image.fromarray((255 * np.pad(alpha, margin)).astype(np.uint8))
    shadow = np.zeros((shape.height, shape.width), np.float32)
    cast_blur = 0.14 + 0.1 * viewpoint.softness
    for distance, blur, strength in ((0.06, 0.07, 0.4), (0.28, cast_blur, 0.35)):
        offset = distance * radius * np.array([-viewpoint.light[0], viewpoint.light[1]])
        moved = Image.new("L", shape.size)
        moved.paste(shape, (round(offset[0]), round(offset[1])))
        soft = moved.filter(ImageFilter.GaussianBlur(float(blur * radius)))
        shadow += np.float32(strength / 255) * np.asarray(soft, np.float32)
    return 1 - shadow


def linear_light(tone: Array) -> Array:
    """Invert the tone curve of the rendered camera, for tones of a photo from 0 to 1.

    Fruits, photos and rendered backgrounds then go through one camera, with one blur and noise.
    """
    over = np.clip(tone - np.float32(0.8), 0, np.float32(0.15))
    light: Array = np.square(np.minimum(tone, np.float32(0.8)) + over / (1 - 5 * over))
    return light


def estimate_light(surround: Array) -> Array:
    """Estimate intensity and color (3,) of the illumination from the mean light (3,) of a scene.

    A dark scene may be dimly lit or of dark color: the estimate is a compromise.
    """
    gray = surround.mean()
    hue = np.clip((surround + 0.05) / (gray + 0.05), 0.3, 3)
    light: Array = ((gray + 0.05) / 0.45) ** 0.25 * hue**0.1
    return light.astype(np.float32)
