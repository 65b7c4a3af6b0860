"""Parses answers and captions into numbers, sets of fruits, and yes or no.

The data checker, the metrics and the predictor all use these parsers, so an answer is correct for
one exactly if it is correct for the others.
"""

from __future__ import annotations

from dataclasses import dataclass

from fruit_caption.language.questions import Value
from fruit_caption.language.words import GENERIC_NAMES, ascii_words, read_number, read_words

_NEGATIONS = frozenset("no none not isnt arent cant cannot dont doesnt didnt".split())


@dataclass(frozen=True)
class Mention:
    """A fruit that a text names.

    Attributes:
        fruit: One of `FRUITS`, or None where the text only says "fruit".
        number: The number that the text gives for it, or None if it gives none.
    """

    fruit: str | None
    number: int | None


def parse_mentions(text: str) -> list[Mention]:
    """Return the fruits that a text names, in order, each with the number in front of it.

    "two red apples and a pear" gives two apples and one pear; "no fruit" gives zero of no
    specific fruit; "a photo of apples" gives apples without a number.
    """
    mentions: list[Mention] = []
    number: int | None = None
    article = False
    for word in read_words(text):
        if word.fruit or word.spelling in GENERIC_NAMES:
            if article and number is None and word.singular:
                number = 1
            mentions.append(Mention(word.fruit, number))
            number, article = None, False
        elif word.spelling in ("a", "an"):
            article = True
        elif (value := read_number(word.spelling)) is not None:
            number = value
        elif word.spelling in ("and", "or", "with", "of"):
            number, article = None, False
    return mentions


def parse_answer(kind: str, text: str, fruit: str | None = None) -> Value | None:
    """Parse an answer into a number, a set of fruits, or a boolean.

    Args:
        kind: The kind of the question (one of `KINDS`).
        text: The answer, such as "there are three apples".
        fruit: The fruit that the question is about, if any. An answer about another fruit is
            not an answer to the question.

    Returns:
        An int for `count` and `total`, a frozenset of fruits for `identify`, a bool for
        `presence`; None if the text does not answer the question or contradicts itself.
    """
    if kind in ("count", "total"):
        return _parse_number(text, fruit)
    if kind == "identify":
        return _parse_fruits(text)
    if kind == "presence":
        return _parse_yes_or_no(text, fruit)
    return None


def _parse_number(text: str, fruit: str | None) -> int | None:
    mentions = parse_mentions(text)
    if any(mention.fruit != fruit for mention in mentions if mention.fruit):
        return None
    numbers = {read_number(word) for word in ascii_words(text)}
    numbers |= {mention.number for mention in mentions}
    numbers.discard(None)
    return numbers.pop() if len(numbers) == 1 else None


def _parse_fruits(text: str) -> frozenset[str] | None:
    mentions = parse_mentions(text)
    fruits = frozenset(mention.fruit for mention in mentions if mention.fruit)
    says_no_fruit = Mention(None, 0) in mentions
    denies_a_fruit = any(mention.number == 0 for mention in mentions if mention.fruit)
    return None if denies_a_fruit or bool(fruits) == says_no_fruit else fruits


def _parse_yes_or_no(text: str, fruit: str | None) -> bool | None:
    mentions = parse_mentions(text)
    if any(mention.fruit not in (None, fruit) for mention in mentions):
        return None
    words = ascii_words(text)
    says_no = not _NEGATIONS.isdisjoint(words)
    says_yes = "yes" in words or (bool(mentions) and not says_no)
    # "no, there is an apple" contradicts itself. Its "no" is not a number of apples.
    rest = parse_mentions(text.lower().strip().removeprefix("no,"))
    contradicts = says_no and any((mention.number or 0) > 0 for mention in rest)
    return None if contradicts or says_yes == says_no else says_yes
