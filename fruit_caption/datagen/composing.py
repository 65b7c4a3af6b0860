"""Cut and paste: fruits cut out of photos, put together anew on backgrounds without fruit.

Most people's photos show one fruit or two. Composed photos show several as often ("Cut, Paste and
Learn", Dwibedi et al. 2017), and their boxes are right because they were made that way. Some are
scattered, any number of them as often as any other; the rest are set up as people set fruit up.
As with rendered scenes, photo number i of a series depends only on the seed, on i, and on the
photos that it may use.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from fruit_caption.data.records import RENDERED, FruitBox, Photo, PhotoSet
from fruit_caption.data.splits import group_of, split_of
from fruit_caption.datagen.compositions import Parts, develop, plan_photo
from fruit_caption.datagen.cutouts import CutOut, cut_outs
from fruit_caption.rendering.scenes import JPEG_QUALITY
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import whole_file
from fruit_caption.utils.progress import Progress, counted, silent
from fruit_caption.utils.provenance import is_marked, mark_of

LEAST_CUT_OUTS = 4
"""Fewer would show the same fruit over and over."""


def compose(
    photos: Sequence[Photo],
    folder: Path,
    number: int,
    seed: int,
    size: int = 320,
    most: int = 12,
    progress: Progress = silent,
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
        mark = mark_of(boxes, names_of(plan.sources), size)
        if not is_marked(path, (size, size), mark):
            with whole_file(path) as draft:
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


def gather(photos: Sequence[Photo], progress: Progress = silent) -> Parts:
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
