"""Questions, answers and captions: the records, and the file `qa.json` of a data set.

    {"info": {...},
     "photos": [{"file_name": "bowl.jpg",
                 "split": "train",
                 "caption": {"text": "two apples in a bowl", "by": "gpt2"},
                 "questions": [{"question": "how many apples are there?",
                                "answer": "there are two apples",
                                "kind": "count", "fruit": "apple", "by": "grammar"}]}]}

In data sets that `fruit generate-data` did not make, `caption`, `fruit` and the `by` of a question
may be missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from fruit_caption.data.records import Split
from fruit_caption.language import templates
from fruit_caption.language.answers import parse_answer, parse_mentions
from fruit_caption.language.questions import KINDS
from fruit_caption.language.vocabulary import split_words
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import LazyRows, read_json, write_json
from fruit_caption.utils.paths import Unusable, safe_relative_path

QA_FILE = "qa.json"

LANGUAGE_MODEL, GRAMMAR = "gpt2", "grammar"
"""Values of `by`: text by a language model (any, not only GPT-2), and text from templates."""

CAPTION = "caption"
"""The `kind` of a caption."""

CAPTION_PROMPT = "describe the photo"
"""The question whose answer is the caption."""

QUIZ_PROMPT = "ask a question"
"""The question whose answer is a question about the photo."""


@dataclass(frozen=True)
class QAPair:
    """A question about a photo and its reference answer.

    Attributes:
        question: The question.
        answer: The reference answer.
        kind: What the question asks for: one of `language.questions.KINDS`, `CAPTION`, or any
            other name in data sets that are not about fruit.
        fruit: The fruit that the question asks about, if any.
        by: Who wrote the text: `LANGUAGE_MODEL` or `GRAMMAR`.
    """

    question: str
    answer: str
    kind: str
    fruit: str | None
    by: str

    @cached_property
    def plain_answer(self) -> str:
        """The reference answer in the wording of the templates, if it is about fruit.

        Models learn answers in this one wording: among many, the probability of an answer's words
        would say more about its wording than about its truth.
        """
        if self.kind not in KINDS:
            return self.answer
        value = parse_answer(self.kind, self.answer, self.fruit)
        return self.answer if value is None else templates.answer(self.kind, self.fruit, value)

    def accepts(self, answer: str) -> bool:
        """Whether an answer means the same as the reference answer.

        Answers about fruit are compared as numbers, sets of fruits or booleans, captions by the
        fruits and numbers that they mention, and answers of other kinds word by word. Where a
        reference caption gives no number of a fruit, because it is unknown, any is accepted.
        """
        if self.kind in KINDS:
            value = parse_answer(self.kind, answer, self.fruit)
            return value is not None and value == parse_answer(self.kind, self.answer, self.fruit)
        if self.kind == CAPTION:
            mentions, expected = parse_mentions(answer), parse_mentions(self.answer)
            numbers = {mention.fruit: mention.number for mention in mentions}
            return len(mentions) == len(expected) and all(
                mention.fruit in numbers and mention.number in (None, numbers[mention.fruit])
                for mention in expected
            )
        return split_words(answer) == split_words(self.answer)


@dataclass(frozen=True)
class Caption:
    """A sentence that describes a photo.

    Attributes:
        text: The sentence.
        by: Who wrote it: `LANGUAGE_MODEL` or `GRAMMAR`.
    """

    text: str
    by: str


@dataclass(frozen=True)
class PhotoQA:
    """All texts about one photo.

    Attributes:
        file_name: Path of the photo, relative to the data set's folder of images.
        split: The split that the photo belongs to.
        caption: The caption, or None if the data set has no captions.
        questions: The questions with their answers.
    """

    file_name: str
    split: Split
    caption: Caption | None
    questions: tuple[QAPair, ...]

    @property
    def qa_pairs(self) -> tuple[QAPair, ...]:
        """The questions, followed by the caption as the answer to `CAPTION_PROMPT`."""
        if self.caption is None:
            return self.questions
        caption = QAPair(CAPTION_PROMPT, self.caption.text, CAPTION, None, self.caption.by)
        return (*self.questions, caption)


@dataclass(frozen=True)
class Prediction:
    """A model's answer to a question about a photo.

    Attributes:
        photo: Name of the photo, see `dataset.Example.name`.
        qa_pair: The question and its reference answer.
        answer: The predicted answer.
        confidence: The predicted probability that the answer is correct, 0 to 1.
    """

    photo: str
    qa_pair: QAPair
    answer: str
    confidence: float

    @property
    def correct(self) -> bool:
        """Whether the predicted answer means the same as the reference answer."""
        return self.qa_pair.accepts(self.answer)

    def to_json(self) -> dict[str, Any]:
        """Return the line of `answers.jsonl` as plain JSON values."""
        return {
            "photo": self.photo,
            "kind": self.qa_pair.kind,
            "fruit": self.qa_pair.fruit,
            "question": self.qa_pair.question,
            "truth": self.qa_pair.answer,
            "answer": self.answer,
            "confidence": round(self.confidence, 4),
            "correct": self.correct,
        }


def write_qa(folder: Path, texts: Iterable[PhotoQA], info: dict[str, Any]) -> None:
    """Write `qa.json`, one photo at a time to save memory.

    Args:
        folder: Folder of the data set.
        texts: The texts of each photo.
        info: How the texts were made, for the record.

    Raises:
        FruitError: The file can't be written.
    """
    photos = LazyRows(asdict(text) for text in texts)
    write_json(folder / QA_FILE, {"info": info, "photos": photos})


def read_qa(folder: Path) -> list[PhotoQA]:
    """Read `qa.json` from the folder of a data set.

    Raises:
        DataError: The file is missing, has another structure, or lists a photo twice.
    """
    path = folder / QA_FILE
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.", "no-data-set")
    rows = read_json(path).get("photos")
    if not isinstance(rows, list) or not rows:
        raise DataError(f'{path} must hold a list "photos" with at least one photo.')
    texts = [_parse_photo(path, number, row) for number, row in enumerate(rows, start=1)]
    if len({text.file_name for text in texts}) < len(texts):
        raise DataError(f"{path} lists a photo twice.")
    return texts


def _parse_photo(path: Path, number: int, row: Any) -> PhotoQA:
    try:
        if row["split"] not in get_args(Split):
            raise ValueError(f"split {row['split']!r} is none of {', '.join(get_args(Split))}")
        caption = row.get("caption")
        return PhotoQA(
            file_name=safe_relative_path(row["file_name"]),
            split=row["split"],
            caption=caption and Caption(_string(caption["text"]), _string(caption["by"])),
            questions=tuple(
                QAPair(
                    question=_string(question["question"]),
                    answer=_string(question["answer"]),
                    kind=_string(question["kind"]),
                    fruit=None if question.get("fruit") is None else _string(question["fruit"]),
                    by=_string(question.get("by", "")),
                )
                for question in row["questions"]
            ),
        )
    except (Unusable, KeyError, TypeError, ValueError, AttributeError) as error:
        name = row.get("file_name", "") if isinstance(row, dict) else ""
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DataError(f"{path}, photo {number} {name!r}: {reason}.") from None


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is not a string")
    return value
