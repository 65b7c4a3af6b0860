"""Generates the texts of a data set, and keeps those that the boxes of the photos confirm."""

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

from fruit_caption.data.qa import CAPTION, GRAMMAR, LANGUAGE_MODEL, Caption, PhotoQA, QAPair
from fruit_caption.data.records import Photo, Split
from fruit_caption.datagen.checker import is_true, is_true_caption
from fruit_caption.datagen.language_model.requests import GenerationStats, Text, TextRequest
from fruit_caption.datagen.question_specs import QuestionSpec, question_specs
from fruit_caption.datagen.template_writer import template_caption, template_pair
from fruit_caption.datagen.text_cache import TextCache
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.progress import Progress, no_progress

if TYPE_CHECKING:
    from fruit_caption.datagen.language_model.writer import LanguageModelWriter

CHUNK = 64
"""Number of photos per call of the language model. An interrupted run loses one call at most."""


@dataclass
class Report:
    """Statistics of the texts by kind; complete once all texts were iterated over.

    Attributes:
        tally: Completions of the language model in this run, and how many were correct.
        seconds: The time that they took.
        kept: Texts in the data set that the language model wrote.
        filled_in: Texts in the data set that come from templates.
    """

    tally: GenerationStats = field(default_factory=GenerationStats)
    seconds: float = 0.0
    kept: Counter[str] = field(default_factory=Counter)
    filled_in: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class PhotoTask:
    """The texts to write about a photo, with fallbacks from templates.

    Attributes:
        name: The path of the photo in the image folder.
        photo: The photo.
        specs: The questions to write.
        caption: The template caption.
        pairs: The template question and answer of each of `specs`.
    """

    name: str
    photo: Photo
    specs: tuple[QuestionSpec, ...]
    caption: Caption
    pairs: tuple[QAPair, ...]

    def facts_digest(self) -> str:
        """Return a digest of everything about the photo that its texts depend on."""
        # Sets are sorted because their order differs between processes.
        specs = [
            (spec.kind, spec.fruit, sorted(spec.value))
            if isinstance(spec.value, frozenset)
            else (spec.kind, spec.fruit, spec.value)
            for spec in self.specs
        ]
        facts = repr((sorted(self.photo.counts().items()), specs))
        return hashlib.sha256(facts.encode()).hexdigest()[:16]


def generate_texts(
    photos: Sequence[Photo],
    images: Path,
    seed: int,
    splits: Mapping[Path, Split],
    writer: LanguageModelWriter | None = None,
    cache: TextCache | None = None,
    progress: Progress = no_progress,
    engine: Engine = LOCAL,
) -> tuple[Iterator[PhotoQA], Report]:
    """Generate the texts of a data set and keep those that the boxes confirm.

    The texts of a photo depend on the photo and the seed, not on the order of the photos.

    Args:
        photos: The photos of the data set.
        images: The folder that they are in.
        seed: Random seed of the choice of questions and of the template phrasings.
        splits: The split of each photo by its path.
        writer: The language model, used together with `cache`. Where it fails, or without it,
            the texts come from templates.
        cache: Texts that the writer generated before; new ones are added.
        progress: Progress callback.
        engine: Runs the writer.

    Returns:
        An iterator over the texts, in the order of the photos' paths, and statistics.

    Raises:
        DataError: If a template text contradicts the boxes, which would be a bug.
        FruitError: If the cache can't be written.
    """
    photos_per_fruit = Counter(fruit for photo in photos for fruit in photo.fruits)
    make_task = partial(_make_task, images, seed, photos_per_fruit)
    photos = sorted(photos, key=lambda photo: photo.path)
    report = Report()
    if writer and cache:
        start = time.monotonic()
        report.tally = _fill_cache(photos, make_task, writer, cache, progress, engine)
        report.seconds = time.monotonic() - start

    def texts() -> Iterator[PhotoQA]:
        for photo in photos:
            text = _choose_texts(make_task(photo), splits[photo.path], cache)
            for pair in text.qa_pairs:
                (report.filled_in if pair.by == GRAMMAR else report.kept)[pair.kind] += 1
            yield text

    return texts(), report


def _make_task(
    images: Path, seed: int, photos_per_fruit: Mapping[str, int], photo: Photo
) -> PhotoTask:
    name = photo.path.relative_to(images).as_posix()
    rng = random.Random(f"{seed} {name}")
    specs = question_specs(photo, photos_per_fruit, rng)
    pairs = tuple(template_pair(spec, rng) for spec in specs)
    caption = template_caption(photo)
    if not is_true_caption(caption.text, photo):
        raise DataError(f"The {CAPTION} {caption.text!r} of {name} contradicts its boxes.")
    for pair in pairs:
        if not is_true(pair, photo):
            raise DataError(f"{pair.question!r}, {pair.answer!r} contradicts the boxes of {name}.")
    return PhotoTask(name, photo, specs, caption, pairs)


def _fill_cache(
    photos: Sequence[Photo],
    make_task: Callable[[Photo], PhotoTask],
    writer: LanguageModelWriter,
    cache: TextCache,
    progress: Progress,
    engine: Engine,
) -> GenerationStats:
    """Generate the texts of the photos that are not in the cache."""
    tasks = ((photo, make_task(photo)) for photo in photos)
    missing = [photo for photo, task in tasks if not cache.get(task.name, task.facts_digest())]
    chunks = [missing[start : start + CHUNK] for start in range(0, len(missing), CHUNK)]
    stats = GenerationStats()
    results = engine.map_with_model(partial(_load_work, make_task, writer), chunks)
    for done, (rows, chunk_stats) in enumerate(results, start=1):
        cache.add(rows)
        stats.add(chunk_stats)
        progress(f"writing about photos: {min(CHUNK * done, len(missing))} of {len(missing)}")
    return stats


def _load_work(
    make_task: Callable[[Photo], PhotoTask], writer: LanguageModelWriter
) -> Callable[[Sequence[Photo]], tuple[list[dict[str, Any]], GenerationStats]]:
    """Return a function that generates the cache rows of some photos."""

    def write_rows(photos: Sequence[Photo]) -> tuple[list[dict[str, Any]], GenerationStats]:
        tasks = [make_task(photo) for photo in photos]
        requests = [
            TextRequest(task.name, task.photo, spec)
            for task in tasks
            for spec in (None, *task.specs)
        ]
        texts, stats = writer.generate(requests)
        remaining = iter(texts)
        rows = [
            {
                "file_name": task.name,
                "facts": task.facts_digest(),
                "caption": next(remaining),
                "questions": [_pair_to_json(next(remaining)) for _ in task.specs],
            }
            for task in tasks
        ]
        return rows, stats

    return write_rows


def _pair_to_json(text: Text) -> dict[str, Any] | None:
    return asdict(text) if isinstance(text, QAPair) else None


def _choose_texts(task: PhotoTask, split: Split, cache: TextCache | None) -> PhotoQA:
    """Return the texts of the cache where they are correct, and template texts elsewhere."""
    row = (cache.get(task.name, task.facts_digest()) if cache else None) or {}
    caption, text = task.caption, row.get("caption")
    if isinstance(text, str) and is_true_caption(text, task.photo):
        caption = Caption(text, LANGUAGE_MODEL)
    pairs = list(task.pairs)
    cached_pairs = row.get("questions") or ()
    for index, (pair, cached) in enumerate(zip(task.pairs, cached_pairs, strict=False)):
        if cached:
            candidate = QAPair(
                cached["question"], cached["answer"], pair.kind, pair.fruit, LANGUAGE_MODEL
            )
            if is_true(candidate, task.photo):
                pairs[index] = candidate
    return PhotoQA(task.name, split, caption, tuple(pairs))
