"""Answers a person's question about a picture file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fruit_caption import domain
from fruit_caption.domain import Question, Value
from fruit_caption.errors import OutOfDomain
from fruit_caption.features import load_pixels
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import Spoken, look, speak
from fruit_caption.writer import grammar
from fruit_caption.writer.qa import Item


@dataclass(frozen=True)
class Answer:
    """An answer to a person's question; `value` is the number, fruits or yes/no that it means."""

    image: str
    question: str
    kind: str
    fruit: str | None
    answer: str
    value: Value | None
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """The answer as plain JSON values; a set of fruits is a sorted list."""
        value = sorted(self.value) if isinstance(self.value, frozenset) else self.value
        return asdict(self) | {"value": value, "confidence": round(self.confidence, 4)}


@dataclass(frozen=True)
class Watched:
    """An answer, and what the model saw and looked at while it gave it.

    Attributes:
        answer: what `ask` gives.
        spoken: the same word by word, with where the model looked.
        density: where it sees fruit, (rows, columns, fruits), each fruit's map summing to a count.
        fruits: the kinds, in the order of the maps.
    """

    answer: Answer
    spoken: Spoken
    density: np.ndarray
    fruits: tuple[str, ...]


def ask(model: Captioner, picture: Path, question: str) -> Answer:
    """Ask a model about a picture file.

    Raises:
        PictureError: the file can't be read as a picture.
        OutOfDomain: the question is not about fruit, or about one that the model never met.
    """
    return watch(model, picture, question).answer


def watch(model: Captioner, picture: Path, question: str) -> Watched:
    """Ask a model about a picture file, and watch it answer; raises the same as `ask`."""
    asked, text = read_for(model, question)
    return _watch(model, picture, question, asked.kind, asked.fruit, text)


def watch_words(model: Captioner, picture: Path, item: Item) -> Watched:
    """The same for a question of a data set, asked in its own words, of whatever kind.

    Raises:
        PictureError: the file can't be read as a picture.
    """
    return _watch(model, picture, item.question, item.kind, item.fruit, item.question)


def _watch(
    model: Captioner, picture: Path, question: str, kind: str, fruit: str | None, text: str
) -> Watched:
    seen = look(model, load_pixels([picture], model.config.image_size))
    spoken = speak(model, seen, [[text]], watch=True)[0][0]
    value = domain.read_answer(kind, spoken.text, fruit)
    answer = Answer(str(picture), question, kind, fruit, spoken.text, value, spoken.confidence)
    return Watched(answer, spoken, seen["density"][0], model.fruits)


def read_for(model: Captioner, question: str) -> tuple[Question, str]:
    """A person's question as read, and in words that the model learnt.

    Raises:
        OutOfDomain: it is not about fruit, or about a fruit that the model never met.
    """
    asked = domain.read_question(question)
    text = grammar.ask(asked.kind, asked.fruit)
    if asked.fruit is not None and asked.fruit not in model.fruits:
        known = domain.listed([domain.plural(fruit) for fruit in model.fruits])
        raise OutOfDomain(
            f"This model never met {domain.plural(asked.fruit)}, so it can't tell. "
            f"It knows {known}."
        )
    return asked, text
