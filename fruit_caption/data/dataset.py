"""From the files of a data set to the batches a model is trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from fruit_caption.config import TrainingConfig
from fruit_caption.data import features
from fruit_caption.data.augmentation import PLAIN, View, letterboxed, view_of
from fruit_caption.data.formats.coco import IMAGES, INSTANCES, read_coco
from fruit_caption.data.qa import CAPTION, GRAMMAR, QA, QUIZ, QAPair, read_qa
from fruit_caption.data.records import Photo, Split
from fruit_caption.language.fruits import FRUITS
from fruit_caption.language.vocabulary import Vocabulary
from fruit_caption.utils.errors import DataError


@dataclass(frozen=True)
class Example:
    """A photo, what is asked about it, and its boxes where it has any.

    Attributes:
        path: the picture file.
        name: its path in the data set's folder of images.
        items: the questions with their answers; a caption is the last.
        photo: its size and its boxes; `None` where the data set has none of it.
    """

    path: Path
    name: str
    items: tuple[QAPair, ...]
    photo: Photo | None = None


@dataclass(frozen=True)
class DataSet:
    """The examples of each split, and the kinds of fruit that are known of.

    Attributes:
        folder: that holds it.
        splits: the examples of each split, some of which may have none.
        fruits: the kinds that were looked for where boxes were drawn; without boxes, those that are
            asked about.
        digest: another for other boxes or texts.
    """

    folder: Path
    splits: dict[Split, list[Example]]
    fruits: tuple[str, ...]
    digest: str = ""

    def vocabulary(self, quiz: bool = False) -> Vocabulary:
        """The words of the training split: those of the other splits stay unknown."""
        items = [item for example in self.splits["train"] for item in example.items]
        texts = [text for item in items for text in (item.question, item.answer)]
        return Vocabulary.of([*texts, QUIZ] if quiz else texts)

    @property
    def is_varied(self) -> bool:
        """Whether a language model has written what is trained on, at least in part."""
        return any(item.by != GRAMMAR for example in self.splits["train"] for item in example.items)


def read_data(folder: Path) -> DataSet:
    """Read a folder that `fruit generate-data` made, or one of the same form without boxes.

    Raises:
        DataError: a file is missing or broken, or there is nothing to train on.
    """
    texts = read_qa(folder)
    photos: dict[Path, Photo] = {}
    # Without boxes, the kinds are those that are asked about; nothing teaches where they lie.
    asked = {item.fruit for text in texts for item in text.items()}
    fruits = tuple(fruit for fruit in FRUITS if fruit in asked)
    if (folder / INSTANCES).is_file():
        found = read_coco(folder, check_pictures=False)
        photos = {photo.path: photo for photo in found.photos}
        fruits = tuple(sorted(found.listed))
    splits: dict[Split, list[Example]] = {"train": [], "validation": [], "test": [], "unseen": []}
    for text in texts:
        path = folder / IMAGES / text.file_name
        splits[text.split].append(Example(path, text.file_name, text.items(), photos.get(path)))
    missing = [
        example.name for rows in splits.values() for example in rows if not example.path.is_file()
    ]
    if missing:
        raise DataError(f"{folder / IMAGES} lacks {len(missing)} photos, such as {missing[0]}.")
    needed: tuple[Split, ...] = ("train", "validation")
    for split in needed:
        if not splits[split]:
            raise DataError(f"{folder} has no photo in its {split} split; it needs more photos.")
    return DataSet(folder, splits, fruits, _digest(folder))


def _digest(folder: Path) -> str:
    files = [folder / name for name in (QA, INSTANCES)]
    content = b"".join(file.read_bytes() for file in files if file.is_file())
    return hashlib.sha256(content).hexdigest()


def density_maps(
    photo: Photo | None, fruits: Sequence[str], rows: int, columns: int, view: View = PLAIN
) -> np.ndarray:
    """Where each fruit lies in a view of a photo: for every box a blob that sums to 1.

    As Lempitsky & Zisserman 2010 ("Learning To Count Objects in Images") have it, so that a map
    sums to a count. A box that the view cuts off would still sum to 1; `views` cuts none.

    Args:
        photo: its boxes; of `None`, nothing is known.
        fruits: the kinds, one map each; without any there is one, which knows of none.
        rows: of the maps.
        columns: of the maps.
        view: what is shown of the photo.

    Returns:
        float32 (rows, columns, fruits); -1 for a kind of which the boxes don't prove the number.
    """
    maps = np.full((rows, columns, max(1, len(fruits))), -1.0, "float32")
    if photo is None:
        return maps
    for channel, fruit in enumerate(fruits):
        if photo.count(fruit) is not None:
            maps[:, :, channel] = 0.0
    for box, (left, top, width, height) in zip(photo.boxes, letterboxed(photo), strict=True):
        if photo.count(box.fruit) is not None:
            across = _bell(left - view.left, width, columns / view.side, columns)
            down = _bell(top - view.top, height, rows / view.side, rows)
            maps[:, :, fruits.index(box.fruit)] += np.outer(down, across)
    return maps[:, ::-1] if view.mirrored else maps


def _bell(start: float, length: float, scale: float, cells: int) -> np.ndarray:
    """A Gaussian over the cells of one side, about as wide as half the box, that sums to 1.

    `start` and `length` are the box's, in units of which one is `scale` cells.
    """
    center = (start + length / 2) * scale - 0.5
    width = max(0.5, length * scale / 4)
    bell = np.exp(-0.5 * ((np.arange(cells) - center) / width) ** 2)
    return bell / bell.sum()


def sequences(
    vocabulary: Vocabulary, texts: Sequence[tuple[str, str]], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the decoder learns from some questions and their answers.

    Args:
        vocabulary: of the model.
        texts: questions with their answers, at most as many as fit.
        shape: (questions, steps).

    Returns:
        words, the words that follow them, and weights: 1 where the next word is the answer's; all
        of the given shape, padded with zeros.
    """
    words, following = np.zeros(shape, "int32"), np.zeros(shape, "int32")
    weights = np.zeros(shape, "float32")
    for row, (question, answer) in enumerate(texts):
        sequence = vocabulary.sequence(question, answer)
        length, prompt = len(sequence) - 1, len(vocabulary.prompt(question))
        words[row, :length], following[row, :length] = sequence[:-1], sequence[1:]
        weights[row, prompt - 1 : length] = 1.0
    return words, following, weights


def _entering(seen: np.ndarray) -> dict[str, np.ndarray]:
    """By the name of the model's input: pixels, or what a frozen encoder saw in them."""
    if seen.dtype == np.uint8:
        return {"pixels": seen}
    return {"features": seen.astype("float32")}


Batch = tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]
"""Inputs, targets and weights, see `Batches`."""


class Batches(keras.utils.PyDataset):
    """One epoch of training: photos in a new order, each with a new choice of its questions.

    What an epoch holds depends on the seed and the epoch's number alone, so that a resumed
    training sees what an uninterrupted one would have.

    A batch is (inputs, targets, weights):
        `features` or `pixels` (batch, rows, columns, channels), `words` (batch, questions, steps);
        `logits` (batch, questions, steps), the next words, `density` (batch, rows, columns,
        fruits);
        `logits` (batch, questions, steps), the same where there is an answer and 0 elsewhere, and
        `density` (batch,); each adds up to 1, so that what the parts of a batch lose adds up to
        what the batch loses.

    Args:
        examples: what to train on.
        files: for each of the views that an example has, what `features.load` reads; each epoch
            shows one of them, drawn anew.
        vocabulary, fruits: of the model.
        grid: rows and columns of the model's density maps.
        config: seed, sizes of batches.
        epoch: the epoch's number.
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
            len(vocabulary.sequence(item.question, item.answer)) - 1
            for example in examples
            for item in (*example.items, *self._quiz(example.items))
        )

    def __len__(self) -> int:
        return -(-len(self.order) // self.config.batch_size)

    def __getitem__(self, index: int) -> Batch:
        return self.part(index, 0, 1)

    def part(self, index: int, number: int, parts: int) -> Batch:
        """A part of a batch, whose photos are dealt out one by one to those who train together.

        Args:
            index: of the batch.
            number: of the part, from 0 on.
            parts: how many there are.

        Returns:
            inputs, targets and weights as of a whole batch; where there are too few photos for
            all, a photo that has no weight.
        """
        rng = np.random.default_rng([self.config.seed, self.epoch, index])
        size = self.config.batch_size
        chosen = self.order[index * size : (index + 1) * size]
        views = [int(rng.integers(len(self.files[number]))) for number in chosen]
        sequences = [self._sequences(self.examples[number], rng) for number in chosen]
        words, following, weights = (np.stack(arrays) for arrays in zip(*sequences, strict=True))
        shares = {
            "logits": weights / max(1.0, weights.sum()),
            "density": np.full(len(chosen), 1 / len(chosen), "float32"),
        }
        mine = np.arange(len(chosen))[number::parts]
        if not len(mine):  # of a last batch with too few photos for all: one that counts nothing
            mine, shares = np.zeros(1, int), {name: 0 * share for name, share in shares.items()}
        shown = [(self.examples[chosen[one]], chosen[one], views[one]) for one in mine]
        seen = features.load([self.files[place][view] for _, place, view in shown])
        density = np.stack([self._density(example, view) for example, _, view in shown])
        return (
            {"words": words[mine], **_entering(seen)},
            {"logits": following[mine], "density": density},
            {name: share[mine] for name, share in shares.items()},
        )

    def _density(self, example: Example, view: int) -> np.ndarray:
        seen = view_of(example.name, example.photo, view)
        return density_maps(example.photo, self.fruits, *self.grid, seen)

    def _sequences(
        self, example: Example, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Words, next words and weights of a choice of an example's items, padded with zeros."""
        made_up = self._quiz(example.items)
        items = [*example.items, *([made_up[rng.integers(len(made_up))]] if made_up else [])]
        drawn = [items[number] for number in rng.permutation(len(items))[: self.config.questions]]
        texts = [(item.question, item.answer) for item in drawn]
        return sequences(self.vocabulary, texts, (self.config.questions, self.steps))

    def _quiz(self, items: Sequence[QAPair]) -> list[QAPair]:
        """Questions as answers, one of which each epoch teaches to make up questions."""
        if not self.config.quiz:
            return []
        return [
            QAPair(QUIZ, item.question, "quiz", None, item.by)
            for item in items
            if item.kind != CAPTION
        ]
