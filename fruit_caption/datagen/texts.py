"""Has everything that is needed written about the photos of a data set, and keeps what is true."""

from __future__ import annotations

import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fruit_caption.data.qa import CAPTION, GRAMMAR, MODEL, Caption, PhotoQA, QAPair
from fruit_caption.data.records import Photo, Split
from fruit_caption.datagen.checker import is_true, is_true_caption
from fruit_caption.datagen.language_model.writer import Tally, Text, TextRequest
from fruit_caption.datagen.question_specs import QuestionSpec, question_specs
from fruit_caption.datagen.template_writer import write_caption, write_pair
from fruit_caption.datagen.text_cache import TextCache
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.progress import Progress, no_progress

if TYPE_CHECKING:
    from fruit_caption.datagen.language_model.writer import LanguageModelWriter

CHUNK = 64
"""Photos that are written about at once; so many are lost at most when a run is stopped."""


@dataclass
class Report:
    """How the writing went, by kind of text; complete once all texts were taken.

    Attributes:
        tally: drafts of the language model in this run, and those that were proven.
        seconds: that they took.
        kept, filled_in: texts of the data set that are the model's, and the grammar's.
    """

    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    kept: Counter[str] = field(default_factory=Counter)
    filled_in: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Sheet:
    """A photo, what is to be written about it, and what the grammar would write."""

    name: str
    photo: Photo
    question_specs: tuple[QuestionSpec, ...]
    caption: Caption
    items: tuple[QAPair, ...]

    def facts(self) -> str:
        """A digest of what a text about the photo depends on, the same in every process."""
        # The order of a set is not: it changes with Python's hash seed.
        wanted = [
            (spec.kind, spec.fruit, sorted(spec.value))
            if isinstance(spec.value, frozenset)
            else (spec.kind, spec.fruit, spec.value)
            for spec in self.question_specs
        ]
        known = repr((sorted(self.photo.counts().items()), wanted))
        return hashlib.sha256(known.encode()).hexdigest()[:16]


def generate_texts(
    photos: Sequence[Photo],
    images: Path,
    seed: int,
    splits: Mapping[Path, Split],
    author: LanguageModelWriter | None = None,
    journal: TextCache | None = None,
    progress: Progress = no_progress,
    engine: Engine = LOCAL,
) -> tuple[Iterator[PhotoQA], Report]:
    """Write about every photo; keep what the checker proves.

    What is written about a photo depends on the seed and the photo, not on its place.

    Args:
        photos: to write about.
        images: the folder they lie in.
        seed: of what is asked, and in which words.
        splits: the split of each photo, by its path.
        author: writes; without one, and where it fails, the grammar does.
        journal: remembers what the author wrote.
        progress: told in words what is being done.
        engine: lets the author write.

    Returns:
        the texts in the order of the photos' names, one by one, and how it went.

    Raises:
        DataError: rules wrote what a photo's boxes don't show; that would be a defect of theirs.
        FruitError: the journal can't be written to.
    """
    rivals = Counter(fruit for photo in photos for fruit in photo.fruits)
    make_sheet = partial(_sheet, images, seed, rivals)
    ordered = sorted(photos, key=_path)
    report = Report()
    if author and journal:
        began = time.monotonic()
        report.tally = _have_written(ordered, make_sheet, author, journal, progress, engine)
        report.seconds = time.monotonic() - began

    def texts() -> Iterator[PhotoQA]:
        for photo in ordered:
            text = _text(make_sheet(photo), splits[photo.path], journal)
            for item in text.items():
                (report.filled_in if item.by == GRAMMAR else report.kept)[item.kind] += 1
            yield text

    return texts(), report


def _path(photo: Photo) -> Path:
    return photo.path


def _sheet(images: Path, seed: int, rivals: Mapping[str, int], photo: Photo) -> Sheet:
    name = photo.path.relative_to(images).as_posix()
    chance = random.Random(f"{seed} {name}")
    wanted = question_specs(photo, rivals, chance)
    items = tuple(write_pair(spec, chance) for spec in wanted)
    caption = write_caption(photo)
    if not is_true_caption(caption.text, photo):
        raise DataError(f"{CAPTION} {caption.text!r} of {name} is not what its boxes show.")
    for item in items:
        if not is_true(item, photo):
            raise DataError(f"{item.question!r}, {item.answer!r} is not what {name} shows.")
    return Sheet(name, photo, wanted, caption, items)


def _have_written(
    photos: Sequence[Photo],
    make_sheet: Callable[[Photo], Sheet],
    author: LanguageModelWriter,
    journal: TextCache,
    progress: Progress,
    engine: Engine,
) -> Tally:
    """Have the author write about the photos that the journal knows nothing of."""
    sheets = ((photo, make_sheet(photo)) for photo in photos)
    open_ones = [photo for photo, one in sheets if not journal.knows(one.name, one.facts())]
    chunks = [open_ones[start : start + CHUNK] for start in range(0, len(open_ones), CHUNK)]
    tally = Tally()
    written = engine.map_with_model(partial(_writer, make_sheet, author), chunks)
    for done, (rows, how) in enumerate(written, start=1):
        journal.add(rows)
        tally.add(how)
        progress(f"writing about photos: {CHUNK * done} of {len(open_ones)}")
    return tally


def _writer(
    make_sheet: Callable[[Photo], Sheet], author: LanguageModelWriter
) -> Callable[[Sequence[Photo]], tuple[list[dict[str, Any]], Tally]]:
    """A function that has an author write about some photos, and gives their journal rows."""

    def write(photos: Sequence[Photo]) -> tuple[list[dict[str, Any]], Tally]:
        sheets = [make_sheet(photo) for photo in photos]
        requests = [
            TextRequest(sheet.name, sheet.photo, spec)
            for sheet in sheets
            for spec in (None, *sheet.question_specs)
        ]
        written, tally = author.generate(requests)
        texts = iter(written)
        return [
            {
                "file_name": sheet.name,
                "facts": sheet.facts(),
                "caption": next(texts),
                "questions": [_to_json(next(texts)) for _ in sheet.question_specs],
            }
            for sheet in sheets
        ], tally

    return write


def _to_json(text: Text) -> dict[str, Any] | None:
    return asdict(text) if isinstance(text, QAPair) else None


def _text(sheet: Sheet, split: Split, journal: TextCache | None) -> PhotoQA:
    """What is said about a photo: the author's words where there are any that are true."""
    row = journal.row(sheet.name, sheet.facts()) if journal else None
    if row is None:
        return PhotoQA(sheet.name, split, sheet.caption, sheet.items)
    by_author = row.get("caption")
    caption = sheet.caption
    if isinstance(by_author, str) and is_true_caption(by_author, sheet.photo):
        caption = Caption(by_author, MODEL)
    items = []
    for plain, said in zip(sheet.items, row.get("questions") or (), strict=False):
        items.append(plain)
        if said:
            item = QAPair(said["question"], said["answer"], plain.kind, plain.fruit, MODEL)
            if is_true(item, sheet.photo):
                items[-1] = item
    return PhotoQA(sheet.name, split, caption, (*items, *sheet.items[len(items) :]))
