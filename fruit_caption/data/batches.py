"""Batches for `keras.Model.fit`: views of photos with targets of the detector, or with questions.

They depend only on the seed, the epoch and the number of the batch, so a resumed training gets the
same batches as an uninterrupted one.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import ceil
from pathlib import Path

import keras
import numpy as np

from fruit_caption.config import TrainingConfig
from fruit_caption.data.augmentation import View, draw_view, render_view
from fruit_caption.data.dataset import Example
from fruit_caption.data.features import load_features
from fruit_caption.data.qa import QUIZ_PROMPT, QAPair
from fruit_caption.data.sampling import sampling_probabilities
from fruit_caption.data.targets import Shown, draw_targets, show, show_mosaic
from fruit_caption.language.vocabulary import Vocabulary
from fruit_caption.models.decoding import Arrays
from fruit_caption.utils.errors import FruitError
from fruit_caption.utils.images import open_picture

MOSAIC_PROBABILITY = 0.35
"""Probability that a photo whose boxes are complete is shown in a mosaic with three others."""

MAX_WORKERS = 8
"""Maximum number of threads that prepare batches."""

Batch = tuple[Arrays, Arrays, Arrays]
"""Inputs, targets and weights."""

CachedViews = Sequence[Sequence[tuple[View, Path]]]
"""For each example, views and the files with their features, see `features.cache_features`."""


class Batches(keras.utils.PyDataset, ABC):
    """The batches of one epoch.

    A batch is a tuple of three dictionaries: inputs, targets and weights. The weights are scaled so
    that a loss which sums over the batch is a mean, and the losses of the shards of a batch sum to
    its loss.

    Args:
        examples: The photos to train on.
        size: Side in pixels of the pictures.
        config: Gives the seed and the batch size.
        epoch: Number of the epoch.
        cached: Views with the features of a frozen encoder, one of which is chosen at random. By
            default, each photo is shown in a new view.

    Attributes:
        order: Indices of the examples in the order of the epoch.
        error: The error that ended the preparation of a batch, if any.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        size: int,
        config: TrainingConfig,
        epoch: int,
        cached: CachedViews | None = None,
    ) -> None:
        workers = min(MAX_WORKERS, max(2, os.cpu_count() or 1))
        super().__init__(workers=workers, max_queue_size=2 * workers)
        self.examples, self.size, self.config, self.epoch = examples, size, config, epoch
        self.cached = cached
        self.error: FruitError | None = None
        self.order = self._draw_order(np.random.default_rng([config.seed, epoch]))

    def __len__(self) -> int:
        return -(-len(self.order) // self.config.batch_size)

    def __getitem__(self, index: int) -> Batch:
        return self.shard(index, 0, 1)

    def shard(self, index: int, shard: int, num_shards: int) -> Batch:
        """Return one worker's part of a batch, for distributed training.

        Args:
            index: Number of the batch.
            shard: Number of the part.
            num_shards: Number of parts that the photos of a batch are divided into, in turn.

        Returns:
            The inputs, targets and weights. A part without photos has one photo of weight zero.
        """
        size = self.config.batch_size
        places = self.order[index * size : (index + 1) * size]
        rows = list(range(len(places)))[shard::num_shards]
        try:
            inputs, targets, weights = self._build(index, places, rows or [0])
        except FruitError as error:
            self.error = error
            raise
        if not rows:  # The last batch may have fewer photos than shards.
            weights = {name: 0 * array for name, array in weights.items()}
        return inputs, targets, weights

    @abstractmethod
    def _draw_order(self, rng: np.random.Generator) -> np.ndarray:
        """Draw the order of the examples in an epoch."""

    @abstractmethod
    def _build(self, index: int, places: np.ndarray, rows: Sequence[int]) -> Batch:
        """Build some rows of batch number `index`, which shows the examples at `places`."""

    def _rng(self, index: int, row: int) -> np.random.Generator:
        return np.random.default_rng([self.config.seed, self.epoch, index, row])

    def _load(self, place: int, rng: np.random.Generator, size: int) -> tuple[Arrays, Shown]:
        """Load an example in a random view; return the inputs and what is known about it."""
        example = self.examples[place]
        if self.cached:
            views = self.cached[place]
            view, file = views[int(rng.integers(len(views)))]
            features = load_features([file])
            return {name: array[0] for name, array in features.items()}, show(example.photo, view)
        view = draw_view(example.photo, rng)
        picture = open_picture(example.path, min_side=ceil(size / view.side))
        pixels = render_view(picture, view, size)
        return {"pixels": pixels}, show(example.photo, view)


class DetectionBatches(Batches):
    """Batches that train encoder and detector.

    - Inputs: `pixels` (photos, size, size, 3), or `coarse` and `fine` features.
    - Targets: `center`, `kind` and `label`, see `targets.Targets`.
    - Weights: `center` and `kind` (photos, rows, columns), `label` (photos,).

    Photos are drawn with replacement, see `sampling`.

    Args:
        examples, size, config, epoch, cached: See `Batches`.
        fruits: Kinds of fruit of the detector.
        grid: Number of rows and columns of the detector's grid.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        size: int,
        config: TrainingConfig,
        epoch: int,
        fruits: Sequence[str],
        grid: tuple[int, int],
        cached: CachedViews | None = None,
    ) -> None:
        self.fruits, self.grid = fruits, grid
        photos = [example.photo for example in examples]
        self.complete = [
            place for place, photo in enumerate(photos) if photo and photo.total() is not None
        ]
        self.is_complete = np.isin(np.arange(len(photos)), self.complete)
        self.probabilities = sampling_probabilities(photos)
        super().__init__(examples, size, config, epoch, cached)

    def _draw_order(self, rng: np.random.Generator) -> np.ndarray:
        # Evenly spaced through the cumulative probabilities, so that chance leaves no photo out
        # that is likely to be shown.
        number = len(self.examples)
        positions = (np.arange(number) + rng.random()) / number
        order = np.searchsorted(self.probabilities.cumsum(), positions).clip(0, number - 1)
        return rng.permutation(order)

    def _build(self, index: int, places: np.ndarray, rows: Sequence[int]) -> Batch:
        loaded = [self._load_or_mosaic(places[row], self._rng(index, row)) for row in rows]
        drawn = [draw_targets(shown, self.fruits, *self.grid) for _, shown in loaded]
        targets = {
            name: np.stack([getattr(target, name) for target in drawn])
            for name in ("center", "kind", "label")
        }
        share = np.float32(1 / len(places))
        weights = {
            "center": share * np.stack([target.center_weight for target in drawn]),
            "kind": share * np.stack([target.kind_weight for target in drawn]),
            "label": share * targets["label"].sum(axis=1),
        }
        return _stack([image for image, _ in loaded]), targets, weights

    def _load_or_mosaic(self, place: int, rng: np.random.Generator) -> tuple[Arrays, Shown]:
        is_mosaic = rng.random() < MOSAIC_PROBABILITY and self.is_complete[place]
        if self.cached or not is_mosaic or len(self.complete) < 4:
            return self._load(place, rng, self.size)
        others = [self.complete[other] for other in rng.integers(len(self.complete), size=3)]
        quarters = [self._load(tile, rng, self.size // 2) for tile in (place, *others)]
        order = rng.permutation(4)
        first, second, third, fourth = (quarters[number][0]["pixels"] for number in order)
        pixels = np.block([[[first], [second]], [[third], [fourth]]])
        return {"pixels": pixels}, show_mosaic([quarters[number][1] for number in order])


class QuestionBatches(Batches):
    """Batches that train the decoder, with a random choice of the questions about each photo.

    - Inputs: `pixels` (photos, size, size, 3), or `coarse` and `fine` features; and `words`
      (photos, questions, steps), the word ids of questions and answers.
    - Targets: `logits` (photos, questions, steps), the ids of the next words.
    - Weights: `logits` (photos, questions, steps), zero except for the answers; they sum to 1.

    Args:
        examples, size, config, epoch, cached: See `Batches`; `config` also gives the number of
            questions per photo.
        vocabulary: Vocabulary of the model.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        size: int,
        config: TrainingConfig,
        epoch: int,
        vocabulary: Vocabulary,
        cached: CachedViews | None = None,
    ) -> None:
        super().__init__(examples, size, config, epoch, cached)
        self.vocabulary = vocabulary
        self.steps = max(
            len(vocabulary.encode_pair(pair.question, pair.plain_answer)) - 1
            for example in examples
            for pair in (*example.qa_pairs, *self._quiz_pairs(example))
        )

    def _draw_order(self, rng: np.random.Generator) -> np.ndarray:
        return rng.permutation(len(self.examples))

    def _build(self, index: int, places: np.ndarray, rows: Sequence[int]) -> Batch:
        rng = np.random.default_rng([self.config.seed, self.epoch, index])
        encoded = [self._encode_some_pairs(self.examples[place], rng) for place in places]
        words, next_words, answers = (np.stack(arrays) for arrays in zip(*encoded, strict=True))
        loaded = [self._load(places[row], self._rng(index, row), self.size) for row in rows]
        inputs = _stack([image for image, _ in loaded])
        return (
            inputs | {"words": words[rows]},
            {"logits": next_words[rows]},
            {"logits": (answers / max(1.0, answers.sum()))[rows]},
        )

    def _encode_some_pairs(
        self, example: Example, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        pairs = list(example.qa_pairs)
        if quiz := self._quiz_pairs(example):
            pairs.append(quiz[rng.integers(len(quiz))])
        drawn = [pairs[place] for place in rng.permutation(len(pairs))[: self.config.questions]]
        texts = [(pair.question, pair.plain_answer) for pair in drawn]
        return encode_pairs(self.vocabulary, texts, (self.config.questions, self.steps))

    def _quiz_pairs(self, example: Example) -> list[QAPair]:
        """The questions of an example as answers to `QUIZ_PROMPT`, if the config asks for it."""
        if not self.config.quiz:
            return []
        return [
            QAPair(QUIZ_PROMPT, pair.question, "quiz", None, pair.by) for pair in example.questions
        ]


def encode_all_pairs(
    vocabulary: Vocabulary, photos: Sequence[Sequence[QAPair]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Encode questions and answers about some photos, see `encode_pairs`.

    Args:
        vocabulary: The model's vocabulary.
        photos: The questions and answers about each photo; their number may differ.

    Returns:
        The word ids, the ids of the next words, and the weights, (photos, questions, steps) each.
    """
    pairs = [[(pair.question, pair.plain_answer) for pair in photo] for photo in photos]
    lengths = [len(vocabulary.encode_pair(*pair)) - 1 for photo in pairs for pair in photo]
    shape = max(1, *map(len, pairs)), max(lengths, default=1)
    encoded = [encode_pairs(vocabulary, photo, shape) for photo in pairs]
    words, next_words, weights = (np.stack(arrays) for arrays in zip(*encoded, strict=True))
    return words, next_words, weights


def _stack(images: Sequence[Arrays]) -> Arrays:
    return {name: np.stack([image[name] for image in images]) for name in images[0]}


def encode_pairs(
    vocabulary: Vocabulary, pairs: Sequence[tuple[str, str]], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Encode questions and answers as inputs, targets and weights of the decoder.

    Args:
        vocabulary: Vocabulary of the model.
        pairs: Questions and answers.
        shape: Shape (questions, steps) of the arrays; the rest is padded with zeros.

    Returns:
        The word ids, the ids of the next words, and weights that are 1 where the next word belongs
        to the answer and 0 elsewhere.
    """
    words, next_words = np.zeros(shape, "int32"), np.zeros(shape, "int32")
    weights = np.zeros(shape, "float32")
    for row, (question, answer) in enumerate(pairs):
        ids = vocabulary.encode_pair(question, answer)
        length, prompt = len(ids) - 1, len(vocabulary.encode_prompt(question))
        words[row, :length], next_words[row, :length] = ids[:-1], ids[1:]
        weights[row, prompt - 1 : length] = 1.0
    return words, next_words, weights
