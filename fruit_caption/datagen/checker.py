"""Proves what a writer writes against the boxes. What can't be proved is thrown away.

`language` reads kindly, since people write as they like; here a text must also be one that says
nothing beyond what was read: no confidence_threshold, no denial, no number or property that no box can prove.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fruit_caption.data.qa import QAPair
from fruit_caption.data.records import Photo, true_answer
from fruit_caption.language.answers import Mention, parse_answer, parse_mentions
from fruit_caption.language.fruits import FRUITS, NUMBER_WORDS
from fruit_caption.language.questions import parse_question
from fruit_caption.utils.errors import OutOfDomain

MAX_WORDS = 40
"""A longer text says more than it was asked for."""

_PLAIN = re.compile(r"[a-z0-9 ,.:;!?'\-]+")
_MANY = "|".join([*NUMBER_WORDS[2:], r"[2-9]|[1-9]\d+"])
_NUMBER = re.compile(rf"\b({_MANY})\b")
_DOUBTFUL = re.compile(
    r"\b(or|if|never|nothing|neither|nor|without|missing|except|minus|maybe|perhaps|possibly|"
    r"probably|might|may|could|would|should|gone|eaten|dozens?|hundreds?|several|many|few|more|"
    r"fewer|less|another|other|others)\b"
)
_HEDGED = re.compile(
    rf"\b(not|no|about|around|over|under|nearly|almost|roughly|least|most|up to|than)"
    rf" ({_MANY}|one|an?|zero|no)\b"
)
_DENIED = re.compile(r"\b(not|isn'?t|aren'?t|can'?t|cannot|don'?t|doesn'?t|didn'?t|won'?t)\b")
_PLURALS = "|".join(many for fruit, many in FRUITS.items() if many != fruit)
_ONE_OF_MANY = re.compile(rf"\b(an?|one) ([a-z'\-]+ )?({_PLURALS})\b")
"""No English, and a number that is none: "a fresh cherries"."""
_NARROWED = re.compile(
    r"\b(red|green|yellow|orange coloured|purple|brown|white|black|pink|ripe|unripe|rotten|fresh|"
    r"big|bigger|biggest|large|small|little|tiny|whole|half|halves|cut|sliced|peeled|left|right|top|"
    r"bottom|front|behind|under|beside|near|not|other|more|fewer|less|without|except)\b"
)


def is_true(item: QAPair, photo: Photo) -> bool:
    """Whether a question asks what it is meant to and its answer is right."""
    try:
        question = parse_question(item.question)
    except OutOfDomain:
        return False
    if question.kind == "caption" or (question.kind, question.fruit) != (item.kind, item.fruit):
        return False
    right = true_answer(photo, question.kind, question.fruit)
    if right is None or parse_answer(item.kind, item.answer, item.fruit) != right:
        return False
    named = [mention.fruit for mention in parse_mentions(item.answer)]
    if item.kind == "identify" and len(set(named)) < len(named):
        return False  # "apple, kiwi and apple"
    numbers = [right] if isinstance(right, int) and right > 1 else []
    denies = right is False or right == 0
    return _asks_no_more(item.question) and _says_no_more(item.answer, numbers, denies)


def is_true_caption(text: str, photo: Photo) -> bool:
    """Whether a caption names exactly the fruits that are boxed, each once with its number.

    A fruit whose number is unknown must be named without one.
    """
    mentions = parse_mentions(text)
    numbers = [number for mention in mentions if (number := mention.number or 0) > 1]
    if not _says_no_more(text, numbers, denies=not photo.fruits):
        return False
    if not photo.fruits:
        return photo.exhaustive and mentions == [Mention(None, 0)]
    said = {mention.fruit: mention.number for mention in mentions}
    return len(said) == len(mentions) and said == photo.counts()


def _asks_no_more(question: str) -> bool:
    """Whether a question asks about all of the photo, and supposes nothing."""
    return _is_plain(question) and not _NUMBER.search(question) and not _NARROWED.search(question)


def _says_no_more(text: str, numbers: Sequence[int], denies: bool) -> bool:
    """Whether a statement holds these numbers above one and no others, and neither doubts nor,
    unless there is nothing to be seen, denies.
    """
    found = [_value(word) for word in _NUMBER.findall(text)]
    return (
        _is_plain(text)
        and sorted(found) == sorted(numbers)
        and not _DOUBTFUL.search(text)
        and not _ONE_OF_MANY.search(text)
        and not (_HEDGED.search(text) or (_DENIED.search(text) and not denies))
    )


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and len(text.split()) <= MAX_WORDS


def _value(word: str) -> int:
    return int(word) if word.isdigit() else NUMBER_WORDS.index(word)
