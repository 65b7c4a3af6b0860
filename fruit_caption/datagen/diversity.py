"""Measures how varied the wording of texts is."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from fruit_caption.language.fruits import FRUITS, NUMBER_WORDS

GAP = "_"
"""Stands for a fruit or a number in a `wording`."""

_FILLERS = {"a", "an", "no", *NUMBER_WORDS} | {
    word for fruit, plural in FRUITS.items() for word in (*fruit.split(), *plural.split())
}


def wording(text: str) -> str:
    """Return a text in lower case with a gap in place of each fruit and number."""
    words = [word.strip(",.?") for word in text.lower().split()]
    return " ".join(GAP if word in _FILLERS else word for word in words)


def distinct_2(texts: Iterable[str]) -> float:
    """Return the number of distinct word pairs divided by the number of all word pairs, 0 to 1.

    A pair is two neighboring words. The measure falls with the number of texts, so only compare
    it between equally many. Li et al. 2016, "A Diversity-Promoting Objective Function for Neural
    Conversation Models".
    """
    pairs = [pair for text in texts for pair in pairwise(text.lower().split())]
    return len(set(pairs)) / len(pairs) if pairs else 0.0
