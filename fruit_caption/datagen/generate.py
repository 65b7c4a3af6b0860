"""Makes a data set: collects or renders photos, and generates texts about them.

The data set's folder holds `instances.json` (boxes), `images/` and `qa.json` (texts).
"""

from __future__ import annotations

import filecmp
import re
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from fruit_caption.config import DataConfig
from fruit_caption.data.formats.class_names import class_mapping
from fruit_caption.data.formats.coco import IMAGES, INSTANCES, write_coco
from fruit_caption.data.formats.folders import read_photos
from fruit_caption.data.formats.open_images import SOURCE as OPEN_IMAGES
from fruit_caption.data.formats.open_images import fetch_open_images
from fruit_caption.data.qa import GRAMMAR, write_qa
from fruit_caption.data.records import RENDERED, PhotoSet
from fruit_caption.data.splits import few_photos_note, keep_splits, parse_shares, split_of
from fruit_caption.datagen.composing import compose
from fruit_caption.datagen.language_model.prompts import PROMPT_VERSION
from fruit_caption.datagen.text_cache import TEXT_CACHE, TextCache
from fruit_caption.datagen.texts import Report, generate_texts
from fruit_caption.rendering.scenes import write_scenes
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import atomic_write, file_sha256, lock_folder, remove_drafts
from fruit_caption.utils.listing import shorten
from fruit_caption.utils.paths import encodable
from fruit_caption.utils.progress import Progress, no_progress, report_progress

if TYPE_CHECKING:
    from fruit_caption.datagen.language_model.writer import LanguageModelWriter

GENERATED_NAME = re.compile(r"(scene|composed)_\d+_\d+|openimages_[0-9a-f]+")
"""Matches the names of generated and downloaded photos, which no copied photo may have."""


@dataclass(frozen=True)
class Summary:
    """What a data set consists of.

    Attributes:
        found: A description of each source.
        photos: The number of photos of each split.
        boxes: The number of boxes.
        questions: The number of texts of each kind.
        report: Statistics of the text generation.
        skipped: The photos that were left out, with the reasons.
        unknown_classes: The classes that are not a known fruit.
        notes: What else the user should know.
    """

    found: tuple[str, ...]
    photos: dict[str, int]
    boxes: int
    questions: dict[str, int]
    report: Report
    skipped: tuple[str, ...]
    unknown_classes: tuple[str, ...]
    notes: tuple[str, ...] = ()


def generate_data(
    config: DataConfig, out: Path, progress: Progress = no_progress, engine: Engine = LOCAL
) -> Summary:
    """Make a data set in a folder.

    If a run is interrupted or killed, running it again gives the same files.

    Args:
        config: The sources of the photos, the writer and the seed.
        out: The folder. Files in it that are still right are kept.
        progress: Progress callback.
        engine: Runs the rendering and the writer; the files do not depend on it.

    Raises:
        FruitError: If another process is using the folder, or if it can't be written to.
        DataError: If the photos can't be read, or if there are none.
        WriterError: If the language model can't be loaded; nothing is written then.
    """
    parse_shares(config.shares)  # raises its error before anything is written
    writer = _load_writer(config)
    with lock_folder(out):
        return _generate(config, out, writer, progress, engine)


def _generate(
    config: DataConfig,
    out: Path,
    writer: LanguageModelWriter | None,
    progress: Progress,
    engine: Engine,
) -> Summary:
    collected, notes = _copied_photos(config, out, progress)
    photo_sets = [*collected, *_rendered_and_downloaded_photos(config, out, progress, engine)]
    # Temporary files of killed runs, or of workers that were killed in this run.
    remove_drafts((out / IMAGES).rglob(".*"))
    photos = [photo for photo_set in photo_sets for photo in photo_set.photos]
    if not photos:
        raise DataError("There are no photos.", "no-photos")
    progress(f"writing about {len(photos)} photos")
    # With real photos in the data set, rendered ones are for training only.
    train_sources = (RENDERED,) if config.photos or config.open_images else ()
    shares = parse_shares(config.shares)
    splits = {photo.path: split_of(photo, config.unseen, train_sources, shares) for photo in photos}
    metadata = (
        writer.metadata()
        if writer
        else {"writer": GRAMMAR, "prompt_version": PROMPT_VERSION, "seed": config.seed}
    )
    cache = TextCache(out / TEXT_CACHE, metadata) if writer else None
    texts, report = generate_texts(
        photos, out / IMAGES, config.seed, splits, writer, cache, progress, engine
    )
    write_coco(out, photos, frozenset().union(*(photo_set.listed for photo_set in photo_sets)))
    write_qa(out, texts, metadata | {"photos": INSTANCES})
    if few := few_photos_note(Counter(splits.values())):
        notes.append(few)
    return Summary(
        found=tuple(_describe(photo_set) for photo_set in photo_sets),
        photos=dict(Counter(splits.values())),
        boxes=sum(len(photo.boxes) for photo in photos),
        questions=dict(report.kept + report.filled_in),
        report=report,
        skipped=tuple(reason for photo_set in photo_sets for reason in photo_set.skipped),
        unknown_classes=tuple(
            sorted({name for photo_set in photo_sets for name in photo_set.unknown_classes})
        ),
        notes=(*(note for photo_set in photo_sets for note in photo_set.notes), *notes),
    )


def _load_writer(config: DataConfig) -> LanguageModelWriter | None:
    if config.writer == GRAMMAR:
        return None
    # Imported late because it imports Keras, which takes seconds.
    from fruit_caption.datagen.language_model.writer import LanguageModelWriter

    return LanguageModelWriter(config.writer, config.seed)


def _copied_photos(
    config: DataConfig, out: Path, progress: Progress
) -> tuple[list[PhotoSet], list[str]]:
    """Copy the photos of `config.photos`, and compose photos from them.

    All folders are read before the first photo is copied. Only training photos are reused.

    Returns:
        The photos, and notes about all of them.
    """
    names = class_mapping(Path(config.names) if config.names else None)
    folders = [Path(folder) for folder in config.photos]
    sources: list[PhotoSet] = []
    for folder in folders:
        if out.resolve().is_relative_to(folder.resolve()):
            raise DataError(f"{out} is inside {folder}; make the data set elsewhere.")
        sources.append(read_photos(folder, names, progress))
    sources, notes = _choose_splits(sources, config)
    _check_unseen(config, sources)
    if unused := sorted(names.unused):
        notes.append(f"{config.names} has names that no class has: {shorten(unused)}")
    copier = _Copier(out / IMAGES, progress)
    photo_sets = [
        copier.copy(source, folder) for source, folder in zip(sources, folders, strict=True)
    ]
    photos = [photo for photo_set in photo_sets for photo in photo_set.photos]
    train = [photo for photo in photos if split_of(photo, config.unseen) == "train"]
    if config.compose:
        photo_sets.append(
            compose(train, out / IMAGES, config.compose, config.seed, progress=progress)
        )
    return photo_sets, notes


def _choose_splits(sources: list[PhotoSet], config: DataConfig) -> tuple[list[PhotoSet], list[str]]:
    """Set the split of every photo: the one it came with, if it is to be kept, or by its group."""
    photos, notes = [photo for source in sources for photo in source.photos], list[str]()
    if config.keep_splits:
        photos, notes = keep_splits(photos)
    else:
        photos = [replace(photo, split=None) for photo in photos]
    shares = parse_shares(config.shares)
    remaining = (replace(photo, split=split_of(photo, shares=shares)) for photo in photos)
    chosen = [
        replace(source, photos=tuple(islice(remaining, len(source.photos)))) for source in sources
    ]
    return chosen, notes


def _check_unseen(config: DataConfig, sources: list[PhotoSet]) -> None:
    """Refuse an unseen source that no photo comes from: a misspelled one would be trained on.

    Raises:
        DataError: There is no such source.
    """
    found = {photo.source for source in sources for photo in source.photos}
    made = {RENDERED} if config.scenes or config.compose else set()
    made |= {OPEN_IMAGES} if config.open_images else set()
    for name in config.unseen:
        # The authors of photos from Open Images are known only after the download.
        is_author = config.open_images and name.startswith(OPEN_IMAGES)
        if not name or not (is_author or any(name in source for source in found | made)):
            there = shorten(sorted(source or "(none)" for source in found | made), 10)
            raise DataError(
                f"No photo comes from the unseen source {name!r}; the sources are: {there}.",
                "no-such-source",
            )


def _rendered_and_downloaded_photos(
    config: DataConfig, out: Path, progress: Progress, engine: Engine
) -> list[PhotoSet]:
    images, photo_sets = out / IMAGES, []
    if config.scenes:
        photo_sets.append(
            write_scenes(
                images,
                config.scenes,
                config.seed,
                config.scene_size,
                config.plain,
                progress,
                engine,
            )
        )
    if config.open_images:
        photo_sets.append(fetch_open_images(images, config.open_images, progress=progress))
    return photo_sets


def _describe(photo_set: PhotoSet) -> str:
    boxes = sum(len(photo.boxes) for photo in photo_set.photos)
    return (
        f"{photo_set.format}: {len(photo_set.photos)} photos, {boxes} boxes, "
        f"{len(photo_set.listed)} kinds of fruit"
    )


class _Copier:
    """Copies photos from several sources into one folder.

    Args:
        images: The folder to copy to.
        progress: Progress callback.
    """

    def __init__(self, images: Path, progress: Progress) -> None:
        self.images, self.progress = images, progress
        self._path_by_digest: dict[str, Path] = {}
        self._taken: set[Path] = set()

    def copy(self, source: PhotoSet, folder: Path) -> PhotoSet:
        """Copy the photos of a source from its folder and return them with their new paths.

        Files with the same bytes count as one photo, which must not be in two splits: all but
        the first are skipped.
        """
        photos, skipped = [], []
        for photo in report_progress(source.photos, f"copying {folder}", self.progress):
            content = file_sha256(photo.path)
            if content in self._path_by_digest:
                first = self._path_by_digest[content]
                skipped.append(f"{photo.path}: the same photo as {first}")
                continue
            self._path_by_digest[content] = photo.path
            path = self._destination(photo.path, folder)
            if not (path.exists() and filecmp.cmp(photo.path, path)):
                with atomic_write(path) as draft:
                    shutil.copy2(photo.path, draft)
            photos.append(replace(photo, path=path))
        return replace(source, photos=tuple(photos), skipped=(*source.skipped, *skipped))

    def _destination(self, path: Path, folder: Path) -> Path:
        """Return the new path of a photo: its name, with a number if the name is taken."""
        home = folder / IMAGES if path.is_relative_to(folder / IMAGES) else folder
        plain = destination = self.images / encodable(path.relative_to(home).as_posix())
        number = 1
        while destination in self._taken or GENERATED_NAME.fullmatch(destination.stem):
            number += 1
            destination = plain.with_stem(f"{plain.stem}-{number}")
        self._taken.add(destination)
        return destination
