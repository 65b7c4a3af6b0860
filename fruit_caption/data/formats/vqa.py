"""Converts data sets to and from VQA v2 (Goyal et al., 2017, "Making the V in VQA Matter").

Each split has two files:

    FOLDER/
        train_questions.json
            {"questions": [{"question_id", "image_id", "question"}, ...],
             "images": [{"id", "file_name"}, ...]}
        train_annotations.json
            {"annotations": [{"question_id", "image_id", "question_type", "answer_type",
                              "multiple_choice_answer", "answers": [{"answer", ...}, ...]}, ...]}

Answers are short: "yes", "3", "apple and banana". In VQA v2, ten people answered each question;
here, all ten answers are the correct one. The list of images is an addition: in VQA v2, the name
of a picture ends in the number of its image.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from fruit_caption.data.formats.coco_files import IMAGES
from fruit_caption.data.formats.coco_rows import Id, read_rows, row_id
from fruit_caption.data.formats.common import one_line
from fruit_caption.data.formats.vqa_pictures import VqaPictures
from fruit_caption.data.qa import GRAMMAR, PhotoQA, QAPair, write_qa
from fruit_caption.data.records import Split
from fruit_caption.language import templates
from fruit_caption.language.answers import parse_answer
from fruit_caption.language.fruits import join_words
from fruit_caption.language.questions import Kind, Value, parse_question
from fruit_caption.utils.errors import DataError, OutOfDomain
from fruit_caption.utils.files import atomic_write, lock_folder, read_json, write_json
from fruit_caption.utils.paths import Unusable, encodable
from fruit_caption.utils.progress import Progress, no_progress, report_progress

VQA = "vqa"
"""Name of the folder of the written files within the folder of a data set."""

QUESTIONS, ANNOTATIONS = "questions.json", "annotations.json"
"""Suffixes of the file names."""

NUM_ANSWERS = 10
"""Number of answers per question."""

ANSWER_TYPES = {"presence": "yes/no", "count": "number", "total": "number"}
"""VQA v2's type of the answer to each kind of question; "other" for the remaining kinds."""

SPLITS: dict[str, Split] = {
    "train": "train",
    "val": "validation",
    "test": "test",
    "unseen": "unseen",
}
"""The split of a pair of files, by the part of the file name that tells it."""


@dataclass(frozen=True)
class ImportResult:
    """What was imported from files of VQA v2.

    Attributes:
        texts: The questions about fruit, by photo.
        ignored: Number of other questions.
        skipped: One line for each file, picture or row that is left out, with the reason.
    """

    texts: tuple[PhotoQA, ...]
    ignored: int
    skipped: tuple[str, ...] = ()


def write_vqa(folder: Path, texts: Sequence[PhotoQA]) -> Path:
    """Write the questions of a data set, without captions, as files of VQA v2.

    Args:
        folder: Folder of the data set; the files are written to its subfolder `vqa`.
        texts: The content of `qa.json`.

    Returns:
        The subfolder.

    Raises:
        FruitError: The files can't be written.
    """
    images = list(enumerate(sorted(texts, key=lambda text: text.file_name), start=1))
    for split in get_args(Split):
        in_split = [(image, text) for image, text in images if text.split == split]
        pairs = [
            (1000 * image + place, image, pair)
            for image, text in in_split
            for place, pair in enumerate(text.questions)
        ]
        if not pairs:
            continue
        header = {
            "data_type": "fruit",
            "data_subtype": split,
            "info": {"description": "Photos of fruit"},
        }
        questions = {
            "task_type": "Open-Ended",
            "questions": [
                {"question_id": number, "image_id": image, "question": pair.question}
                for number, image, pair in pairs
            ],
            "images": [{"id": image, "file_name": text.file_name} for image, text in in_split],
        }
        annotations = {"annotations": [_annotation(*numbered_pair) for numbered_pair in pairs]}
        write_json(folder / VQA / f"{split}_{QUESTIONS}", header | questions)
        write_json(folder / VQA / f"{split}_{ANNOTATIONS}", header | annotations)
    return folder / VQA


def _annotation(number: int, image: int, pair: QAPair) -> dict[str, Any]:
    answer = short_answer(pair)
    return {
        "question_id": number,
        "image_id": image,
        "question_type": pair.kind,
        "answer_type": ANSWER_TYPES.get(pair.kind, "other"),
        "multiple_choice_answer": answer,
        "answers": [
            {"answer": answer, "answer_confidence": "yes", "answer_id": person}
            for person in range(1, NUM_ANSWERS + 1)
        ],
    }


def short_answer(pair: QAPair) -> str:
    """Return an answer in the style of VQA v2: "yes", "3", "apple and banana", "nothing"."""
    value = parse_answer(pair.kind, pair.answer, pair.fruit)
    if value is None:
        return pair.answer  # not about fruit
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return join_words(sorted(value)) or "nothing"
    return str(value)


def import_vqa(source: Path, out: Path, progress: Progress = no_progress) -> ImportResult:
    """Make a data set of the questions about fruit in files of VQA v2.

    Questions and answers are reworded with the templates. Questions of other kinds, and those
    whose answer makes no sense, are ignored. Files without a partner, pictures that are missing or
    not clear, and contradictory rows are left out and listed.

    Args:
        source: Folder with the files, and with the pictures in it or in its subfolders. The file
            names must tell the split, see `SPLITS`.
        out: Folder of the new data set.
        progress: Receives status messages.

    Raises:
        DataError: No question is about fruit and can be used.
        FruitError: Another process has locked the folder, or it can't be written to.
    """
    if out.resolve().is_relative_to(source.resolve()):
        raise DataError(f"{out} lies in {source}; make the data set elsewhere.")
    importer = _Importer(source)
    for questions in _question_files(source):
        try:
            importer.read(questions, progress)
        except DataError as error:
            importer.skip(questions.name, error)
    if not importer.pairs_of:
        reason = "".join(f": {line.removesuffix('.')}" for line in importer.skipped[:1])
        raise DataError(f"{source} has no question about fruit that can be used{reason}.")
    with lock_folder(out):
        names = _new_names(sorted(importer.pairs_of), source)
        texts = []
        for picture, name in report_progress(list(names.items()), f"copying {source}", progress):
            with atomic_write(out / IMAGES / name) as draft:
                shutil.copyfile(picture, draft)
            split, pairs = importer.pairs_of[picture]
            texts.append(PhotoQA(name, split, None, tuple(pairs)))
        write_qa(out, texts, {"from": "VQA v2"})
    return ImportResult(tuple(texts), importer.ignored, tuple(importer.skipped))


class _Importer:
    """Collects the questions about fruit, by picture."""

    def __init__(self, source: Path) -> None:
        self.pairs_of: dict[Path, tuple[Split, list[QAPair]]] = {}
        self.ignored = 0
        self._source, self._finder = source, VqaPictures(source)
        # Many questions may lack the same picture, which is listed once.
        self._skipped: dict[str, None] = {}

    @property
    def skipped(self) -> list[str]:
        """One line for each thing that is left out."""
        return list(self._skipped)

    def skip(self, name: object, reason: object) -> None:
        """List something that is left out."""
        self._skipped[one_line(name, reason)] = None

    def read(self, questions: Path, progress: Progress) -> None:
        """Read a file of questions and the one of their answers.

        Raises:
            DataError: One of them is missing or invalid.
        """
        split = _split(questions)
        # In VQA v2, only the names of the files of questions contain "OpenEnded_".
        name = questions.name.replace("OpenEnded_", "").replace(QUESTIONS, ANNOTATIONS)
        answers = self._read_answers(questions.with_name(name))
        content = read_json(questions)
        rows = self._rows(questions, content, "questions")
        pictures = self._finder.start(questions, content)
        for row in report_progress(rows, f"reading {questions.name}", progress):
            number = row_id(row.get("question_id"))
            image, answer = answers.get(number, (None, "")) if number is not None else (None, "")
            pair = _parse_pair(row, answer)
            if pair is None:
                self.ignored += 1
                continue
            asked = row_id(row.get("image_id"))
            if image not in (None, asked):
                self.skip(f"question {number}", f"its answer is about image {image}, not {asked}")
                continue
            try:
                picture = pictures.find(asked)
            except Unusable as reason:
                self.skip(questions.name, reason)
                continue
            self._add(picture, split, pair)

    def _add(self, picture: Path, split: Split, pair: QAPair) -> None:
        first_split, pairs = self.pairs_of.setdefault(picture, (split, []))
        if first_split != split:
            name = picture.relative_to(self._source)
            self.skip(name, f"it is in two splits, {first_split} and {split}; the first counts")
        elif pair not in pairs:
            pairs.append(pair)

    def _read_answers(self, path: Path) -> dict[Id, tuple[Id | None, str]]:
        """Return the image and the answer of each question."""
        answers: dict[Id, tuple[Id | None, str]] = {}
        unclear: set[Id] = set()
        for row in self._rows(path, read_json(path), "annotations"):
            number = row_id(row.get("question_id"))
            answer = (row_id(row.get("image_id")), str(row.get("multiple_choice_answer", "")))
            if number is not None and answers.setdefault(number, answer) != answer:
                unclear.add(number)
        for number in unclear:
            self.skip(f"question {number}", f"{path.name} has two answers to it")
            del answers[number]
        return answers

    def _rows(self, path: Path, content: dict[str, Any], key: str) -> list[dict[str, Any]]:
        return read_rows(path, content, key, self.skip, "a file of VQA v2")


def _question_files(source: Path) -> list[Path]:
    paths = sorted(source.glob(f"*{QUESTIONS}"))
    if not paths:
        raise DataError(f"{source} has no file whose name ends in {QUESTIONS}.")
    return paths


def _split(questions: Path) -> Split:
    splits = [split for part, split in SPLITS.items() if part in questions.name]
    if len(splits) != 1:
        raise DataError(f"{questions}: the file name must contain one of {', '.join(SPLITS)}.")
    return splits[0]


def _parse_pair(row: dict[str, Any], short: str) -> QAPair | None:
    """Return a question in the words of the templates, or None if it can't be used."""
    try:
        question = parse_question(str(row.get("question", "")))
    except OutOfDomain:
        return None
    kind, fruit = question.kind, question.fruit
    if kind == "caption":
        return None
    value = _parse_short_answer(kind, short)
    if value is None:
        return None
    answer = templates.answer(kind, fruit, value)
    return QAPair(templates.question(kind, fruit), answer, kind, fruit, GRAMMAR)


def _parse_short_answer(kind: Kind, answer: str) -> Value | None:
    if kind == "presence":
        return {"yes": True, "no": False}.get(answer)
    if kind == "identify":
        return parse_answer(kind, "no fruit" if answer == "nothing" else answer)
    return parse_answer(kind, f"{answer} fruits")


def _new_names(pictures: Sequence[Path], source: Path) -> dict[Path, str]:
    """Return the names of pictures in the data set: no two are equal, and all can be encoded."""
    names: dict[str, Path] = {}
    for picture in pictures:
        home = source / IMAGES if picture.is_relative_to(source / IMAGES) else source
        plain = name = PurePosixPath(encodable(picture.relative_to(home).as_posix()))
        number = 1
        while str(name) in names:
            number += 1
            name = plain.with_stem(f"{plain.stem}-{number}")
        names[str(name)] = picture
    return {picture: name for name, picture in names.items()}
