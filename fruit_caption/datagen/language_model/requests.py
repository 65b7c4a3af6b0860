"""The texts that a language model is asked to write, and statistics of how it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fruit_caption.data.qa import LANGUAGE_MODEL, QAPair
from fruit_caption.data.records import Photo
from fruit_caption.datagen.checker import is_true, is_true_caption
from fruit_caption.datagen.language_model.prompts import Task, split_pair
from fruit_caption.datagen.question_specs import QuestionSpec
from fruit_caption.language.questions import Value

Text = str | QAPair | None
"""A caption, a question with its answer, or None if no correct one was generated."""


@dataclass(frozen=True)
class TextRequest:
    """A text to write: a caption, or a question with its answer.

    Attributes:
        name: The name of the photo.
        photo: The photo that the text is about.
        spec: The question, or None for a caption.
    """

    name: str
    photo: Photo
    spec: QuestionSpec | None

    @property
    def task(self) -> Task:
        """The kind of text."""
        return self.spec.kind if self.spec else "caption"

    @property
    def fruit(self) -> str | None:
        """The fruit that the question is about, if any."""
        return self.spec.fruit if self.spec else None

    @property
    def value(self) -> Value | None:
        """The correct answer; None for a caption."""
        return self.spec.value if self.spec else None

    def verify(self, text: str) -> Text:
        """Parse a completion and return its text if the boxes confirm it, else None."""
        if self.spec is None:
            return text.strip() if is_true_caption(text.strip(), self.photo) else None
        parts = split_pair(text)
        if parts is None:
            return None
        pair = QAPair(*parts, self.spec.kind, self.spec.fruit, LANGUAGE_MODEL)
        return pair if is_true(pair, self.photo) else None


@dataclass
class GenerationStats:
    """Numbers of generated texts and tokens.

    Attributes:
        written: The number of completions of each task.
        accepted: The number of completions of each task that the boxes confirmed.
        tokens: The number of tokens of all completions.
    """

    written: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    tokens: int = 0

    def add(self, other: GenerationStats) -> None:
        """Add the numbers of another run."""
        self.written += other.written
        self.accepted += other.accepted
        self.tokens += other.tokens
