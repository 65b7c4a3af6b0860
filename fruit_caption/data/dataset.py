"""Reads the folder of a finished data set into the examples of each split.

FOLDER/
    images/             the photos
    qa.json             captions, questions and answers, see `qa`
    instances.json      boxes in COCO format, see `formats.coco`; optional
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import get_args

from fruit_caption.data.formats.coco import IMAGES, INSTANCES, read_coco
from fruit_caption.data.qa import CAPTION, QA_FILE, QUIZ_PROMPT, QAPair, read_qa
from fruit_caption.data.records import Photo, Split
from fruit_caption.language.fruits import FRUITS
from fruit_caption.language.questions import KINDS
from fruit_caption.language.vocabulary import Vocabulary
from fruit_caption.language.wordings import Wordings
from fruit_caption.utils.errors import DataError


@dataclass(frozen=True)
class Example:
    """A photo and its questions.

    Attributes:
        path: The picture file.
        name: Path of the picture, relative to the data set's folder of images.
        qa_pairs: The questions and answers; a caption comes last, see `PhotoQA.qa_pairs`.
        photo: The size and the boxes, or None if the data set has none for this photo.
    """

    path: Path
    name: str
    qa_pairs: tuple[QAPair, ...]
    photo: Photo | None = None

    @property
    def questions(self) -> tuple[QAPair, ...]:
        """The questions and answers without the caption."""
        return tuple(pair for pair in self.qa_pairs if pair.kind != CAPTION)


@dataclass(frozen=True)
class DataSet:
    """The examples of each split, and the fruits that they are about.

    Attributes:
        folder: Folder of the data set.
        splits: The examples of each split; the test splits may be empty.
        fruits: The fruits that the annotators looked for or, without boxes, that the questions
            are about.
        digest: Hash that changes whenever boxes or texts change.
    """

    folder: Path
    splits: dict[Split, list[Example]]
    fruits: tuple[str, ...]
    digest: str = ""

    def vocabulary(self, quiz: bool = False) -> Vocabulary:
        """Return the vocabulary of the training split.

        Args:
            quiz: Whether to include the words of `QUIZ_PROMPT`.
        """
        pairs = [pair for example in self.splits["train"] for pair in example.qa_pairs]
        texts = [text for pair in pairs for text in (pair.question, pair.plain_answer)]
        return Vocabulary.from_texts([*texts, QUIZ_PROMPT] if quiz else texts)

    @cached_property
    def wordings(self) -> Wordings:
        """The wordings of the questions about fruit and the captions to train on."""
        pairs = [pair for example in self.splits["train"] for pair in example.qa_pairs]
        questions = [
            (pair.question, kind, pair.fruit)
            for pair in pairs
            for kind in KINDS
            if pair.kind == kind
        ]
        return Wordings(questions, [pair.answer for pair in pairs if pair.kind == CAPTION])


def read_data(folder: Path) -> DataSet:
    """Read the folder of a data set.

    Raises:
        DataError: A file is missing or invalid, or the training or validation split is empty.
    """
    texts = read_qa(folder)
    photos: dict[Path, Photo] = {}
    if (folder / INSTANCES).is_file():
        annotated = read_coco(folder, check_pictures=False)
        photos = {photo.path: photo for photo in annotated.photos}
        fruits = tuple(sorted(annotated.listed))
    else:
        mentioned = {pair.fruit for text in texts for pair in text.qa_pairs}
        fruits = tuple(fruit for fruit in FRUITS if fruit in mentioned)
    splits: dict[Split, list[Example]] = {split: [] for split in get_args(Split)}
    for text in texts:
        path = folder / IMAGES / text.file_name
        splits[text.split].append(Example(path, text.file_name, text.qa_pairs, photos.get(path)))
    missing = [
        example.name
        for examples in splits.values()
        for example in examples
        if not example.path.is_file()
    ]
    if missing:
        raise DataError(f"{folder / IMAGES} lacks {len(missing)} photos, such as {missing[0]}.")
    for split, examples in splits.items():
        if split in ("train", "validation") and not examples:
            raise DataError(f"{folder} has no photo in its {split} split; it needs more photos.")
    return DataSet(folder, splits, fruits, _digest(folder))


def _digest(folder: Path) -> str:
    files = [folder / name for name in (QA_FILE, INSTANCES)]
    content = b"".join(file.read_bytes() for file in files if file.is_file())
    return hashlib.sha256(content).hexdigest()
