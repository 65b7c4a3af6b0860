"""The answer to a question about a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from fruit_caption.inference.points import Point
from fruit_caption.language.compositions import COMPOSED
from fruit_caption.language.questions import KINDS, Value
from fruit_caption.utils.images import PictureInput

if TYPE_CHECKING:
    from fruit_caption.inference.overlay import Overlay

VERY_SURE = 0.9
"""From this confidence on, an answer is called very sure."""


@dataclass(frozen=True)
class Alternative:
    """A candidate answer with another meaning than the one the model gave.

    Attributes:
        text: The candidate's text.
        value: Its meaning, of the same type as `Answer.value`; None for a caption.
        confidence: Product of the probabilities of its words, 0 to 1.
    """

    text: str
    value: Value | None
    confidence: float


@dataclass(frozen=True)
class FruitCount:
    """The number of fruits of one kind in a picture.

    Attributes:
        number: The number.
        confidence: Probability that it is right, 0 to 1.
        is_confident: Whether the confidence reaches the model's threshold, see `Answer`.
    """

    number: int
    confidence: float
    is_confident: bool


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to a question about a picture.

    Attributes:
        image: Path or URL of the picture, or "the picture" if it has neither.
        question: The question as it was asked.
        kind: Kind of the question: "count", "total", "identify", "presence" or "caption"; or
            "composed" if the answer follows from several answers of the model, such as to "are
            there more apples than pears?".
        fruit: The fruit that the question is about, or None if it is not about a single one.
        text: The answer, for example "there are two apples".
        value: Meaning of the text: an int for "count" and "total", a frozenset of fruit names for
            "identify", a bool for "presence", any of these for "composed". None for a caption, or
            if the text can't be parsed.
        confidence: Probability that the answer is true, 0 to 1, by this and other answers of the
            model about the picture (see `language.beliefs`). For a question of a data set that is
            not about fruit, the product of the words' probabilities.
        is_confident: Whether the confidence reaches the model's threshold. Answers below it were
            wrong more often than right on the validation photos.
        alternatives: Candidates with other values, the most probable first. Empty unless the
            answer was requested with `detailed=True`, as `Predictor.ask` does.
        words: The words that the model spoke; a comma is a word. Empty where the model did not
            speak the answer: for "composed", and where its own answer contradicted others.
        probabilities: Probability of each word, 0 to 1.
        attention: Attention weights of each word over the letterboxed picture, float32
            (words, rows, columns); each word's weights sum to 1. None without words, if the model
            has no attention, or if the answer was not requested with `detailed=True`.
        points: All fruits that were detected in the picture, sorted as by `Predictor.points`.
        fruits: Names of the fruits that the model can detect.
        picture: The picture that was asked about.
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
    points: tuple[Point, ...] = field(repr=False)
    fruits: tuple[str, ...] = field(repr=False)
    picture: PictureInput = field(repr=False)

    @property
    def sureness(self) -> str:
        """The confidence in words: "very sure", "fairly sure", or "a guess"."""
        if not self.is_confident:
            return "a guess"
        return "very sure" if self.confidence >= VERY_SURE else "fairly sure"

    @property
    def sentence(self) -> str:
        """The text as a sentence; it starts with "Not sure, perhaps" if not `is_confident`."""
        text = self.text if self.is_confident else f"not sure, perhaps {self.text}"
        return f"{text[:1].upper()}{text[1:]}." if self.text else "…"

    def to_json(self, alternatives: int = 0) -> dict[str, Any]:
        """Return the answer as a dictionary of plain JSON values.

        Args:
            alternatives: Maximum number of alternatives to include; 0 leaves out the key.

        Returns:
            The keys "image", "question", "kind", "fruit", "answer", "value" (a set of fruits as a
            sorted list), "confidence", "sure" (`is_confident`), and perhaps "alternatives". Answers
            about fruit, but not captions, also have "points": the detected fruits that the question
            is about, each with "fruit", "x", "y" and "confidence" (see `Point`).
        """
        content: dict[str, Any] = {
            "image": self.image,
            "question": self.question,
            "kind": self.kind,
            "fruit": self.fruit,
            **_to_json(self),
            "sure": self.is_confident,
        }
        if self.kind in (*KINDS, COMPOSED):
            content["points"] = [
                point.to_json() for point in self.points if self.fruit in (None, point.fruit)
            ]
        if alternatives:
            content["alternatives"] = list(map(_to_json, self.alternatives[:alternatives]))
        return content

    def show(self) -> Image.Image:
        """Return a drawing of what the answer is based on; a notebook displays it.

        It shows a mark on each detected fruit, and the attention map of each word. The marks are
        numbered; if the question is about one fruit, only its marks are, and others are smaller.

        Raises:
            PictureError: The picture can't be read any more.
        """
        return self._overlay().image()

    def save_overlay(self, path: Path) -> None:
        """Write the drawing that `show` returns as a transparent PNG.

        Args:
            path: The file to write.

        Raises:
            PictureError: The picture can't be read any more.
            FruitError: The file can't be written.
        """
        self._overlay().draw(path)

    def _overlay(self) -> Overlay:
        from fruit_caption.inference.overlay import Overlay  # imports matplotlib, which is slow

        return Overlay(
            picture=self.picture,
            title=(self.question, f"{self.text} ({100 * self.confidence:.0f} % sure)"),
            points=self.points,
            fruits=self.fruits,
            asked=self.fruit,
            words=self.words,
            probabilities=self.probabilities,
            attention=self.attention,
        )


def _to_json(answer: Answer | Alternative) -> dict[str, Any]:
    value = sorted(answer.value) if isinstance(answer.value, frozenset) else answer.value
    return {"answer": answer.text, "value": value, "confidence": round(answer.confidence, 4)}
