"""Composes an answer, and how sure it is, from the model's answers about the same photo.

An answer's confidence is the probability of its value, not of one set of numbers: "at least two
apples?" is yes for three and for four apples. Each of the model's answers has a probability, and so
have its alternatives. `compose` goes through their combinations, as if they were independent, and
adds up the probabilities of those that lead to the same value.

The answers can contradict each other: "two apples", "it shows apple", "three fruits in all". Little
can be composed of such answers, so combinations that can't be true together count `CONTRADICTION`
times as much as others. Where the model's own answers are such a combination, the likeliest value
is the answer, else the value that follows from its own answers.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fruit_caption.language.composed_text import express
from fruit_caption.language.compositions import Facts, Node, UnknownFact, Value, agrees, evaluate

CONTRADICTION = 0.1
"""Weight of a combination of answers that contradict each other."""

MAX_COMBINATIONS = 500
"""Combinations of answers that `compose` follows; less likely ones are left out."""

Beliefs = Mapping[Value, float]
"""What the model's answer to a question may mean, with probabilities; its own answer first."""


@dataclass(frozen=True)
class Composition:
    """A composed answer.

    Attributes:
        text: The answer as a sentence.
        value: Its value.
        confidence: Probability of the value, 0 to 1.
    """

    text: str
    value: Value | None
    confidence: float


def compose(node: Node, kinds: Beliefs, total: Beliefs, counts: Mapping[str, Beliefs],
            doubt_below: float = 0.0) -> list[Composition]:  # fmt: skip
    """Answer a question from the model's answers about the same photo.

    Args:
        node: The question.
        kinds: Beliefs about which fruits there are; empty if they are not needed.
        total: Beliefs about the number of all fruits; empty if it is not needed.
        counts: Beliefs about the number of each fruit that is needed.
        doubt_below: Where the value is surer than this but the numbers in the sentence are not, the
            sentence says "perhaps".

    Returns:
        The answer, then those with other values, the likeliest first. Empty if one of the model's
        own answers that it needs has no value.
    """
    combinations = [
        (facts, probability * (1.0 if agrees(facts) else CONTRADICTION))
        for facts, probability in _combine(kinds, total, counts)
    ]
    own = combinations[0][0]
    scale = sum(weight for _, weight in combinations)
    values: dict[Value, float] = {}
    texts: dict[str, float] = {}
    wording: dict[Value, str] = {}
    for facts, weight in combinations:
        try:
            value, text = evaluate(node, facts), express(node, facts)
        except UnknownFact:
            if facts is own:
                return []
            continue
        wording.setdefault(value, text)
        values[value] = values.get(value, 0.0) + weight / scale
        texts[text] = texts.get(text, 0.0) + weight / scale
    order = sorted(values, key=lambda value: -values[value])
    if agrees(own):
        order.sort(key=lambda value: value != evaluate(node, own))
    return [
        Composition(_hedge(wording[value], texts, values[value], doubt_below), value, values[value])
        for value in order
    ]


def _hedge(text: str, texts: Mapping[str, float], confidence: float, doubt_below: float) -> str:
    if texts[text] < doubt_below <= confidence:
        for verb in ("there is ", "there are "):
            text = text.replace(verb, f"{verb}perhaps ", 1)
    return text


def _combine(
    kinds: Beliefs, total: Beliefs, counts: Mapping[str, Beliefs]
) -> Iterator[tuple[Facts, float]]:
    """Yield combinations of answers with their probability; the model's own answers first."""
    beliefs: dict[str, Beliefs] = {"kinds": kinds, "total": total, **counts}
    combined: list[tuple[dict[str, Value], float]] = [({}, 1.0)]
    for name, options in beliefs.items():
        # What is left of the probability belongs to answers that nobody knows.
        choices: list[tuple[dict[str, Value], float]]
        choices = [({name: value}, share) for value, share in options.items()]
        choices.append(({}, max(0.0, 1.0 - sum(options.values()))))
        own, *others = [
            (known | choice, probability * share)
            for known, probability in combined
            for choice, share in choices
        ]
        combined = [own, *heapq.nlargest(MAX_COMBINATIONS, others, key=lambda pair: pair[1])]
    for known, probability in combined:
        found = {name: value for name, value in known.items() if name in counts}
        yield Facts(known.get("kinds"), known.get("total"), found), probability  # type: ignore
