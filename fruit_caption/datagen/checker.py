"""Checks generated texts against the boxes of their photo.

The parsers in `language` are lenient because people phrase things freely. A generated text must
also say nothing beyond what they parse: no doubts, no denials, and no numbers or properties that
boxes can't confirm.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from fruit_caption.data.qa import QAPair
from fruit_caption.data.records import Photo
from fruit_caption.language.answers import Mention, parse_answer, parse_mentions
from fruit_caption.language.fruits import FRUITS, NUMBER_WORDS
from fruit_caption.language.questions import parse_question
from fruit_caption.language.words import read_number
from fruit_caption.utils.errors import OutOfDomain

MAX_WORDS = 40
"""Maximum number of words of a text."""

_PLAIN = re.compile(r"[a-z0-9 ,.:;!?'\-]+")
_ABOVE_ONE = "|".join([*NUMBER_WORDS[2:], r"[2-9]|[1-9]\d+"])
_NUMBER = re.compile(rf"\b({_ABOVE_ONE})\b")
_DOUBTFUL = re.compile(
    r"\b(or|if|never|nothing|neither|nor|without|missing|except|minus|maybe|perhaps|possibly|"
    r"probably|might|may|could|would|should|gone|eaten|dozens?|hundreds?|several|many|few|more|"
    r"fewer|less|another|other|others)\b"
)
_HEDGED = re.compile(
    rf"\b(not|no|about|around|over|under|nearly|almost|roughly|least|most|up to|than)"
    rf" ({_ABOVE_ONE}|one|an?|zero|no)\b"
)
_DENIED = re.compile(r"\b(not|isn'?t|aren'?t|can'?t|cannot|don'?t|doesn'?t|didn'?t|won'?t)\b")
_PLURALS = "|".join(plural for fruit, plural in FRUITS.items() if plural != fruit)
_SINGULAR_WITH_PLURAL = re.compile(rf"\b(an?|one) ([a-z'\-]+ )?({_PLURALS})\b")
"""Ungrammatical: a singular article with a plural, such as "a fresh cherries"."""
_NARROWING = re.compile(
    r"\b(red|green|yellow|orange coloured|purple|brown|white|black|pink|ripe|unripe|rotten|fresh|"
    r"big|bigger|biggest|large|small|little|tiny|whole|half|halves|cut|sliced|peeled|left|right|top|"
    r"bottom|front|behind|under|beside|near|not|other|more|fewer|less|without|except)\b"
)


def is_true(pair: QAPair, photo: Photo) -> bool:
    """Return whether a question asks what it is meant to ask and its answer is correct."""
    try:
        question = parse_question(pair.question)
    except OutOfDomain:
        return False
    if question.kind == "caption" or (question.kind, question.fruit) != (pair.kind, pair.fruit):
        return False
    truth = photo.true_answer(question.kind, question.fruit)
    if truth is None or parse_answer(pair.kind, pair.answer, pair.fruit) != truth:
        return False
    fruits = [mention.fruit for mention in parse_mentions(pair.answer)]
    if pair.kind == "identify" and len(set(fruits)) < len(fruits):
        return False  # "apple, kiwi and apple"
    numbers = [truth] if isinstance(truth, int) and truth > 1 else []
    is_denial = truth == 0  # or False
    return _asks_no_more(pair.question) and _says_no_more(pair.answer, numbers, is_denial)


def is_true_caption(text: str, photo: Photo) -> bool:
    """Return whether a caption names exactly the fruits with boxes, each once with its number.

    A fruit whose number is unknown must be named without a number.
    """
    mentions = parse_mentions(text)
    numbers = [number for mention in mentions if (number := mention.number or 0) > 1]
    if not _says_no_more(text, numbers, is_denial=not photo.fruits):
        return False
    if not photo.fruits:
        return photo.exhaustive and mentions == [Mention(None, 0)]
    counts = {mention.fruit: mention.number for mention in mentions}
    return len(counts) == len(mentions) and counts == photo.counts()


def _asks_no_more(question: str) -> bool:
    """Return whether a question asks about the whole photo and assumes nothing about it."""
    return _is_plain(question) and not _NUMBER.search(question) and not _NARROWING.search(question)


def _says_no_more(text: str, numbers: Sequence[int], is_denial: bool) -> bool:
    """Return whether a statement has exactly these numbers above one, no doubts and no hedges.

    Negations are only allowed if the correct statement is a denial.
    """
    found = [read_number(word) for word in _NUMBER.findall(text)]
    return (
        _is_plain(text)
        and Counter(found) == Counter(numbers)
        and not _DOUBTFUL.search(text)
        and not _SINGULAR_WITH_PLURAL.search(text)
        and not _HEDGED.search(text)
        and (is_denial or not _DENIED.search(text))
    )


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and len(text.split()) <= MAX_WORDS
