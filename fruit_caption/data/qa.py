"""`qa.json`: the captions, questions and answers of a data set, and who wrote each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from fruit_caption.data.records import Split
from fruit_caption.language.answers import parse_answer, parse_mentions
from fruit_caption.language.questions import KINDS
from fruit_caption.language.vocabulary import split_words
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import LazyRows, read_json, write_json
from fruit_caption.utils.paths import Unusable, safe_relative_path

QA = "qa.json"
CAPTION = "caption"
MODEL, GRAMMAR = "gpt2", "grammar"
"""Who wrote a text: a language model, whichever it is, or rules."""
DESCRIBE = "describe the photo"
"""The question whose answer is the caption."""
QUIZ = "ask a question"
"""What is said to a model that is to make up a question, which is then its answer."""


@dataclass(frozen=True)
class QAPair:
    """A question about a photo and its answer.

    `kind` is one of `language.questions.KINDS` (others pass through: any data set trains), `fruit` is what
    the question is about where it is about one, `by` is `gpt2` (any language model) or `grammar`.
    """

    question: str
    answer: str
    kind: str
    fruit: str | None
    by: str


@dataclass(frozen=True)
class Caption:
    """What a photo shows, in words, and who wrote it."""

    text: str
    by: str


@dataclass(frozen=True)
class PhotoQA:
    """All that is said about one photo; `file_name` is its path in the folder of images.

    `caption` is None in data sets of others that have none.
    """

    file_name: str
    split: Split
    caption: Caption | None
    questions: tuple[QAPair, ...]

    def items(self) -> tuple[QAPair, ...]:
        """The questions, and the caption as the answer to one more."""
        if self.caption is None:
            return self.questions
        caption = QAPair(DESCRIBE, self.caption.text, CAPTION, None, self.caption.by)
        return (*self.questions, caption)


def write_qa(folder: Path, texts: Iterable[PhotoQA], info: dict[str, Any]) -> None:
    """Write `folder/qa.json`, text by text as they come."""
    write_json(folder / QA, {"info": info, "photos": LazyRows(asdict(text) for text in texts)})


def read_qa(folder: Path) -> list[PhotoQA]:
    """Read `folder/qa.json`.

    Raises:
        DataError: it is missing or not of the published form; the message names the photo.
    """
    path = folder / QA
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.", "no-data-set")
    rows = read_json(path).get("photos")
    if not isinstance(rows, list) or not rows:
        raise DataError(f'{path} must hold a list "photos" with at least one photo.')
    texts = [_photo_text(path, place, row) for place, row in enumerate(rows)]
    if len({text.file_name for text in texts}) < len(texts):
        raise DataError(f"{path} names a photo twice.")
    return texts


def _photo_text(path: Path, place: int, row: Any) -> PhotoQA:
    try:
        if row["split"] not in get_args(Split):
            raise ValueError(f"split {row['split']!r} is none of {', '.join(get_args(Split))}")
        caption = row.get("caption")
        return PhotoQA(
            file_name=safe_relative_path(row["file_name"]),
            split=row["split"],
            caption=caption and Caption(_text(caption["text"]), _text(caption["by"])),
            questions=tuple(
                QAPair(
                    question=_text(item["question"]),
                    answer=_text(item["answer"]),
                    kind=_text(item["kind"]),
                    fruit=None if item.get("fruit") is None else _text(item["fruit"]),
                    by=_text(item.get("by", "")),
                )
                for item in row["questions"]
            ),
        )
    except (Unusable, KeyError, TypeError, ValueError, AttributeError) as error:
        name = row.get("file_name", "") if isinstance(row, dict) else ""
        raise DataError(
            f"{path}, photo {place + 1} {name!r} is not of the form needed: {error}."
        ) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is not text")
    return value


@dataclass(frozen=True)
class Prediction:
    """One question about a photo, its true answer and the answer given.

    Attributes:
        photo: the name of the photo, see `dataset.Example`.
        item: the question and its true answer.
        answer: what was answered.
        confidence: how sure whoever answered is, 0 to 1.
    """

    photo: str
    item: QAPair
    answer: str
    confidence: float

    @property
    def correct(self) -> bool:
        """Whether the answer means what the true answer means."""
        return means_same(self.item, self.answer)

    def to_json(self) -> dict[str, Any]:
        """The row as it stands in `answers.jsonl`."""
        return {
            "photo": self.photo,
            "kind": self.item.kind,
            "fruit": self.item.fruit,
            "question": self.item.question,
            "truth": self.item.answer,
            "answer": self.answer,
            "confidence": round(self.confidence, 4),
            "correct": self.correct,
        }


def means_same(item: QAPair, answer: str) -> bool:
    """Whether an answer has the meaning of an item's true answer.

    Answers of our kinds are compared as numbers, sets and yes/no; captions by the fruits and
    numbers they name; those of any other kind word by word.
    """
    if item.kind in KINDS:
        said = parse_answer(item.kind, answer, item.fruit)
        return said is not None and said == parse_answer(item.kind, item.answer, item.fruit)
    if item.kind == CAPTION:
        said_mentions, true_mentions = parse_mentions(answer), parse_mentions(item.answer)
        return len(said_mentions) == len(true_mentions) and set(said_mentions) == set(true_mentions)
    return split_words(answer) == split_words(item.answer)
