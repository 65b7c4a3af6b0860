"""A text that is wanted of a language model, and whether a draft of it is true."""

from __future__ import annotations

from dataclasses import dataclass

from fruit_caption.domain import Value
from fruit_caption.photos.records import Photo
from fruit_caption.writer import prompts
from fruit_caption.writer.checker import is_true, is_true_caption
from fruit_caption.writer.prompts import Task
from fruit_caption.writer.qa import MODEL, Item
from fruit_caption.writer.wishes import Wish


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
        return self.wish.kind if self.wish else "caption"

    @property
    def fruit(self) -> str | None:
        return self.wish.fruit if self.wish else None

    @property
    def value(self) -> Value | None:
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
