"""A text that is wanted of a language model, whether a draft of it is true, and how many were."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fruit_caption.data.qa import MODEL, Item
from fruit_caption.data.records import Photo
from fruit_caption.datagen.checker import is_true, is_true_caption
from fruit_caption.datagen.language_model import prompts
from fruit_caption.datagen.language_model.prompts import Task
from fruit_caption.datagen.question_specs import Wish
from fruit_caption.language.domain import Value

Text = str | Item | None
"""A caption, a question with its answer, or nothing, where no draft was proven."""


@dataclass
class Tally:
    """How writing went: for each task how many drafts were written and how many of them proven,
    and how many tokens all drafts have.
    """

    written: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    tokens: int = 0

    def add(self, other: Tally) -> None:
        """Count what was written elsewhere, too."""
        self.written += other.written
        self.accepted += other.accepted
        self.tokens += other.tokens


@dataclass(frozen=True)
class Request:
    """A text that is wanted of the model: a caption, or a question with its answer.

    Attributes:
        name: of the photo.
        photo: the photo.
        wish: the question, or `None` for a caption.
    """

    name: str
    photo: Photo
    wish: Wish | None

    @property
    def task(self) -> Task:
        """What kind of text is wanted."""
        return self.wish.kind if self.wish else "caption"

    @property
    def fruit(self) -> str | None:
        """The fruit that is asked about, if the question is about one."""
        return self.wish.fruit if self.wish else None

    @property
    def value(self) -> Value | None:
        """The right answer; `None` for a caption."""
        return self.wish.value if self.wish else None

    def proven(self, text: str) -> str | Item | None:
        """What a draft says, if the boxes prove it: a caption, or a question with its answer."""
        if self.wish is None:
            return text.strip() if is_true_caption(text.strip(), self.photo) else None
        halves = prompts.parted(text)
        if halves is None:
            return None
        item = Item(*halves, self.wish.kind, self.wish.fruit, MODEL)
        return item if is_true(item, self.photo) else None
