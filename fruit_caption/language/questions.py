"""The kinds of question that the model answers, and the questions that ask for one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from fruit_caption.language import compositions, grammar
from fruit_caption.language.compositions import (
    EVERY,
    Compare,
    Count,
    Description,
    Node,
    Unseen,
    Which,
)
from fruit_caption.utils.errors import OutOfDomain

Kind = Literal["count", "total", "identify", "presence"]
"""How many of one fruit, how many fruits, which fruits, and whether there is one."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Value = compositions.Value
"""The meaning of an answer: an int for `count` and `total`, a set of fruits for `identify`, a bool
for `presence`, any of them for a composed answer."""

MAX_QUESTION_LENGTH = grammar.MAX_QUESTION_LENGTH


@dataclass(frozen=True)
class Question:
    """A question that the model answers by itself.

    Attributes:
        kind: What it asks for; "caption" for a description of the photo.
        fruit: The fruit that it asks about, if any.
    """

    kind: Kind | Literal["caption"]
    fruit: str | None = None


def parse_question(text: str) -> Question:
    """Parse a question of one of the four kinds or a request to describe the photo.

    Raises:
        OutOfDomain: If it is anything else, such as one that needs several answers.
    """
    node = grammar.parse(text)
    if isinstance(node, Unseen):
        raise OutOfDomain(f"{node.reason}.")
    question = as_question(node)
    if question is None:
        raise OutOfDomain(f'"{text}" asks for more than one thing.')
    return question


def as_question(node: Node) -> Question | None:
    """Return the question that the model answers by itself, or None if it needs several answers."""
    if isinstance(node, Description):
        return Question("caption")
    if node == Which(EVERY):
        return Question("identify")
    if isinstance(node, Compare) and node.sign == ">=" and node.right == 1:
        kind: Kind = "presence"
        amount = node.left
    elif isinstance(node, Count):
        kind, amount = "count", node
    else:
        return None
    if not isinstance(amount, Count):
        return None
    if amount.group == EVERY:
        return Question("total" if kind == "count" else kind)
    if amount.group.others or len(amount.group.names) != 1:
        return None
    return Question(kind, amount.group.names[0])
