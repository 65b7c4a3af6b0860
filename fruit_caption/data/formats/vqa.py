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

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from fruit_caption.data.formats.coco import IMAGES
from fruit_caption.data.formats.common import find_images
from fruit_caption.data.qa import GRAMMAR, PhotoQA, QAPair, write_qa
from fruit_caption.data.records import Split
from fruit_caption.language import templates
from fruit_caption.language.answers import parse_answer
from fruit_caption.language.fruits import join_words
from fruit_caption.language.questions import Kind, Value, parse_question
from fruit_caption.utils.errors import DataError, OutOfDomain
from fruit_caption.utils.files import atomic_write, lock_folder, read_json, write_json
from fruit_caption.utils.paths import Unusable, check_within, safe_relative_path
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
    """

    texts: tuple[PhotoQA, ...]
    ignored: int


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
    whose answer makes no sense, are ignored.

    Args:
        source: Folder with the files, and with the pictures in it or in its subfolders. The file
            names must tell the split, see `SPLITS`.
        out: Folder of the new data set.
        progress: Receives status messages.

    Raises:
        DataError: A file is missing or invalid, a picture is missing, or no question is about
            fruit.
        FruitError: Another process has locked the folder, or it can't be written to.
    """
    if out.resolve().is_relative_to(source.resolve()):
        raise DataError(f"{out} lies in {source}; make the data set elsewhere.")
    pairs_of: dict[Path, tuple[Split, list[QAPair]]] = {}
    ignored = 0
    for split, path, answers in _read_files(source):
        pictures = _find_pictures(source, path)
        for row in report_progress(_rows(path, "questions"), f"reading {path.name}", progress):
            pair = _parse_pair(row, answers)
            if pair is None:
                ignored += 1
                continue
            picture = pictures.get(_id(row, "image_id"))
            if picture is None:
                raise DataError(f"{source} lacks the picture of image {row.get('image_id')!r}.")
            first_split, pairs = pairs_of.setdefault(picture, (split, []))
            if first_split != split:
                raise DataError(f"{picture} is in two splits, {first_split} and {split}.")
            pairs.append(pair)
    if not pairs_of:
        raise DataError(f"{source} has no question about fruit that can be used.")
    with lock_folder(out):
        texts = [
            PhotoQA(_copy_picture(picture, source, out), split, None, tuple(pairs))
            for picture, (split, pairs) in report_progress(
                sorted(pairs_of.items()), f"copying {source}", progress
            )
        ]
        write_qa(out, texts, {"from": "VQA v2"})
    return ImportResult(tuple(texts), ignored)


def _read_files(source: Path) -> Iterator[tuple[Split, Path, dict[Any, str]]]:
    """Yield the split, the path and the answers by question id of each file of questions."""
    paths = sorted(source.glob(f"*{QUESTIONS}"))
    if not paths:
        raise DataError(f"{source} has no file whose name ends in {QUESTIONS}.")
    for path in paths:
        splits = [split for part, split in SPLITS.items() if part in path.name]
        if len(splits) != 1:
            raise DataError(f"{path}: the file name must contain one of {', '.join(SPLITS)}.")
        # In VQA v2, only the names of the files of questions contain "OpenEnded_".
        name = path.name.replace("OpenEnded_", "").replace(QUESTIONS, ANNOTATIONS)
        answers = {
            _id(row, "question_id"): str(row.get("multiple_choice_answer", ""))
            for row in _rows(source / name, "annotations")
        }
        yield splits[0], path, answers


def _rows(path: Path, key: str) -> list[dict[str, Any]]:
    rows = read_json(path).get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f'{path} is not a file of VQA v2: "{key}" must be a list of objects.')
    return rows


def _id(row: dict[str, Any], key: str) -> int | str | None:
    """Return the id of a question or an image; some tools write it as a string."""
    value = row.get(key)
    return value if isinstance(value, (int, str)) else None


def _find_pictures(source: Path, questions: Path) -> dict[Any, Path]:
    """Return the picture of each image id: as listed, or else by the number in its name."""
    rows = read_json(questions).get("images")
    if not isinstance(rows, list):
        numbers = ((re.search(r"\d+$", path.stem), path) for path in find_images(source))
        return {int(number.group()): path for number, path in numbers if number}
    pictures = {}
    for row in rows:
        try:
            name = safe_relative_path(row["file_name"])
            files = [path for path in (source / IMAGES / name, source / name) if path.is_file()]
            pictures[_id(row, "id")] = check_within(files[0], source)
        except (Unusable, KeyError, TypeError, IndexError, OSError) as error:
            raise DataError(f"{questions}: an image can't be used: {error}.") from None
    return pictures


def _parse_pair(row: dict[str, Any], answers: dict[Any, str]) -> QAPair | None:
    """Return a question in the words of the templates, or None if it can't be used."""
    try:
        question = parse_question(str(row.get("question", "")))
    except OutOfDomain:
        return None
    kind, fruit = question.kind, question.fruit
    if kind == "caption":
        return None
    value = _parse_short_answer(kind, answers.get(_id(row, "question_id"), ""))
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


def _copy_picture(picture: Path, source: Path, out: Path) -> str:
    """Copy a picture into the data set and return its name there."""
    images = source / IMAGES
    name = picture.relative_to(images if picture.is_relative_to(images) else source)
    with atomic_write(out / IMAGES / name) as draft:
        shutil.copyfile(picture, draft)
    return name.as_posix()
