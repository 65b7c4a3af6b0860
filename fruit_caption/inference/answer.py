"""An answer about a picture, how sure it is, and what it was seen by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from fruit_caption.language.questions import Value
from fruit_caption.utils.images import Picture


@dataclass(frozen=True)
class Alternative:
    """What the model would have said next: its likeliest wording of another value.

    Attributes:
        text: its words.
        value: what they mean, as of an `Answer`; None for a caption.
        confidence: the product of the words' probabilities, 0 to 1.
    """

    text: str
    value: Value | None
    confidence: float


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer, how sure the model is of it, and where it looked.

    Attributes:
        image: the picture's path or address, or "the picture" if it has none.
        question: as it was asked.
        kind: "count", "total", "identify", "presence" or "caption".
        fruit: the kind of fruit that the question is about, or None.
        text: the model's words.
        value: what they mean: int for count and total, frozenset of fruits for identify, bool for
            presence; None for a caption, or where they make no sense.
        confidence: the product of the words' probabilities and that of its end, 0 to 1.
        is_confident: False where answers of such a confidence are more likely wrong than right.
        alternatives: the runners-up, each of another value, the likeliest first; none unless
            it was asked detailed, as `ask` does.
        words: the text word by word; a comma is a word.
        probabilities: of each word, 0 to 1.
        attention: where it looked for each word, float32 (words, rows, columns), each word's
            weights summing to 1 over the letterboxed square; None for a model without attention,
            or if it was not asked detailed.
        density: where it sees fruit, (rows, columns, fruits), each fruit's map summing to a count.
        fruits: the kinds, in the order of the maps.
        picture: what was asked about.
    """

    image: str
    question: str
    kind: str
    fruit: str | None
    text: str
    value: Value | None
    confidence: float
    is_confident: bool
    alternatives: tuple[Alternative, ...]
    words: tuple[str, ...] = field(repr=False)
    probabilities: tuple[float, ...] = field(repr=False)
    attention: np.ndarray | None = field(repr=False)
    density: np.ndarray = field(repr=False)
    fruits: tuple[str, ...] = field(repr=False)
    picture: Picture = field(repr=False)

    @property
    def sentence(self) -> str:
        """The text with a capital and a full stop, after "Not sure, perhaps" if it isn't."""
        text = self.text if self.is_confident else f"not sure, perhaps {self.text}"
        return f"{text[:1].upper()}{text[1:]}." if self.text else "…"

    def to_json(self, runners_up: int = 0) -> dict[str, Any]:
        """The answer as plain JSON values, a set of fruits as a sorted list.

        Args:
            runners_up: how many of the alternatives are told, too.
        """
        content: dict[str, Any] = {
            "image": self.image,
            "question": self.question,
            "kind": self.kind,
            "fruit": self.fruit,
            **_told(self.text, self.value, self.confidence),
            "sure": self.is_confident,
        }
        if runners_up:
            content["alternatives"] = [
                _told(other.text, other.value, other.confidence)
                for other in self.alternatives[:runners_up]
            ]
        return content

    def show(self) -> Image.Image:
        """Draw where it sees fruit and where it looked; a notebook shows the image.

        Raises:
            PictureError: the picture can't be read any more.
        """
        from fruit_caption.inference.overlay import overlay

        return overlay(self)


def _told(text: str, value: Value | None, confidence: float) -> dict[str, Any]:
    plain = sorted(value) if isinstance(value, frozenset) else value
    return {"answer": text, "value": plain, "confidence": round(confidence, 4)}
