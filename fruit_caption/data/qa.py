"""`qa.json`: the captions, questions and answers of a data set, and who wrote each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from fruit_caption.data.formats.common import Unusable, inside
from fruit_caption.data.records import Split
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import Rows, read_json, write_json

QA = "qa.json"
CAPTION = "caption"
MODEL, GRAMMAR = "gpt2", "grammar"
"""Who wrote a text: a language model, whichever it is, or rules."""
DESCRIBE = "describe the photo"
"""The question whose answer is the caption."""
QUIZ = "ask a question"
"""What is said to a model that is to make up a question, which is then its answer."""


@dataclass(frozen=True)
class Item:
    """A question about a photo and its answer.

    `kind` is one of `domain.KINDS` (others pass through: any data set trains), `fruit` is what
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
class PhotoText:
    """All that is said about one photo; `file_name` is its path in the folder of images.

    `caption` is None in data sets of others that have none.
    """

    file_name: str
    split: Split
    caption: Caption | None
    questions: tuple[Item, ...]

    def items(self) -> tuple[Item, ...]:
        """The questions, and the caption as the answer to one more."""
        if self.caption is None:
            return self.questions
        caption = Item(DESCRIBE, self.caption.text, CAPTION, None, self.caption.by)
        return (*self.questions, caption)


def write_qa(folder: Path, texts: Iterable[PhotoText], info: dict[str, Any]) -> None:
    """Write `folder/qa.json`, text by text as they come."""
    write_json(folder / QA, {"info": info, "photos": Rows(asdict(text) for text in texts)})


def read_qa(folder: Path) -> list[PhotoText]:
    """Read `folder/qa.json`.

    Raises:
        DataError: it is missing or not of the published form; the message names the photo.
    """
    path = folder / QA
    if not path.is_file():
        raise DataError(f"{path}: there is no such file. `fruit generate-data` makes one.")
    rows = read_json(path).get("photos")
    if not isinstance(rows, list) or not rows:
        raise DataError(f'{path} must hold a list "photos" with at least one photo.')
    texts = [_photo_text(path, place, row) for place, row in enumerate(rows)]
    if len({text.file_name for text in texts}) < len(texts):
        raise DataError(f"{path} names a photo twice.")
    return texts


def _photo_text(path: Path, place: int, row: Any) -> PhotoText:
    try:
        if row["split"] not in get_args(Split):
            raise ValueError(f"split {row['split']!r} is none of {', '.join(get_args(Split))}")
        caption = row.get("caption")
        return PhotoText(
            file_name=inside(row["file_name"]),
            split=row["split"],
            caption=caption and Caption(_text(caption["text"]), _text(caption["by"])),
            questions=tuple(
                Item(
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
