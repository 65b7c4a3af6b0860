"""Cut and paste: fruits cut out of photos, put together anew on backgrounds without fruit.

Most people's photos show one fruit or two. Composed photos show several as often ("Cut, Paste and
Learn", Dwibedi et al. 2017), and their boxes are right because they were made that way. Some are
scattered, any number of them as often as any other; the rest are set up as people set fruit up.
As with rendered scenes, photo number i of a series depends only on the seed, on i, and on the
photos that it may use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from fruit_caption.data.records import RENDERED, FruitBox, Photo, PhotoSet
from fruit_caption.data.splits import group_of, split_of
from fruit_caption.datagen.cutouts import CutOut, cut_outs
from fruit_caption.rendering.arrangement import Layout, Placed, hidden_shares, place, spread_number
from fruit_caption.rendering.backdrops import draw_backdrop
from fruit_caption.rendering.camera import illuminate, paint, photograph
from fruit_caption.rendering.drawing import Sprite, View, draw_view
from fruit_caption.rendering.scenes import JPEG_QUALITY
from fruit_caption.rendering.solids import Array
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import atomic_write
from fruit_caption.utils.images import open_picture
from fruit_caption.utils.progress import Progress, counted, no_progress
from fruit_caption.utils.provenance import fingerprint, has_fingerprint

LEAST_CUT_OUTS = 4
"""Fewer would show the same fruit over and over."""


def compose(
    photos: Sequence[Photo],
    folder: Path,
    number: int,
    seed: int,
    size: int = 320,
    most: int = 12,
    progress: Progress = no_progress,
) -> PhotoSet:
    """Write `number` JPEG files of 0 to `most` fruits cut out of `photos`, `size` pixels square.

    Whole boxed fruits are cut out and put on rendered backgrounds or on those of the photos that
    show no fruit. What was written before for the same arguments is kept, so that a stopped run
    can go on. A composed photo is in the split, and in the group, of the photos it is made of.

    Args:
        photos: of one split, the training split as a rule.
        folder: to write to.
        number: how many to write.
        seed: which series.
        size: side of the pictures in pixels.
        most: the largest number of fruits.
        progress: told in words what is being done.

    Raises:
        DataError: the photos are of several splits, or too few fruits can be cut out.
        PictureError: a photo for a background can't be read.
        FruitError: the folder can't be written to.
    """
    check_split(photos)
    parts = gather(photos, progress)
    made = []
    for index in counted(range(number), "composing photos", progress):
        path = folder / f"composed_{seed}_{index:05d}.jpg"
        plan = plan_photo(parts, seed, index, size, most)
        boxes = plan.layout.boxes()
        mark = fingerprint(boxes, names_of(plan.sources), size)
        if not has_fingerprint(path, (size, size), mark):
            with atomic_write(path) as draft:
                picture = Image.fromarray(develop(plan))
                picture.save(draft, quality=JPEG_QUALITY, comment=mark)
        made.append(record(path, (size, size), boxes, plan.listed, plan.sources, plan.group))
    return PhotoSet(tuple(made), parts.listed, "composed photos")


def check_split(photos: Sequence[Photo]) -> None:
    """Refuse photos of several splits: a photo made of them would leak from one to another.

    Raises:
        DataError: they are of several splits.
    """
    splits = sorted({split_of(photo) for photo in photos})
    if len(splits) > 1:
        raise DataError(f"Photos of the splits {', '.join(splits)} can't be put into one photo.")


def gather(photos: Sequence[Photo], progress: Progress = no_progress) -> Parts:
    """Cut out what can be cut out, and find the photos without fruit.

    Raises:
        DataError: too few fruits can be cut out.
    """
    found, tried = cut_outs(photos, progress)
    if len(found) < LEAST_CUT_OUTS:
        raise DataError(
            f"{len(found)} of {tried} boxed fruits could be cut out, {LEAST_CUT_OUTS} are needed: "
            "add photos of whole fruits, boxed, apart from each other, on plain backgrounds."
        )
    fruits: dict[str, list[CutOut]] = {}
    for cut in found:
        fruits.setdefault(cut.fruit, []).append(cut)
    grounds = [photo for photo in photos if photo.total() == 0 and photo.listed & set(fruits)]
    listed = frozenset(fruits).union(*(photo.listed for photo in photos))
    groups = sorted({group_of(photo) for photo in photos})
    return Parts(dict(sorted(fruits.items())), grounds, listed, groups)


def names_of(photos: Sequence[Photo]) -> list[str]:
    """The file names of some photos."""
    return [photo.path.name for photo in photos]


def record(
    path: Path,
    size: tuple[int, int],
    boxes: tuple[FruitBox, ...],
    listed: frozenset[str],
    sources: Sequence[Photo],
    group: str,
) -> Photo:
    """The record of a photo of `size` (width, height) that was made of others.

    In the group of one of them it is also in their split.
    """
    names = dict.fromkeys(names_of(sources))
    licenses = sorted({photo.license or "unknown" for photo in sources})
    return Photo(
        path=path,
        width=size[0],
        height=size[1],
        boxes=boxes,
        listed=listed,
        group=group,
        source=f"composed from {', '.join(names)}" if names else RENDERED,
        license=", ".join(licenses) if names else "CC0-1.0",
    )


STUDIO_SHARE = 0.6
"""How many of the photos show fruit as it is set up for a photo."""

STUDIO_NUMBERS = (1, 2, 2, 3, 3, 4, 4, 5, 6, 7)
"""How many are set up: one is easy, two to four are what people set up and models mix up."""

STUDIO_HIDDEN = 0.55
"""Largest share of a fruit that may lie behind others if they are set up, in a row or two."""

OWN_SHARE = 0.5
"""How many of the others have one of the user's own fruitless photos behind them, if there are."""

SMALLEST_SHARE = 0.03
"""Radius of a fruit, in shares of the side of the picture, below which it is a speck."""

UPRIGHT = 12
"""Degrees by which a fruit that stands upright may lean."""


@dataclass(frozen=True)
class Parts:
    """What photos are composed of.

    Attributes:
        fruits: the cut-outs of each kind.
        grounds: photos without fruit.
        listed: the kinds that were looked for in any of the photos.
        groups: the groups of the photos.
    """

    fruits: dict[str, list[CutOut]]
    grounds: list[Photo]
    listed: frozenset[str]
    groups: list[str]


@dataclass(frozen=True)
class Composition:
    """What goes where in a composed photo.

    Attributes:
        layout: the fruits in their places.
        studio: whether they are set up on the plain ground of a studio.
        ground: else, the photo they lie on, or `None` for a rendered ground.
        listed: the kinds of which it is known how many there are.
        sources: the photos that something was taken from.
        group: the group of one of them; of an empty rendered background, that of any photo.
    """

    layout: Layout
    studio: bool
    ground: Photo | None
    listed: frozenset[str]
    sources: tuple[Photo, ...]
    group: str


# What lies where -----------------------------------------------------------------------------


def plan_photo(parts: Parts, seed: int, index: int, size: int, most: int) -> Composition:
    """What photo number `index` of the series `seed` shows."""
    rng = np.random.default_rng([seed, index])
    view = draw_view(rng, rng.uniform(50, 90))
    number = spread_number(seed, index, most)
    studio = rng.random() < STUDIO_SHARE
    if studio:
        number = min(most, int(rng.choice(STUDIO_NUMBERS)))
    ground = None
    if parts.grounds and not studio and rng.random() < OWN_SHARE:
        ground = parts.grounds[rng.integers(len(parts.grounds))]
    # Where a background was searched for some kinds only, others may lie there unseen.
    listed = ground.listed if ground else parts.listed
    known = {kind: cuts for kind, cuts in parts.fruits.items() if kind in listed}
    cuts = _choose(rng, known, number)
    placed = _set_up(rng, cuts, size, view) if studio else None
    if placed is None:
        placed = _scatter(rng, cuts, size, view)
    layout = Layout(seed, index, size, view, 0.0, tuple(placed))
    shown = tuple(cut.photo for cut in cuts)
    sources = (*shown, ground) if ground else shown
    group = group_of(sources[0]) if sources else parts.groups[rng.integers(len(parts.groups))]
    return Composition(layout, studio, ground, listed, sources, group)


def _choose(rng: np.random.Generator, fruits: dict[str, list[CutOut]], number: int) -> list[CutOut]:
    """That many cut-outs: half the time of one kind, else of two to four if there are as many."""
    kinds = 1 if number < 2 or rng.random() < 0.5 else int(rng.integers(2, min(4, number) + 1))
    chosen = list(rng.choice(sorted(fruits), min(kinds, len(fruits)), replace=False))
    # Each kind once, then any of them, so that none goes missing.
    names = [*chosen, *rng.choice(chosen, max(0, number - len(chosen)))][:number]
    return [fruits[name][rng.integers(len(fruits[name]))] for name in rng.permutation(names)]


def _set_up(
    rng: np.random.Generator, cuts: Sequence[CutOut], size: int, view: View
) -> list[Placed] | None:
    """The cut-outs upright, large and side by side, in one row or two, the farther row first.

    `None` if one would be hidden too much.
    """
    rows = [cuts] if len(cuts) < 4 or rng.random() < 0.3 else [cuts[::2], cuts[1::2]]
    gap, depth = rng.uniform(0.66, 1.2), rng.uniform(0.5, 1)
    shapes = [
        np.array([cut.cover.shape / np.sqrt(cut.cover.sum() / np.pi) for cut in row])
        for row in rows
        if row
    ]
    height = max((shape[:, 0].max() for shape in shapes), default=1.0)
    width = max((gap * shape[:, 1].sum() for shape in shapes), default=1.0)
    stack = height * (1 + depth * (len(rows) - 1))
    radius = rng.uniform(0.6, 1) * size / max(width, stack)
    placed: list[Placed] = []
    for number, row in enumerate(rows):
        floor = size / 2 + radius * (height - stack / 2 + depth * height * number)
        placed += _row(rng, row, radius, gap, floor, size, view)
    fine = not placed or hidden_shares(placed, size).max() <= STUDIO_HIDDEN
    return placed if fine else None


def _row(
    rng: np.random.Generator,
    cuts: Sequence[CutOut],
    radius: float,
    gap: float,
    floor: float,
    size: int,
    view: View,
) -> list[Placed]:
    """Cut-outs that stand side by side on the height `floor`, in the middle of the picture.

    From one to the next it is `gap` times their mean width.
    """
    placed, reach = [], 0.0
    for cut in cuts:
        sprite = paste_of(rng, cut, radius * rng.uniform(0.88, 1.05), UPRIGHT, view)
        mask = sprite.cover > 0.5
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        half = gap * len(columns) / 2
        x = reach + half - (columns.mean() - len(mask) // 2)
        y = floor - (rows[-1] - len(mask) // 2) + 0.04 * radius * rng.normal()
        placed.append(Placed(cut.fruit, sprite, mask, round(x), round(y)))
        reach += 2 * half
    aside = round((size - reach) / 2)
    return [replace(item, x=item.x + aside) for item in placed]


def _scatter(
    rng: np.random.Generator, cuts: Sequence[CutOut], size: int, view: View
) -> list[Placed]:
    """The cut-outs anywhere, the farthest first; smaller until there is room for all.

    Where they would have to be specks, some are left out.
    """
    closeness = 1.0 if rng.random() < 0.4 else 0.15
    spin = 180 if rng.random() < 0.5 else 2 * UPRIGHT
    kinds = {cut.fruit: rng.uniform(0.8, 1.25) for cut in cuts}
    sizes = [kinds[cut.fruit] * rng.uniform(0.88, 1.12) for cut in cuts]
    radius = np.sqrt(rng.uniform(0.08, 0.5) * size * size / (np.pi * sum(np.square(sizes)) + 1))
    radius = min(radius, rng.uniform(0.12, 0.34) * size)
    while True:
        placed: list[Placed] = []
        for cut, share in zip(cuts, sizes, strict=True):
            sprite = paste_of(rng, cut, radius * share, spin, view)
            placed = place(rng, cut.fruit, sprite, placed, size, 0.0, closeness)
        if len(placed) == len(cuts) or radius < SMALLEST_SHARE * size:
            return placed
        radius *= 0.85


# Light and camera ----------------------------------------------------------------------------


def develop(plan: Composition) -> npt.NDArray[np.uint8]:
    """The picture, uint8 RGB (size, size, 3), of a plan."""
    layout = plan.layout
    # A stream of its own: the plan is the same whether or not a picture is made of it.
    (rng,) = np.random.default_rng([layout.seed, layout.index]).spawn(1)
    if plan.studio:
        picture = _studio_ground(rng, layout.size)
        light = np.full(3, rng.uniform(0.95, 1.25), np.float32)
    elif plan.ground:
        picture = _own_ground(rng, plan.ground, layout.size)
        light = light_level(picture.mean((0, 1)))
    else:
        picture = draw_backdrop(rng, layout.size, float(layout.view.up[2]), layout.horizon)
        illuminate(picture, layout.view)
        light = layout.view.key * max(0.0, float(layout.view.light @ layout.view.up))
        light = np.sqrt(light + layout.view.sky)
    lit = [
        replace(item, sprite=replace(item.sprite, color=item.sprite.color * light))
        for item in layout.placed
    ]
    paint(picture, lit)
    return photograph(rng, picture)


def _studio_ground(rng: np.random.Generator, size: int) -> Array:
    """Linear light (size, size, 3) of a plain ground: mostly white, else black or any color."""
    chance = rng.random()
    if chance < 0.65:
        level = rng.uniform(1.2, 3, 1)
    elif chance < 0.8:
        level = rng.uniform(0, 0.02, 1)
    else:
        level = (rng.uniform(0.1, 0.8) + rng.uniform(-0.2, 0.2, 3)).clip(0) ** 2
    top, bottom = rng.uniform(0.8, 1.2, 2)
    slope = np.linspace(top, bottom, size)[:, None, None]
    return (np.ones((size, size, 3)) * level * slope).astype(np.float32)


def _own_ground(rng: np.random.Generator, photo: Photo, size: int) -> Array:
    """Linear light (size, size, 3) of some square part of a photo."""
    picture = open_picture(photo.path)
    side = min(picture.size) * rng.uniform(0.7, 1)
    left, top = (rng.uniform(0, length - side) for length in picture.size)
    square = picture.resize(
        (size, size), Image.Resampling.BICUBIC, (left, top, left + side, top + side)
    )
    if rng.random() < 0.5:
        square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return light_of(np.asarray(square, np.float32) / np.float32(255))


LARGEST = 1.6
"""How many times its size a cut-out is shown at most, so that it doesn't look blurred."""

SHADOW_ROOM = 0.7
"""How far a shadow may reach out of the square round a fruit, in multiples of its radius."""


def paste_of(
    rng: np.random.Generator, cut: CutOut, radius: float, spin: float, view: View
) -> Sprite:
    """A cut-out, as large as a disc of `radius` pixels, turned by up to `spin` degrees."""
    scale = min(LARGEST, radius * np.sqrt(np.pi / max(float(cut.cover.sum()), 1.0)))
    height, width = (max(3, round(side * scale)) for side in cut.cover.shape)
    angle, flipped = rng.uniform(-spin, spin), rng.random() < 0.5
    planes = Image.fromarray(cut.pixels), Image.fromarray((255 * cut.cover).astype(np.uint8))
    side = int(np.hypot(height, width)) // 2 * 2 + 3
    squares = []
    for plane in planes:
        turned = plane.resize((width, height), Image.Resampling.LANCZOS)
        if flipped:
            turned = turned.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        turned = turned.rotate(angle, Image.Resampling.BICUBIC, expand=True)
        square = Image.new(plane.mode, (side, side))
        square.paste(turned, ((side - turned.width) // 2, (side - turned.height) // 2))
        squares.append(np.asarray(square, np.float32) / np.float32(255))
    own = np.square(cut.surround)
    return Sprite(
        color=light_of(squares[0]) / light_level(own),
        cover=squares[1],
        shadow=_shadow(squares[1], radius, view),
        foot=0.6 * radius,
    )


def _shadow(cover: Array, radius: float, view: View) -> Array:
    """Light that the ground keeps (side, side) round a fruit: a soft shadow, dark close by."""
    room = round(SHADOW_ROOM * radius) + 2
    wide = Image.fromarray((255 * np.pad(cover, room)).astype(np.uint8))
    dark = np.zeros((wide.height, wide.width), np.float32)
    for far, blur, strength in ((0.06, 0.07, 0.4), (0.28, 0.14 + 0.1 * view.softness, 0.35)):
        away = far * radius * np.array([-view.light[0], view.light[1]])
        moved = Image.new("L", wide.size)
        moved.paste(wide, (round(away[0]), round(away[1])))
        soft = moved.filter(ImageFilter.GaussianBlur(float(blur * radius)))
        dark += np.float32(strength / 255) * np.asarray(soft, np.float32)
    return 1 - dark


def light_of(tone: Array) -> Array:
    """The light that the camera of rendered scenes would make a photo's tones (0 to 1) from.

    Fruit, photo and rendered background then go through one camera, with one blur and one noise.
    """
    over = np.clip(tone - np.float32(0.8), 0, np.float32(0.15))
    light: Array = np.square(np.minimum(tone, np.float32(0.8)) + over / (1 - 5 * over))
    return light


def light_level(around: Array) -> Array:
    """How bright, and of what color (3,), the light seems to be where this light (3,) is seen.

    Dark surroundings may be dim or of a dark color: the truth is taken to lie in between.
    """
    gray = around.mean()
    hue = np.clip((around + 0.05) / (gray + 0.05), 0.3, 3)
    level: Array = ((gray + 0.05) / 0.45) ** 0.25 * hue**0.1
    return level.astype(np.float32)
