"""Downloads photos of fruit and their boxes from Open Images V7.

For each of its subsets (validation, test, train), Open Images has two CSV tables, of boxes and of
images; a third one names the classes. They are gigabytes long, so they are read while they are
downloaded, only as far as needed, and only the rows about fruit are kept.

Format: https://storage.googleapis.com/openimages/web/download.html
"""

from __future__ import annotations

import math
import re
from collections import defaultdict, deque
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

from fruit_caption.data.formats.common import clip_box
from fruit_caption.data.records import Photo, PhotoSet
from fruit_caption.language.words import find_fruit
from fruit_caption.utils.download import (
    RETRY_ADVICE,
    Downloader,
    invalid_table_error,
    locked_upright_size,
)
from fruit_caption.utils.errors import DataError, PictureError
from fruit_caption.utils.paths import Unusable
from fruit_caption.utils.progress import Progress, no_progress

SOURCE = "Open Images V7"
"""The `Photo.source` of the photos, followed by the photographer."""

SPECIAL_NAMES: Mapping[str, str] = {"Common fig": "fig"}
"""Class names of Open Images that `find_fruit` does not know."""

MAX_FAILURES = 16
"""Give up after this many failed photos in a row: probably not the photos are the problem."""

_BUCKET = "https://storage.googleapis.com/openimages"
_BOX_COLUMNS = "ImageID LabelName XMin XMax YMin YMax IsGroupOf IsDepiction".split()
_IMAGE_COLUMNS = "ImageID License Author Rotation".split()
_IMAGE_ID = re.compile(r"[0-9a-f]{1,32}")

_RelativeBox = tuple[str, float, float, float, float]
"""Fruit, and left, top, right and bottom as fractions of the photo's width and height."""

_Origin = tuple[str, ...]
"""License address, author and rotation: the values of `_IMAGE_COLUMNS` after the first."""


@dataclass(frozen=True)
class Subset:
    """A subset of Open Images.

    Attributes:
        name: Name of the subset.
        boxes: Address of the table of boxes.
        images: Address of the table of images.
    """

    name: str
    boxes: str
    images: str


@dataclass(frozen=True)
class Addresses:
    """Addresses of Open Images, and timeouts.

    Attributes:
        classes: Address of the table of class names.
        subsets: The subsets in the order in which they are read, small ones first.
        photos: Address of a photo, with the placeholders `{subset}` and `{image_id}`.
        timeout: Seconds without data after which a connection has failed.
        pause: Seconds before the first retry; doubled before each further one.
    """

    classes: str = f"{_BUCKET}/v7/oidv7-class-descriptions-boxable.csv"
    subsets: tuple[Subset, ...] = (
        Subset(
            "validation",
            f"{_BUCKET}/v5/validation-annotations-bbox.csv",
            f"{_BUCKET}/2018_04/validation/validation-images-with-rotation.csv",
        ),
        Subset(
            "test",
            f"{_BUCKET}/v5/test-annotations-bbox.csv",
            f"{_BUCKET}/2018_04/test/test-images-with-rotation.csv",
        ),
        Subset(
            "train",
            f"{_BUCKET}/v6/oidv6-train-annotations-bbox.csv",
            f"{_BUCKET}/2018_04/train/train-images-boxable-with-rotation.csv",
        ),
    )
    photos: str = "https://open-images-dataset.s3.amazonaws.com/{subset}/{image_id}.jpg"
    timeout: float = 20.0
    pause: float = 0.5


OPEN_IMAGES = Addresses()


@dataclass(frozen=True)
class _Candidate:
    """A photo that shows fruit; `groups` are the fruits with a box around several of them."""

    image_id: str
    subset: Subset
    boxes: tuple[_RelativeBox, ...]
    groups: frozenset[str]
    author: str = ""
    license: str = ""

    @property
    def file_name(self) -> str:
        return f"openimages_{self.image_id}.jpg"


def fetch_open_images(
    folder: Path,
    number: int,
    addresses: Addresses = OPEN_IMAGES,
    progress: Progress = no_progress,
) -> PhotoSet:
    """Download photos of fruit to `FOLDER/openimages_{image_id}.jpg`.

    Repeated calls choose the same photos, and keep those that were downloaded before. A photo that
    can't be used is skipped, the reason is listed, and another photo is downloaded instead.

    Open Images does not box every fruit, so the photos are not `exhaustive`; fruits with a box
    around a group are not in `count_ok`.

    Args:
        folder: Folder for the photos.
        number: Number of photos.
        addresses: Addresses of Open Images.
        progress: Receives status messages.

    Raises:
        DataError: Open Images can't be downloaded, has another format, or has no usable photo.
        FruitError: The folder can't be written.
    """
    if number < 1:
        raise DataError(f"{number} photos of Open Images can't be fetched; ask for at least one.")
    progress(f"searching {SOURCE}")
    web = Downloader(addresses.timeout, addresses.pause)
    search = _Search(web, addresses)
    photos = []
    with closing(_fetch_photos(web, search, folder, addresses.photos, number)) as fetched:
        for photo in fetched:
            photos.append(photo)
            progress(f"fetching from {SOURCE}: {len(photos)} of {number}")
    if not photos:
        reason = search.skipped[-1] if search.skipped else "no box is of a fruit"
        raise DataError(f"{SOURCE} has no usable photo ({reason}). {RETRY_ADVICE}")
    if len(photos) < number:
        search.skipped.append(
            f"{SOURCE}: {number} photos were asked for, only {len(photos)} are available"
        )
    return PhotoSet(tuple(photos), search.listed, SOURCE, tuple(search.skipped))


class _Search:
    """Finds photos of fruit, in the order of the tables.

    Attributes:
        fruits: The fruit of each label, such as "/m/014j1m".
        listed: All these fruits.
        skipped: One line for each photo that was found but can't be used.
    """

    def __init__(self, web: Downloader, addresses: Addresses) -> None:
        self.web = web
        self.fruits = _read_classes(web, addresses.classes)
        self.listed = frozenset(self.fruits.values())
        self.skipped: list[str] = []
        self._unread = list(addresses.subsets)
        self._seen: set[str] = set()
        self._found: deque[tuple[_Candidate, _Origin | None]] = deque()

    def take(self, number: int) -> list[_Candidate]:
        """Return the next photos; fewer than `number` if there are no more."""
        taken: list[_Candidate] = []
        while len(taken) < number and (self._found or self._find(number - len(taken))):
            candidate, origin = self._found.popleft()
            try:
                taken.append(_add_origin(candidate, origin))
            except Unusable as reason:
                self.skipped.append(f"{candidate.file_name}: {reason}")
        return taken

    def _find(self, number: int) -> bool:
        """Find more photos; return whether there were any.

        A few more than `number` are found, because another search would have to read the tables
        from the start again.
        """
        with closing(self._unseen()) as unseen:
            candidates = list(islice(unseen, number + max(8, number // 5)))
        ids: dict[Subset, set[str]] = defaultdict(set)
        for candidate in candidates:
            ids[candidate.subset].add(candidate.image_id)
        origins = {subset: _read_origins(self.web, subset.images, ids[subset]) for subset in ids}
        self._found.extend((c, origins[c.subset].get(c.image_id)) for c in candidates)
        return bool(candidates)

    def _unseen(self) -> Generator[_Candidate, None, None]:
        """Yield the photos of fruit that were not found before."""
        for subset in tuple(self._unread):
            with closing(self.web.csv_columns(subset.boxes, _BOX_COLUMNS)) as rows:
                fruit_rows = (row for row in rows if row[1] in self.fruits)
                for image_id, group in groupby(fruit_rows, itemgetter(0)):
                    if image_id in self._seen:
                        continue
                    try:
                        candidate = _candidate(image_id, subset, group, self.fruits)
                    except Unusable as reason:
                        self._seen.add(image_id)
                        self.skipped.append(f"openimages_{image_id[:40]!r}: {reason}")
                        continue
                    if candidate:
                        self._seen.add(image_id)
                        yield candidate
            self._unread.remove(subset)


def _fetch_photos(
    web: Downloader, search: _Search, folder: Path, address: str, number: int
) -> Generator[Photo, None, None]:
    """Download a number of photos; list those that fail and replace them with others."""

    def fetch(candidate: _Candidate) -> Photo | Unusable:
        try:
            return _fetch_photo(web, candidate, folder, address, search.listed)
        except Unusable as reason:
            return reason

    failures = 0
    while number > 0 and (candidates := search.take(number)):
        with closing(web.map_parallel(fetch, candidates)) as results:
            for candidate, result in zip(candidates, results, strict=True):
                if isinstance(result, Photo):
                    number, failures = number - 1, 0
                    yield result
                    continue
                failures += 1
                search.skipped.append(f"{candidate.file_name}: {result}")
                if failures == MAX_FAILURES:
                    raise DataError(
                        f"{failures} photos in a row failed, the last because {result}. "
                        f"{RETRY_ADVICE}"
                    )


def _fetch_photo(
    web: Downloader, candidate: _Candidate, folder: Path, address: str, listed: frozenset[str]
) -> Photo:
    path = folder / candidate.file_name
    try:
        size = locked_upright_size(path)
    except PictureError:
        # Missing or truncated. There are no checksums of these resized photos, so one that is as
        # long as announced and can be decoded counts as intact.
        photo = address.format(subset=candidate.subset.name, image_id=candidate.image_id)
        size = web.save_picture(photo, path)
    width, height = size
    return Photo(
        path=path,
        width=width,
        height=height,
        boxes=tuple(
            clip_box(fruit, (left * width, top * height, right * width, bottom * height), size)
            for fruit, left, top, right, bottom in candidate.boxes
        ),
        listed=listed,
        exhaustive=False,
        count_ok=frozenset(fruit for fruit, *_ in candidate.boxes) - candidate.groups,
        group=candidate.image_id,
        source=f"{SOURCE}, photo by {candidate.author}" if candidate.author else SOURCE,
        license=candidate.license,
    )


def _candidate(
    image_id: str, subset: Subset, rows: Iterable[tuple[str, ...]], fruits: Mapping[str, str]
) -> _Candidate | None:
    """Return the photo of some rows of boxes, or None if all of its fruits are only depicted."""
    boxes, groups = [], set()
    for _, label, left, right, top, bottom, group, depiction in rows:
        if depiction == "1":
            continue
        boxes.append(_relative_box(fruits[label], left, top, right, bottom))
        if group != "0":  # -1 means unknown.
            groups.add(fruits[label])
    if not boxes:
        return None
    if not _IMAGE_ID.fullmatch(image_id):
        raise Unusable("it is not an id of Open Images")
    return _Candidate(image_id, subset, tuple(boxes), frozenset(groups))


def _relative_box(fruit: str, *edges: str) -> _RelativeBox:
    box = f"the box of {fruit} at {', '.join(edges)[:60]}"
    try:
        left, top, right, bottom = map(float, edges)
    except ValueError:
        raise Unusable(f"{box} is not four numbers") from None
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise Unusable(f"{box} is empty or lies outside the photo")
    return fruit, left, top, right, bottom


def _add_origin(candidate: _Candidate, origin: _Origin | None) -> _Candidate:
    """Return a photo with its author and license, if it is upright."""
    if origin is None:
        raise Unusable(f"{candidate.subset.images} does not list it")
    license_address, author, rotation = origin
    # An empty rotation means unknown: the photo had already been deleted from Flickr.
    try:
        degrees = float(rotation.strip() or 0)
    except ValueError:
        degrees = 1.0
    if degrees and not math.isnan(degrees):
        raise Unusable(f"it is not upright (rotation {_one_line(rotation, 20)})")
    return replace(candidate, author=_one_line(author), license=_one_line(license_address))


def _read_origins(web: Downloader, address: str, image_ids: set[str]) -> dict[str, _Origin]:
    """Return the origins of some photos from a table of images, which is sorted differently."""
    origins: dict[str, _Origin] = {}
    with closing(web.csv_columns(address, _IMAGE_COLUMNS)) as rows:
        for image_id, *origin in rows:
            if image_id in image_ids:
                origins[image_id] = tuple(origin)
                if len(origins) == len(image_ids):
                    break
    return origins


def _read_classes(web: Downloader, address: str) -> dict[str, str]:
    """Return the fruit of each label that is a fruit. Old tables have no header line."""
    fruits = {}
    with closing(web.csv_rows(address)) as rows:
        for number, row in enumerate(rows, start=1):
            if len(row) != 2 or not (row[0].startswith("/") or number == 1):
                raise invalid_table_error(address, f"row {number} is not a label and a name")
            fruit = find_fruit(SPECIAL_NAMES.get(row[1], row[1]))
            if fruit:
                fruits[row[0]] = fruit
    if not fruits:
        raise invalid_table_error(address, "it has no class of fruit")
    return fruits


def _one_line(text: str, max_length: int = 200) -> str:
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:max_length]
