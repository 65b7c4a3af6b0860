"""Proves what a writer writes against the boxes. What can't be proved is thrown away."""

from __future__ import annotations

from fruit_caption.domain import (
    Kind,
    Mention,
    Question,
    Value,
    read_answer,
    read_mentions,
    read_question,
)
from fruit_caption.errors import OutOfDomain
from fruit_caption.photos.records import Photo
from fruit_caption.writer.qa import Item


def truth(photo: Photo, kind: Kind, fruit: str | None = None) -> Value | None:
    """The right answer to a question, or `None` where the boxes can't tell.

    Returns:
        int for `count` and `total`, frozenset of fruits for `identify`, bool for `presence`.
    """
    if kind == "count":
        return photo.count(fruit) if fruit else None
    if kind == "total":
        return photo.total()
    if kind == "identify":
        return frozenset(photo.fruits) if photo.exhaustive else None
    if photo.fruits if fruit is None else fruit in photo.fruits:
        return True
    listed = fruit is None or fruit in photo.listed
    return False if photo.exhaustive and listed else None


def is_true(item: Item, photo: Photo) -> bool:
    """Whether a question asks what it is meant to and its answer is right."""
    try:
        question = read_question(item.question)
    except OutOfDomain:
        return False
    if question != Question(question.kind, item.fruit) or question.kind != item.kind:
        return False
    right = truth(photo, question.kind, question.fruit)
    return right is not None and read_answer(item.kind, item.answer, item.fruit) == right


def is_true_caption(text: str, photo: Photo) -> bool:
    """Whether a caption names exactly the fruits that are boxed, each once with its number.

    A fruit whose number is unknown must be named without one.
    """
    mentions = read_mentions(text)
    if not photo.fruits:
        return photo.exhaustive and mentions == [Mention(None, 0)]
    said = {mention.fruit: mention.number for mention in mentions}
    return len(said) == len(mentions) and said == photo.counts()
