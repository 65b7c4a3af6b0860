"""How varied texts are worded, fruits and numbers aside."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from fruit_caption.language.fruits import FRUITS, NUMBER_WORDS

GAP = "_"
_FILLERS = {"a", "an", "no", *NUMBER_WORDS} | {
    word for fruit, many in FRUITS.items() for word in (*fruit.split(), *many.split())
}


def wording(text: str) -> str:
    """A text with a gap for each fruit and number: what is left is how it says it."""
    words = [word.strip(",.?") for word in text.lower().split()]
    return " ".join(GAP if word in _FILLERS else word for word in words)


def distinct_2(texts: Iterable[str]) -> float:
    """The share of all pairs of neighboring words that are different ones, 0 to 1.

    Li et al. 2016, "A Diversity-Promoting Objective Function for Neural Conversation Models". It
    falls with the number of texts: compare it over as many.
    """
    pairs = [pair for text in texts for pair in pairwise(text.lower().split())]
    return len(set(pairs)) / len(pairs) if pairs else 0.0
