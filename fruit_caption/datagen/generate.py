"""`fruit generate-data`: collects photos, has text written about them, and files both together.

The folder it makes holds `instances.json` (boxes), `images/` and `qa.json` (text).
"""

from __future__ import annotations

import filecmp
import re
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fruit_caption.config import DataConfig
from fruit_caption.data.formats.coco import IMAGES, INSTANCES, write_coco
from fruit_caption.data.formats.folders import class_names, read_photos
from fruit_caption.data.formats.open_images import fetch_open_images
from fruit_caption.data.qa import GRAMMAR, write_qa
from fruit_caption.data.records import RENDERED, PhotoSet
from fruit_caption.data.splits import split_of
from fruit_caption.datagen.composing import compose
from fruit_caption.datagen.language_model.prompts import PROMPT_VERSION
from fruit_caption.datagen.mosaics import mosaic
from fruit_caption.datagen.text_cache import TEXT_CACHE, TextCache
from fruit_caption.datagen.texts import Report, generate_texts
from fruit_caption.rendering.scenes import write_scenes
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import atomic_write, digest, lock_folder, remove_drafts
from fruit_caption.utils.progress import Progress, counted, no_progress

if TYPE_CHECKING:
    from fruit_caption.datagen.language_model.writer import LanguageModelWriter

MADE = re.compile(r"(scene|composed|mosaic)_\d+_\d+|openimages_[0-9a-f]+")
"""Names of photos that are made or fetched: one's own photo of such a name gets another."""


@dataclass(frozen=True)
class Summary:
    """What was made: photos by split, questions by kind, and what was left out and why.

    `found` says in words what each source was, `report` how the writing went.
    """

    found: tuple[str, ...]
    photos: dict[str, int]
    boxes: int
    questions: dict[str, int]
    report: Report
    skipped: tuple[str, ...]
    unknown_classes: tuple[str, ...]


def generate_data(
    config: DataConfig, out: Path, progress: Progress = no_progress, engine: Engine = LOCAL
) -> Summary:
    """Make a data set in the folder `out`.

    A run that was stopped, however hard, can be made again: it ends with the same files.

    Args:
        config: where the photos come from, and the seed.
        out: the folder; what is there already and still right is kept.
        progress: told in words what is being done.
        engine: renders and writes; the files are the same whoever does.

    Raises:
        FruitError: another process is at work in the folder, or it can't be written to.
        DataError: the photos can't be read, or there are none.
        WriterError: the language model can't be loaded. Nothing has been made then.
    """
    author = _author(config)
    with lock_folder(out):
        return _generate(config, out, author, progress, engine)


def _generate(
    config: DataConfig,
    out: Path,
    author: LanguageModelWriter | None,
    progress: Progress,
    engine: Engine,
) -> Summary:
    sets = [*_own_photos(config, out, progress), *_made_photos(config, out, progress, engine)]
    # Of a run that was killed before, or of a worker that was killed in this one.
    remove_drafts((out / IMAGES).rglob(".*"))
    photos = [photo for photo_set in sets for photo in photo_set.photos]
    if not photos:
        raise DataError("There are no photos.", "no-photos")
    progress(f"writing about {len(photos)} photos")
    # Beside real photos, scenes are there to learn from: what counts is what real photos show.
    train = (RENDERED,) if config.photos or config.open_images else ()
    splits = {photo.path: split_of(photo, config.unseen, train) for photo in photos}
    journal = TextCache(out / TEXT_CACHE, author.about()) if author else None
    texts, report = generate_texts(
        photos, out / IMAGES, config.seed, splits, author, journal, progress, engine
    )
    write_coco(out, photos, frozenset().union(*(photo_set.listed for photo_set in sets)))
    about = {"writer": GRAMMAR, "prompt_version": PROMPT_VERSION, "seed": config.seed}
    write_qa(out, texts, about | (author.about() if author else {}) | {"photos": INSTANCES})
    return Summary(
        found=tuple(_found(photo_set) for photo_set in sets),
        photos=dict(Counter(splits.values())),
        boxes=sum(len(photo.boxes) for photo in photos),
        questions=dict(report.kept + report.filled_in),
        report=report,
        skipped=tuple(reason for photo_set in sets for reason in photo_set.skipped),
        unknown_classes=tuple(sorted({name for each in sets for name in each.unknown_classes})),
    )


def _own_photos(config: DataConfig, out: Path, progress: Progress) -> list[PhotoSet]:
    """The photos of `config.photos`, copied, and what is composed from their training split.

    All are read before the first is copied.
    """
    names = class_names(Path(config.names) if config.names else None)
    found: list[PhotoSet] = []
    for folder in map(Path, config.photos):
        if out.resolve().is_relative_to(folder.resolve()):
            raise DataError(f"{out} lies with the photos of {folder}; make the data set elsewhere.")
        found.append(read_photos(folder, names, progress))
    copier = _Copier(out / IMAGES, progress)
    sets = [
        copier.copied(each, Path(folder)) for each, folder in zip(found, config.photos, strict=True)
    ]
    photos = [photo for each in sets for photo in each.photos]
    train = [photo for photo in photos if split_of(photo, config.unseen) == "train"]
    for number, make in ((config.compose, compose), (config.mosaic, mosaic)):
        if number:
            sets.append(make(train, out / IMAGES, number, config.seed, progress=progress))
    return sets


def _made_photos(
    config: DataConfig, out: Path, progress: Progress, engine: Engine
) -> list[PhotoSet]:
    """Photos that need none of one's own: rendered, and from Open Images."""
    sets = []
    if config.scenes:
        sets.append(
            write_scenes(
                out / IMAGES, config.scenes, config.seed, config.scene_size, progress, engine
            )
        )
    if config.open_images:
        sets.append(fetch_open_images(out / IMAGES, config.open_images, progress=progress))
    return sets


def _author(config: DataConfig) -> LanguageModelWriter | None:
    """The language model that writes, loaded; none where the grammar writes."""
    if config.writer == GRAMMAR:
        return None
    # Only a language model needs Keras, which takes seconds to import.
    from fruit_caption.datagen.language_model.writer import LanguageModelWriter

    return LanguageModelWriter(config.writer, config.seed)


def _found(photo_set: PhotoSet) -> str:
    boxes = sum(len(photo.boxes) for photo in photo_set.photos)
    return (
        f"{photo_set.form}: {len(photo_set.photos)} photos, {boxes} boxes, "
        f"{len(photo_set.listed)} kinds of fruit"
    )


class _Copier:
    """Copies photos into a folder, one source after the other.

    Attributes:
        images: the folder.
        first: of each photo, by its digest, the file in which it came first.
        taken: the places that have a photo.
    """

    def __init__(self, images: Path, progress: Progress) -> None:
        self.images, self.progress = images, progress
        self.first: dict[str, Path] = {}
        self.taken: set[Path] = set()

    def copied(self, found: PhotoSet, folder: Path) -> PhotoSet:
        """The photos of a source as they stand in the folder; those it holds already are listed.

        Two files with the same bytes are one photo, whatever their names: it may not be in two
        splits.
        """
        photos, skipped = [], []
        for photo in counted(found.photos, f"copying {folder}", self.progress):
            content = digest(photo.path)
            if content in self.first:
                skipped.append(f"{photo.path}: the same photo as {self.first[content]}")
                continue
            self.first[content] = photo.path
            copy = self._place(photo.path, folder)
            if not (copy.exists() and filecmp.cmp(photo.path, copy)):
                with atomic_write(copy) as draft:
                    shutil.copy2(photo.path, draft)
            photos.append(replace(photo, path=copy))
        return replace(found, photos=tuple(photos), skipped=(*found.skipped, *skipped))

    def _place(self, path: Path, folder: Path) -> Path:
        """Where a photo goes: its name in its source, with a number if that is another's."""
        home = folder / IMAGES if path.is_relative_to(folder / IMAGES) else folder
        first = place = self.images / path.relative_to(home)
        number = 1
        while place in self.taken or MADE.fullmatch(place.stem):
            number += 1
            place = first.with_stem(f"{first.stem}-{number}")
        self.taken.add(place)
        return place
