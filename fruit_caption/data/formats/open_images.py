"""Photos of fruit, and the boxes round it, from the public data set Open Images V7.

Its tables are gigabytes long: they are read as they arrive and no further than needed, and only
the rows about fruit are kept. Format: https://storage.googleapis.com/openimages/web/download.html
"""

from __future__ import annotations

import math
import re
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

from fruit_caption.data.formats.common import clip_box
from fruit_caption.data.records import FruitBox, Photo, PhotoSet
from fruit_caption.language.fruits import find_fruit
from fruit_caption.utils.download import AGAIN, Web, no_table, picture_size
from fruit_caption.utils.errors import DataError, PictureError
from fruit_caption.utils.paths import Unusable
from fruit_caption.utils.progress import Progress, no_progress

SOURCE = "Open Images V7"

OWN_NAMES: Mapping[str, str] = {"Common fig": "fig"}
"""Open Images' names of fruits that differ from ours."""

GIVE_UP_AFTER = 16
"""Photos in a row that can't be had: then something else is wrong than the photos."""

_BUCKET = "https://storage.googleapis.com/openimages"
_BOX_COLUMNS = "ImageID LabelName XMin XMax YMin YMax IsGroupOf IsDepiction".split()
_ORIGIN_COLUMNS = "ImageID License LanguageModelWriter Rotation".split()
_IMAGE_ID = re.compile(r"[0-9a-f]{1,32}")


@dataclass(frozen=True)
class Subset:
    """A part of Open Images: its name, and the addresses of its boxes and of its image ids."""

    name: str
    boxes: str
    images: str


@dataclass(frozen=True)
class Addresses:
    """Where Open Images is, and how patient to be with it.

    Attributes:
        classes: the table of class names.
        subsets: in the order in which they are read, small ones first.
        photos: of a photo, with `{subset}` and `{image_id}` in it.
        timeout: seconds that a connection may be no_progress.
        pause: seconds before the second try; doubled before each that follows.
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
class _ShareBox:
    """A fruit's box as shares (0 to 1) of the photo's width and height."""

    fruit: str
    left: float
    top: float
    right: float
    bottom: float

    def on(self, size: tuple[int, int]) -> FruitBox:
        width, height = size
        edges = self.left * width, self.top * height, self.right * width, self.bottom * height
        return clip_box(self.fruit, *edges, size)


@dataclass(frozen=True)
class _Origin:
    """Where a photo came from: the columns of `_ORIGIN_COLUMNS` but the first."""

    license_address: str
    author: str
    rotation: str


@dataclass(frozen=True)
class _Candidate:
    """A photo that shows fruit; `groups` are the kinds of which a box holds several."""

    image_id: str
    subset: Subset
    boxes: tuple[_ShareBox, ...]
    groups: frozenset[str]
    author: str = ""
    license: str = ""

    @property
    def name(self) -> str:
        return f"openimages_{self.image_id}.jpg"


def fetch_open_images(
    folder: Path,
    number: int,
    addresses: Addresses = OPEN_IMAGES,
    progress: Progress = no_progress,
) -> PhotoSet:
    """Download photos of fruit to `folder/openimages_{image_id}.jpg`.

    The same photos are chosen each time, and those that are there already are kept. A photo that
    can't be used is listed in `PhotoSet.skipped` with the reason, and the next one taken instead.
    Fruit without a box may be there all the same (`exhaustive` is False), and a kind with a box
    round a whole group of it is not in `count_ok`.

    Args:
        folder: where the photos go.
        number: how many photos.
        addresses: where Open Images is.
        progress: told in words what is being done.

    Raises:
        DataError: Open Images can't be reached, is not what it should be, or has no such photo.
        FruitError: the folder can't be written to.
    """
    if number < 1:
        raise DataError(f"{number} photos of Open Images can't be fetched; ask for at least one.")
    progress(f"searching {SOURCE}")
    web = Web(addresses.timeout, addresses.pause)
    search = _Search(web, addresses)
    listed = frozenset(search.fruits.values())

    def fetch(candidate: _Candidate) -> Photo | Unusable:
        try:
            return _fetch_photo(web, candidate, folder, addresses.photos, listed)
        except Unusable as reason:
            return reason

    photos = []
    with closing(_collect(web, search, fetch, number)) as collected:
        for photo in collected:
            photos.append(photo)
            progress(f"fetching from {SOURCE}: {len(photos)} of {number}")
    if not photos:
        reason = search.skipped[-1] if search.skipped else "no box is of a fruit"
        raise DataError(f"{SOURCE} has no photo that can be used ({reason}). {AGAIN}")
    if len(photos) < number:
        search.skipped.append(
            f"{SOURCE}: {number} photos were asked for, only {len(photos)} could be had"
        )
    return PhotoSet(tuple(photos), listed, SOURCE, tuple(search.skipped))


class _Search:
    """Finds photos of fruit in the tables, in their order.

    Attributes:
        fruits: the fruit of a label such as "/m/014j1m".
        skipped: what was found but can't be used, and why.
    """

    def __init__(self, web: Web, addresses: Addresses) -> None:
        self.web = web
        self.fruits = _fruit_classes(web, addresses.classes)
        self.skipped: list[str] = []
        self._unread = list(addresses.subsets)
        self._seen: set[str] = set()
        self._found: deque[tuple[_Candidate, _Origin | None]] = deque()

    def take(self, number: int) -> list[_Candidate]:
        """The next photos: `number`, or fewer if there are no more."""
        taken: list[_Candidate] = []
        while len(taken) < number and (self._found or self._read(number - len(taken))):
            candidate, origin = self._found.popleft()
            try:
                taken.append(_with_origin(candidate, origin))
            except Unusable as reason:
                self.skipped.append(f"{candidate.name}: {reason}")
        return taken

    def _read(self, number: int) -> bool:
        """Find more photos; whether there were any.

        Some are found to spare: should they not do, the tables are read from the beginning again.
        """
        with closing(self._unseen()) as unseen:
            candidates = list(islice(unseen, number + max(8, number // 5)))
        homes: dict[Subset, set[str]] = defaultdict(set)
        for candidate in candidates:
            homes[candidate.subset].add(candidate.image_id)
        origins = {subset: _origins(self.web, subset.images, ids) for subset, ids in homes.items()}
        self._found.extend((each, origins[each.subset].get(each.image_id)) for each in candidates)
        return bool(candidates)

    def _unseen(self) -> Generator[_Candidate, None, None]:
        """The photos of fruit that were not given before."""
        for subset in tuple(self._unread):
            with closing(self.web.table(subset.boxes, _BOX_COLUMNS)) as rows:
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


def _collect(
    web: Web, search: _Search, fetch: Callable[[_Candidate], Photo | Unusable], number: int
) -> Generator[Photo, None, None]:
    """The photos that can be had, up to a number; those that can't are listed and replaced."""
    failures = 0
    while number > 0 and (candidates := search.take(number)):
        with closing(web.each(fetch, candidates)) as results:
            for candidate, result in zip(candidates, results, strict=True):
                if isinstance(result, Photo):
                    number, failures = number - 1, 0
                    yield result
                    continue
                failures += 1
                search.skipped.append(f"{candidate.name}: {result}")
                if failures == GIVE_UP_AFTER:
                    raise DataError(
                        f"{failures} photos in a row failed. Of the last: {result}. {AGAIN}"
                    )


def _fetch_photo(
    web: Web, candidate: _Candidate, folder: Path, photos: str, listed: frozenset[str]
) -> Photo:
    path = folder / candidate.name
    try:
        size = picture_size(path)
    except PictureError:
        # It is not there yet, or not whole. Hashes are published of the originals alone, not of
        # the copies that are fetched: one is whole if it is as long as announced and can be read.
        size = web.picture(_photo_address(photos, candidate), path)
    return Photo(
        path=path,
        width=size[0],
        height=size[1],
        boxes=tuple(box.on(size) for box in candidate.boxes),
        listed=listed,
        exhaustive=False,
        count_ok=frozenset(box.fruit for box in candidate.boxes) - candidate.groups,
        group=candidate.image_id,
        source=f"{SOURCE}, photo by {candidate.author}" if candidate.author else SOURCE,
        license=candidate.license,
    )


def _photo_address(photos: str, candidate: _Candidate) -> str:
    return photos.format(subset=candidate.subset.name, image_id=candidate.image_id)


def _candidate(
    image_id: str,
    subset: Subset,
    rows: Iterable[tuple[str, ...]],
    fruits: Mapping[str, str],
) -> _Candidate | None:
    """What a photo's rows about fruit say of it; `None` if all fruit is drawn or moulded."""
    boxes, groups = [], set()
    for _, label, left, right, top, bottom, group, depiction in rows:
        if depiction == "1":
            continue
        boxes.append(_share_box(fruits[label], left, top, right, bottom))
        # -1 says that nobody looked whether it is a group.
        if group != "0":
            groups.add(fruits[label])
    if not boxes:
        return None
    if not _IMAGE_ID.fullmatch(image_id):
        raise Unusable("its id is none of Open Images, and no file name")
    return _Candidate(image_id, subset, tuple(boxes), frozenset(groups))


def _share_box(fruit: str, *edges: str) -> _ShareBox:
    try:
        left, top, right, bottom = map(float, edges)
    except ValueError:
        raise Unusable(
            f"the box of {fruit} at {', '.join(edges)[:60]} is not four numbers"
        ) from None
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise Unusable(f"the box of {fruit} at {', '.join(edges)} is empty or outside the photo")
    return _ShareBox(fruit, left, top, right, bottom)


def _with_origin(candidate: _Candidate, origin: _Origin | None) -> _Candidate:
    """A photo with its author and license, if it stands upright."""
    if origin is None:
        raise Unusable(f"{candidate.subset.images} does not list it")
    # Without a number nobody knows: the photo had left Flickr when the others were looked up.
    try:
        turned = float(origin.rotation.strip() or 0)
    except ValueError:
        turned = 1.0
    if turned and not math.isnan(turned):
        raise Unusable(f"it does not stand upright (rotation {_one_line(origin.rotation, 20)})")
    return replace(
        candidate, author=_one_line(origin.author), license=_one_line(origin.license_address)
    )


def _origins(web: Web, address: str, image_ids: set[str]) -> dict[str, _Origin]:
    """What the table of image ids, which has an order of its own, says of some photos."""
    found: dict[str, _Origin] = {}
    with closing(web.table(address, _ORIGIN_COLUMNS)) as rows:
        for image_id, *origin in rows:
            if image_id in image_ids:
                found[image_id] = _Origin(*origin)
                if len(found) == len(image_ids):
                    break
    return found


def _fruit_classes(web: Web, address: str) -> dict[str, str]:
    """The fruit of every label that is one of ours. Old tables have no header line."""
    fruits = {}
    with closing(web.rows(address)) as rows:
        for place, row in enumerate(rows):
            if len(row) != 2 or not (row[0].startswith("/") or place == 0):
                raise no_table(address, f"row {place + 1} is not a label and a name")
            fruit = find_fruit(OWN_NAMES.get(row[1], row[1]))
            if fruit:
                fruits[row[0]] = fruit
    if not fruits:
        raise no_table(address, "it names no fruit")
    return fruits


def _one_line(text: str, most: int = 200) -> str:
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(shown.split())[:most]
