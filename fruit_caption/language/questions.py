"""Parses questions, and tells which of them the model answers by itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from fruit_caption.language import compositions
from fruit_caption.language.compositions import (
    EVERY,
    Compare,
    Count,
    Description,
    Group,
    Most,
    Node,
    Unseen,
    Which,
    named_fruits,
)
from fruit_caption.language.fruits import FRUITS, join_words, plural
from fruit_caption.language.grammar import Parser, Unreadable
from fruit_caption.language.lexicon import TOPICS, Token, read_tokens
from fruit_caption.utils.errors import OutOfDomain

Kind = Literal["count", "total", "identify", "presence"]
"""How many of one fruit, how many fruits, which fruits, and whether there is one."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Value = compositions.Value
"""The meaning of an answer: an int for `count` and `total`, a set of fruits for `identify`, a bool
for `presence`, any of them for a composed answer."""

MAX_QUESTION_LENGTH = 200
"""Maximum length of a question, in characters."""

_EXAMPLES = (
    "how many apples are there?",
    "which fruits are there?",
    "is there a banana?",
    "describe the photo",
)

_QUOTED_LENGTH = 60
"""Maximum number of characters of a question that an error message quotes."""


@dataclass(frozen=True)
class Question:
    """A question that the model answers by itself.

    Attributes:
        kind: What it asks for; "caption" for a description of the photo.
        fruit: The fruit that it asks about, if any.
    """

    kind: Kind | Literal["caption"]
    fruit: str | None = None


def fitting_questions(counts: Mapping[str, int]) -> list[str]:
    """Return questions that can be answered about a photo.

    Args:
        counts: The number of each fruit that it shows.
    """
    fruits = [*counts, *(fruit for fruit in ("apple", "banana") if fruit not in counts)]
    return [
        "which fruits are there?",
        *(f"how many {plural(fruit)} are there?" for fruit in list(counts)[:2]),
        f"are there any {plural(fruits[-1])}?",
    ]


def parse(text: str, previous: Node | None = None, fruits: Collection[str] = tuple(FRUITS)) -> Node:
    """Parse a free-form question; case, punctuation and small typos don't matter.

    Args:
        text: The question.
        previous: The question before it, which "and bananas?" or "how many?" continues.
        fruits: The fruits that can be asked about.

    Raises:
        OutOfDomain: If a word of it is not known, if its words don't make a question about the
            fruit in a photo, if it asks about another fruit, or if it is too long.
    """
    if len(text) > MAX_QUESTION_LENGTH:
        raise OutOfDomain(
            f"{_quote(text)} is too long: at most {MAX_QUESTION_LENGTH} characters are allowed.",
            examples=_EXAMPLES,
        )
    tokens = read_tokens(text)
    if any(token.kind == "unknown" for token in tokens):
        raise _unknown_words(text, tokens, fruits)
    for token in tokens:
        if token.fruit and token.fruit not in fruits:
            named = plural(token.fruit)
            raise OutOfDomain(f"This model was not trained on {named}; it {_known_fruits(fruits)}.")
    unseen = [token for token in tokens if token.kind in TOPICS]
    seen = [token for token in tokens if token.kind not in TOPICS]
    parser = Parser(seen, previous)
    try:
        node: Node | None = parser.question()
    except Unreadable:
        node = None
    if unseen:
        return Unseen(_cannot_tell(unseen[0], seen), _known(node))
    if node is None:
        raise _not_a_question(text, [token.text for token in parser.tokens[:1]])
    return node


def _unknown_words(text: str, tokens: Sequence[Token], fruits: Collection[str]) -> OutOfDomain:
    words = list(dict.fromkeys(token.text for token in tokens if token.kind == "unknown"))
    kinds = [token.kind for token in tokens]
    before = tokens[kinds.index("unknown") - 1]
    is_thing = before.kind in ("how many", "a") or before.text in ("any", "some", "there")
    if len(words) == 1 and is_thing and "fruit" not in kinds:
        return OutOfDomain(f'I don\'t know "{words[0]}"; the model {_known_fruits(fruits)}.')
    return _not_a_question(text, words)


def _not_a_question(text: str, words: Sequence[str]) -> OutOfDomain:
    named = join_words([f'"{word}"' for word in words])
    reason = f" (I don't understand {named})" if named else ""
    return OutOfDomain(
        f"{_quote(text)} is not a question about fruit that can be answered here{reason}.",
        examples=_EXAMPLES,
    )


def _known_fruits(fruits: Collection[str]) -> str:
    names = [plural(fruit) for fruit in fruits if fruit in FRUITS]
    examples = [name for name in ("apples", "bananas", "oranges") if name in names] or names[:3]
    if len(names) <= len(examples) + 1:
        return f"knows {join_words(names) or 'no fruit'}"
    return f"knows fruit such as {join_words(examples)}"


def _cannot_tell(word: Token, others: Sequence[Token]) -> str:
    fruits = [token.fruit for token in others if token.kind == "fruit"]
    noun = plural(fruits[0]) if fruits else "fruit"
    if word.opposite:
        return f"I can't tell {word.text} from {word.opposite} {noun}"
    if word.kind == "vague numbers":
        return f'I can\'t tell how many "{word.text}" is'
    return f'I can\'t tell {word.kind} ("{word.text}")'


def _known(node: Node | None) -> Node | None:
    """Return a question's tree without its restriction: what there is in all."""
    if node is None or isinstance(node, Description):
        return None
    if names := named_fruits(node):
        return Count(Group(names))
    return Which(EVERY) if isinstance(node, (Which, Most)) else Count(EVERY)


def parse_question(text: str) -> Question:
    """Parse a question of one of the four kinds or a request to describe the photo.

    Raises:
        OutOfDomain: If it is anything else, such as one that needs several answers.
    """
    node = parse(text)
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


def _quote(text: str) -> str:
    """Return a text in quotes, shortened to `_QUOTED_LENGTH` characters."""
    text = " ".join(text.split())
    if len(text) > _QUOTED_LENGTH:
        text = text[: _QUOTED_LENGTH - 1] + "…"
    return f'"{text}"'
