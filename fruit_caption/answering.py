"""Answers a person's question about a picture file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fruit_caption import domain
from fruit_caption.domain import Question, Value
from fruit_caption.errors import OutOfDomain
from fruit_caption.features import load_pixels
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import look, speak
from fruit_caption.writer import grammar


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


def ask(model: Captioner, picture: Path, question: str) -> Answer:
    """Ask a model about a picture file.

    Raises:
        PictureError: the file can't be read as a picture.
        OutOfDomain: the question is not about fruit, or about one that the model never met.
    """
    asked, text = read_for(model, question)
    seen = look(model, load_pixels([picture], model.config.image_size))
    spoken = speak(model, seen, [[text]])[0][0]
    value = domain.read_answer(asked.kind, spoken.text, asked.fruit)
    return Answer(
        str(picture), question, asked.kind, asked.fruit, spoken.text, value, spoken.confidence
    )


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
