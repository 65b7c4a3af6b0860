"""Data sets as files of VQA v2, for other people's tools, and from them.

    questions.json     {"questions": [{"question_id", "image_id", "question"}, …], "images": […]}
    annotations.json   {"annotations": [{"question_id", "image_id", "question_type", "answer_type",
                       "multiple_choice_answer", "answers": [{"answer", …}, … ten]}, …]}

A pair for each split, as Goyal et al. 2017 ("Making the V in VQA Matter") published theirs.
Answers are short there: "yes", "3", "apple and banana". Ten people gave those of VQA v2; ours are
proven, so that ten would agree. `images` (`id` and `file_name`, as COCO has them) is our addition:
VQA v2's pictures are found by the number in which their names end.
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
from fruit_caption.utils.progress import Progress, counted, no_progress

VQA = "vqa"
QUESTIONS, ANNOTATIONS = "questions.json", "annotations.json"
PEOPLE = 10
TYPES = {"presence": "yes/no", "count": "number", "total": "number"}
"""What VQA v2 calls an answer to a kind of question; else it is "other"."""
SPLITS: dict[str, Split] = {
    "train": "train",
    "val": "validation",
    "test": "test",
    "unseen": "unseen",
}
"""The split of a pair of files, by what its name holds."""


@dataclass(frozen=True)
class Imported:
    """What was taken from files of VQA v2, and how many questions are none about fruit."""

    texts: tuple[PhotoQA, ...]
    left_out: int


# Out -----------------------------------------------------------------------------------------


def write_vqa(folder: Path, texts: Sequence[PhotoQA]) -> Path:
    """Write the questions of a data set, without captions, as files of VQA v2.

    Args:
        folder: of the data set, in whose subfolder `vqa` they are filed.
        texts: what `qa.json` holds.

    Returns:
        the subfolder.
    """
    numbered = list(enumerate(sorted(texts, key=lambda text: text.file_name), start=1))
    for split in get_args(Split):
        rows = [(number, text) for number, text in numbered if text.split == split]
        asked = [
            (1000 * number + place, number, item)
            for number, text in rows
            for place, item in enumerate(text.questions)
        ]
        if asked:
            _write_pair(folder / VQA, split, rows, asked)
    return folder / VQA


def _write_pair(
    out: Path,
    split: Split,
    rows: Sequence[tuple[int, PhotoQA]],
    asked: Sequence[tuple[int, int, QAPair]],
) -> None:
    about = {
        "data_type": "fruit",
        "data_subtype": split,
        "info": {"description": "Photos of fruit"},
    }
    questions = [
        {"question_id": number, "image_id": image, "question": item.question}
        for number, image, item in asked
    ]
    images = [{"id": number, "file_name": text.file_name} for number, text in rows]
    write_json(
        out / f"{split}_{QUESTIONS}",
        about | {"task_type": "Open-Ended", "questions": questions, "images": images},
    )
    annotations = [
        {
            "question_id": number,
            "image_id": image,
            "question_type": item.kind,
            "answer_type": TYPES.get(item.kind, "other"),
            "multiple_choice_answer": short(item),
            "answers": [
                {"answer": short(item), "answer_confidence": "yes", "answer_id": person}
                for person in range(1, PEOPLE + 1)
            ],
        }
        for number, image, item in asked
    ]
    write_json(out / f"{split}_{ANNOTATIONS}", about | {"annotations": annotations})


def short(item: QAPair) -> str:
    """An answer in as few words as VQA v2's have: "yes", "3", "apple and banana", "nothing"."""
    value = parse_answer(item.kind, item.answer, item.fruit)
    if value is None:
        return item.answer  # of another domain than fruit
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return join_words(sorted(value)) or "nothing"
    return str(value)


# In ------------------------------------------------------------------------------------------


def import_vqa(source: Path, out: Path, progress: Progress = no_progress) -> Imported:
    """Make a data set of the questions about fruit in files of VQA v2.

    Questions and answers are put in plain words, those in which a model is asked; whatever is not
    one of the questions that can be asked here, or has an answer that makes no sense, is left out.

    Args:
        source: holds pairs of files whose names end in `questions.json` and `annotations.json`
            and hold "train", "val" or "test", and the pictures, as deep as one likes.
        out: the folder to make.
        progress: told in words what is being done.

    Raises:
        DataError: a file is missing or of another form, a picture is missing, or no question is
            about fruit.
        FruitError: another process is at work in the folder, or it can't be written to.
    """
    if out.resolve().is_relative_to(source.resolve()):
        raise DataError(f"{out} lies in {source}; make the data set elsewhere.")
    found: dict[Path, tuple[Split, list[QAPair]]] = {}
    left_out = 0
    for split, questions, answers in _pairs(source):
        pictures = _pictures(source, questions)
        for row in counted(_rows(questions, "questions"), f"reading {questions.name}", progress):
            item = _item(row, answers)
            if item is None:
                left_out += 1
                continue
            picture = pictures.get(_number(row, "image_id"))
            if picture is None:
                raise DataError(f"{source} lacks the picture of image {row.get('image_id')!r}.")
            first, items = found.setdefault(picture, (split, []))
            if first != split:
                raise DataError(f"{picture} is in two splits, {first} and {split}.")
            items.append(item)
    if not found:
        raise DataError(f"{source} holds no question about fruit that can be asked here.")
    with lock_folder(out):
        texts = [
            PhotoQA(_copied(picture, source, out), split, None, tuple(items))
            for picture, (split, items) in counted(
                sorted(found.items()), f"copying {source}", progress
            )
        ]
        write_qa(out, texts, {"from": "VQA v2"})
    return Imported(tuple(texts), left_out)


def _pairs(source: Path) -> Iterator[tuple[Split, Path, dict[Any, str]]]:
    """The files of questions, each with its split and the answer to every question."""
    files = sorted(source.glob(f"*{QUESTIONS}"))
    if not files:
        raise DataError(f"{source} holds no file whose name ends in {QUESTIONS}.")
    for questions in files:
        splits = [split for part, split in SPLITS.items() if part in questions.name]
        if len(splits) != 1:
            raise DataError(f"{questions}: its name must hold one of {', '.join(SPLITS)}.")
        # VQA v2 calls the one v2_OpenEnded_mscoco_train2014_questions.json, the other without
        # OpenEnded.
        name = questions.name.replace("OpenEnded_", "").replace(QUESTIONS, ANNOTATIONS)
        rows = _rows(source / name, "annotations")
        yield (
            splits[0],
            questions,
            {
                _number(row, "question_id"): str(row.get("multiple_choice_answer", ""))
                for row in rows
            },
        )


def _rows(path: Path, name: str) -> list[dict[str, Any]]:
    rows = read_json(path).get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f'{path} is no file of VQA v2: "{name}" must be a list of objects.')
    return rows


def _number(row: dict[str, Any], name: str) -> int | str | None:
    """By which a question or a picture is called; some tools write numbers as text."""
    number = row.get(name)
    return number if isinstance(number, (int, str)) else None


def _pictures(source: Path, questions: Path) -> dict[Any, Path]:
    """Where the picture of each image lies: where the file says so, or by its name's number."""
    rows = read_json(questions).get("images")
    if not isinstance(rows, list):
        numbers = ((re.search(r"\d+$", path.stem), path) for path in find_images(source))
        return {int(number.group()): path for number, path in numbers if number}
    places = {}
    for row in rows:
        try:
            name = safe_relative_path(row["file_name"])
            files = [path for path in (source / IMAGES / name, source / name) if path.is_file()]
            places[_number(row, "id")] = check_within(files[0], source)
        except (Unusable, KeyError, TypeError, IndexError, OSError) as error:
            raise DataError(f"{questions}: an image can't be used: {error}.") from None
    return places


def _item(row: dict[str, Any], answers: dict[Any, str]) -> QAPair | None:
    """A question in plain words, if it is one about fruit and has an answer."""
    try:
        asked = parse_question(str(row.get("question", "")))
    except OutOfDomain:
        return None
    if asked.kind == "caption":
        return None
    value = _value(asked.kind, answers.get(_number(row, "question_id"), ""))
    if value is None:
        return None
    question = templates.question(asked.kind, asked.fruit)
    return QAPair(
        question, templates.answer(asked.kind, asked.fruit, value), asked.kind, asked.fruit, GRAMMAR
    )


def _value(kind: Kind, answer: str) -> Value | None:
    """What one of VQA v2's short answers means."""
    if kind == "presence":
        return {"yes": True, "no": False}.get(answer)
    if kind == "identify":
        return parse_answer(kind, "no fruit" if answer == "nothing" else answer)
    return parse_answer(kind, f"{answer} fruits")


def _copied(picture: Path, source: Path, out: Path) -> str:
    """The name that a picture gets among those of the data set."""
    home = source / IMAGES if picture.is_relative_to(source / IMAGES) else source
    name = picture.relative_to(home)
    with atomic_write(out / IMAGES / name) as draft:
        shutil.copyfile(picture, draft)
    return name.as_posix()
