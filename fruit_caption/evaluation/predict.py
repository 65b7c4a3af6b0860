"""Asks a model about many examples: looks their photos up in the cache, and answers by batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from fruit_caption.data import features
from fruit_caption.data.augmentation import views_of
from fruit_caption.data.dataset import Example
from fruit_caption.evaluation.metrics import Row
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import speak
from fruit_caption.utils.engines import LOCAL, Engine


def answer_examples(
    model: Captioner,
    examples: Sequence[Example],
    files: Sequence[Sequence[Path]],
    batch: int = 32,
    engine: Engine = LOCAL,
) -> list[Row]:
    """Answer every question about some photos.

    Args:
        model: a trained model.
        examples: photos and questions.
        files: what `look_up` gives for the examples; the plain view is answered about.
        batch: photos at a time.
        engine: answers.

    Returns:
        a row for each question, in the order of the examples and of their items.
    """
    plain = [views[0] for views in files]
    batches = [
        (examples[start : start + batch], plain[start : start + batch])
        for start in range(0, len(examples), batch)
    ]
    answered = engine.with_model(partial(_answerer, model), batches)
    return [row for rows in answered for row in rows]


def _answerer(model: Captioner) -> Callable[[tuple[Sequence[Example], Sequence[Path]]], list[Row]]:
    """A function that answers every question about some photos, with a file of each."""

    def answer(batch: tuple[Sequence[Example], Sequence[Path]]) -> list[Row]:
        examples, files = batch
        seen = features.load(files)
        # Folding what learns, anew after each epoch, would take longer than it saves.
        seen = model.learning.predict_on_batch(seen) if model.learning else seen.astype("float32")
        questions = [[item.question for item in one.items] for one in examples]
        spoken = speak(model, model.see(seen), questions)
        return [
            Row(example.name, item, said.text, said.confidence)
            for example, answers in zip(examples, spoken, strict=True)
            for item, said in zip(example.items, answers, strict=True)
        ]

    return answer


def look_up(
    model: Captioner,
    examples: Sequence[Example],
    cache: Path,
    views: int = 1,
    progress: features.Progress = lambda done, total: None,
    engine: Engine = LOCAL,
) -> list[list[Path]]:
    """What the frozen part of a model's encoder sees in some photos; pixels, if nothing is frozen.

    Args:
        model: whose encoder looks, and at which size.
        examples: the photos.
        cache: the folder where what was seen is kept.
        views: how many of each photo; the first is the plain one.
        progress: told how many of those that were not in the cache are done.
        engine: looks.

    Returns:
        for each photo and view a file of the cache, which `features.load` reads.

    Raises:
        PictureError: a photo can't be read.
        FruitError: the cache can't be written to.
    """
    shown = [
        (example.path, view)
        for example in examples
        for view in views_of(example.name, example.photo, views)
    ]
    size = model.config.image_size
    if model.frozen:
        files = features.extract_features(model.frozen, shown, size, cache, progress, engine)
    else:
        files = features.extract_pixels(shown, size, cache, engine)
    return [files[start : start + views] for start in range(0, len(files), views)]
