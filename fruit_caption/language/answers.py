"""Parses answers and captions back into numbers, sets of fruits, and yes or no.

The checker, the metrics and the predictor all read answers here, so that "right" means the same
everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from fruit_caption.language.fruits import split_letters
from fruit_caption.language.questions import Value
from fruit_caption.language.words import ANY_FRUIT, read_number, read_words

_NO = frozenset("no none not isnt arent cant cannot dont doesnt didnt".split())


@dataclass(frozen=True)
class Mention:
    """A fruit that a text names, and the number it gives it (`None`: no number).

    `fruit` is `None` where the text says just "fruit".
    """

    fruit: str | None
    number: int | None


def parse_mentions(text: str) -> list[Mention]:
    """The fruits that a text names, in order, each with the number in front of it.

    "two red apples and a pear" gives two apples and one pear; "no fruit" gives zero of no kind;
    "a photo of apples" gives apples without a number.
    """
    mentions: list[Mention] = []
    number: int | None = None
    article = False
    for word in read_words(text):
        if word.fruit or word.spelling in ANY_FRUIT:
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
    """Read an answer back: a number, the set of fruits, or yes/no.

    Args:
        kind: what was asked (one of `KINDS`).
        text: the answer, such as "there are three apples".
        fruit: what it was asked about. An answer about another fruit is no answer.

    Returns:
        int for `count` and `total`, frozenset of fruits for `identify`, bool for `presence`;
        `None` where the text does not say, contradicts itself, or speaks of something else.
    """
    if kind in ("count", "total"):
        return _read_number(text, fruit)
    mentions = parse_mentions(text)
    if kind == "identify":
        named = frozenset(mention.fruit for mention in mentions if mention.fruit)
        nothing = [mention for mention in mentions if mention.fruit is None and mention.number == 0]
        denied = any(mention.number == 0 for mention in mentions if mention.fruit)
        return None if denied or bool(named) == bool(nothing) else named
    if kind == "presence":
        return _read_yes_or_no(text, fruit, mentions)
    return None


def _read_number(text: str, fruit: str | None) -> int | None:
    mentions = parse_mentions(text)
    if any(mention.fruit != fruit for mention in mentions if mention.fruit):
        return None
    numbers = {number for word in split_letters(text) if (number := read_number(word)) is not None}
    numbers |= {mention.number for mention in mentions if mention.number is not None}
    return numbers.pop() if len(numbers) == 1 else None


def _read_yes_or_no(text: str, fruit: str | None, mentions: list[Mention]) -> bool | None:
    if any(mention.fruit not in (None, fruit) for mention in mentions):
        return None
    words = split_letters(text)
    says_no = not _NO.isdisjoint(words)
    says_yes = "yes" in words or (bool(mentions) and not says_no)
    # "no, there is an apple" contradicts itself; there, "no" is no number of apples.
    rest = parse_mentions(text.lower().strip().removeprefix("no,"))
    torn = says_no and any((mention.number or 0) > 0 for mention in rest)
    return None if torn or says_yes == says_no else says_yes
