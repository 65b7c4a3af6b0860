"""Batches for `keras.Model.fit`: cached features or pixels, words, and density maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from fruit_caption.config import TrainingConfig
from fruit_caption.data.augmentation import (
    IDENTITY,
    Augmentation,
    draw_augmentation,
    letterbox_boxes,
)
from fruit_caption.data.dataset import Example
from fruit_caption.data.features import load_cached
from fruit_caption.data.qa import CAPTION, QUIZ_PROMPT, QAPair
from fruit_caption.data.records import Photo
from fruit_caption.language.vocabulary import Vocabulary

Batch = tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]
"""Inputs, targets and weights, see `Batches`."""


class Batches(keras.utils.PyDataset):
    """The batches of one epoch: photos in random order, with a random choice of their QA pairs.

    They depend only on the seed and the number of the epoch, so a resumed training gets the same
    batches as an uninterrupted one.

    A batch is a tuple of three dictionaries:

    - Inputs: "features" or "pixels" (photos, rows, columns, channels) and "words" (photos,
      questions, steps), the word ids of questions and answers.
    - Targets: "logits" (photos, questions, steps), the ids of the next words, and "density"
      (photos, rows, columns, fruits), see `density_maps`.
    - Weights: "logits" (photos, questions, steps), which are zero except for the answers, and
      "density" (photos,). Each sums to 1 over the batch, so that the losses of its shards sum to
      its loss.

    Args:
        examples: The photos and questions to train on.
        files: For each example, one file per augmentation, which `features.load_cached` reads.
            Each epoch uses a randomly chosen one.
        vocabulary: Vocabulary of the model.
        fruits: Fruits of the model's density maps.
        grid: Number of rows and columns of the density maps.
        config: Gives the seed, the batch size and the number of questions per photo.
        epoch: Number of the epoch.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        files: Sequence[Sequence[Path]],
        vocabulary: Vocabulary,
        fruits: Sequence[str],
        grid: tuple[int, int],
        config: TrainingConfig,
        epoch: int,
    ) -> None:
        super().__init__(workers=1, max_queue_size=4)
        self.examples, self.files = examples, files
        self.vocabulary, self.fruits, self.grid = vocabulary, fruits, grid
        self.config, self.epoch = config, epoch
        self.order = np.random.default_rng([config.seed, epoch]).permutation(len(examples))
        self.steps = max(
            len(vocabulary.encode_pair(pair.question, pair.answer)) - 1
            for example in examples
            for pair in (*example.qa_pairs, *self._quiz_pairs(example))
        )

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
        rng = np.random.default_rng([self.config.seed, self.epoch, index])
        size = self.config.batch_size
        chosen = self.order[index * size : (index + 1) * size]
        augmentations = [int(rng.integers(len(self.files[place]))) for place in chosen]
        encoded = [self._encode_some_pairs(self.examples[place], rng) for place in chosen]
        words, next_words, answers = (np.stack(arrays) for arrays in zip(*encoded, strict=True))
        weights = {
            "logits": answers / max(1.0, answers.sum()),
            "density": np.full(len(chosen), 1 / len(chosen), "float32"),
        }
        rows = np.arange(len(chosen))[shard::num_shards]
        if not len(rows):  # The last batch may have fewer photos than shards.
            rows, weights = np.zeros(1, int), {name: 0 * array for name, array in weights.items()}
        cached = load_cached([self.files[chosen[row]][augmentations[row]] for row in rows])
        density = [self._density(self.examples[chosen[row]], augmentations[row]) for row in rows]
        is_pixels = cached.dtype == np.uint8
        image = {"pixels": cached} if is_pixels else {"features": cached.astype("float32")}
        return (
            {"words": words[rows], **image},
            {"logits": next_words[rows], "density": np.stack(density)},
            {name: array[rows] for name, array in weights.items()},
        )

    def _density(self, example: Example, index: int) -> np.ndarray:
        augmentation = draw_augmentation(example.name, example.photo, index)
        return density_maps(example.photo, self.fruits, *self.grid, augmentation)

    def _encode_some_pairs(
        self, example: Example, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        pairs = list(example.qa_pairs)
        if quiz := self._quiz_pairs(example):
            pairs.append(quiz[rng.integers(len(quiz))])
        drawn = [pairs[place] for place in rng.permutation(len(pairs))[: self.config.questions]]
        texts = [(pair.question, pair.answer) for pair in drawn]
        return encode_pairs(self.vocabulary, texts, (self.config.questions, self.steps))

    def _quiz_pairs(self, example: Example) -> list[QAPair]:
        """The questions of an example as answers to `QUIZ_PROMPT`, if the config asks for it."""
        if not self.config.quiz:
            return []
        return [
            QAPair(QUIZ_PROMPT, pair.question, "quiz", None, pair.by)
            for pair in example.qa_pairs
            if pair.kind != CAPTION
        ]


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


def density_maps(
    photo: Photo | None,
    fruits: Sequence[str],
    rows: int,
    columns: int,
    augmentation: Augmentation = IDENTITY,
) -> np.ndarray:
    """Draw a map for each fruit in which every box is a blob that sums to 1.

    The sum of a map is the number of fruits (Lempitsky & Zisserman, 2010, "Learning To Count
    Objects in Images"), because augmentations never cut a box.

    Args:
        photo: The photo with its boxes, or None if nothing is known about it.
        fruits: The fruits, one map each. Without any, the result has one map of unknown numbers.
        rows: Number of rows of the maps.
        columns: Number of columns of the maps.
        augmentation: How the photo is augmented.

    Returns:
        float32 array (rows, columns, fruits), which is -1 for fruits whose number is unknown.
    """
    maps = np.full((rows, columns, max(1, len(fruits))), -1.0, "float32")
    if photo is None:
        return maps
    for channel, fruit in enumerate(fruits):
        if photo.count(fruit) is not None:
            maps[:, :, channel] = 0.0
    side = augmentation.side
    for box, (left, top, width, height) in zip(photo.boxes, letterbox_boxes(photo), strict=True):
        if photo.count(box.fruit) is not None:
            across = _gaussian(left - augmentation.left, width, columns / side, columns)
            down = _gaussian(top - augmentation.top, height, rows / side, rows)
            maps[:, :, fruits.index(box.fruit)] += np.outer(down, across)
    return maps[:, ::-1] if augmentation.mirrored else maps


def _gaussian(start: float, length: float, scale: float, cells: int) -> np.ndarray:
    """Return a Gaussian over one side of the grid that sums to 1, for one side of a box.

    Args:
        start: Where the box starts.
        length: Length of the box's side.
        scale: Number of grid cells per unit of `start` and `length`.
        cells: Number of grid cells.
    """
    center = (start + length / 2) * scale - 0.5
    deviation = max(0.5, length * scale / 4)
    values = np.exp(-0.5 * ((np.arange(cells) - center) / deviation) ** 2)
    return values / values.sum()
