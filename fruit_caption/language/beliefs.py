"""What the model believes about a photo, the facts that follow, and answers composed of them.

The model answers questions about one photo one by one, and its answers can contradict each other:
"two apples", "it shows apple", "three fruits in all". Each answer has a probability, and so have
its alternatives. `PhotoBeliefs` goes through their combinations, as if they were independent. The
likeliest combination that can be true is taken as the facts about the photo, and every answer
follows from these facts, so that no two answers contradict each other.

An answer's confidence is the probability of its value, not of one set of numbers: "at least two
apples?" is yes for three and for four apples. The probabilities of the combinations that lead to
the same value add up. Little is known of a photo whose answers contradict each other, so
combinations that can't be true together count `CONTRADICTION` times as much as others.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from fruit_caption.language.composed_text import express
from fruit_caption.language.compositions import Facts, Node, UnknownFact, Value, agrees, evaluate

CONTRADICTION = 0.1
"""Weight of a combination of answers that contradict each other."""

MAX_COMBINATIONS = 100
"""Combinations of answers that are followed; less likely ones are left out."""

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


@dataclass(frozen=True)
class PhotoBeliefs:
    """What the model's answers about a photo may mean.

    Attributes:
        kinds: Beliefs about which fruits there are; empty if the model does not tell.
        total: Beliefs about the number of all fruits; empty if the model does not tell.
        counts: Beliefs about the number of each fruit. A fruit that is missing here and not among
            the kinds is not there.
    """

    kinds: Beliefs
    total: Beliefs
    counts: Mapping[str, Beliefs]

    @cached_property
    def facts(self) -> Facts:
        """The likeliest combination of answers that can be true."""
        own, _ = self._combinations[0]
        possible = (
            (facts, weight)
            for facts, weight in self._combinations
            if _known(facts) == _known(own) and agrees(facts)
        )
        likeliest, _ = max(possible, key=lambda pair: pair[1], default=(_reconcile(own), 0.0))
        return likeliest

    def compose(
        self, node: Node, absent: Mapping[str, Beliefs] = {}, doubt_below: float = 0.0
    ) -> list[Composition]:
        """Answer a question from the facts.

        Args:
            node: The question.
            absent: Beliefs about the numbers of other fruits that the question names.
            doubt_below: Where the value is surer than this but the numbers in the sentence are not,
                the sentence says "perhaps".

        Returns:
            The answer, then those with other values, the likeliest first. Empty if the answer
            depends on something that the model does not tell.
        """
        try:
            answer, text = evaluate(node, self.facts), express(node, self.facts)
        except UnknownFact:
            return []
        values, texts, wording = {answer: 0.0}, {text: 0.0}, {answer: text}
        for facts, weight in _with_absent(self._combinations, absent):
            try:
                value, text = evaluate(node, facts), express(node, facts)
            except UnknownFact:
                continue
            wording.setdefault(value, text)
            values[value] = values.get(value, 0.0) + weight
            texts[text] = texts.get(text, 0.0) + weight
        order = sorted(values, key=lambda value: (value != answer, -values[value]))
        return [
            Composition(
                _hedge(wording[value], texts, values[value], doubt_below), value, values[value]
            )
            for value in order
        ]

    def probability(self, statement: Callable[[Facts], bool]) -> float:
        """Return how likely a statement is true.

        Args:
            statement: Tells of facts whether they make it true.
        """
        return sum(weight for facts, weight in self._combinations if statement(facts))

    @cached_property
    def _combinations(self) -> list[tuple[Facts, float]]:
        """Combinations of answers with weights that sum to 1; the model's own answers first."""
        weighted = [
            (facts, probability * (1.0 if agrees(facts) else CONTRADICTION))
            for facts, probability in _combine(self)
        ]
        scale = sum(weight for _, weight in weighted) or 1.0
        return [(facts, weight / scale) for facts, weight in weighted]


def _hedge(text: str, texts: Mapping[str, float], confidence: float, doubt_below: float) -> str:
    if texts[text] < doubt_below <= confidence:
        for verb in ("there is ", "there are "):
            text = text.replace(verb, f"{verb}perhaps ", 1)
    return text


def _combine(beliefs: PhotoBeliefs) -> Iterator[tuple[Facts, float]]:
    """Yield combinations of answers with their probability; the model's own answers first."""
    options = {"kinds": beliefs.kinds, "total": beliefs.total, **beliefs.counts}
    combined: list[tuple[dict[str, Value], float]] = [({}, 1.0)]
    for name, values in options.items():
        # What is left of the probability belongs to answers that nobody knows.
        choices: list[tuple[dict[str, Value], float]]
        choices = [({name: value}, share) for value, share in values.items()]
        choices.append(({}, max(0.0, 1.0 - sum(values.values()))))
        own, *others = [
            (known | choice, probability * share)
            for known, probability in combined
            for choice, share in choices
        ]
        combined = [own, *heapq.nlargest(MAX_COMBINATIONS, others, key=lambda pair: pair[1])]
    for known, probability in combined:
        found = {name: value for name, value in known.items() if name in beliefs.counts}
        yield Facts(known.get("kinds"), known.get("total"), found), probability  # type: ignore


def _with_absent(
    combinations: list[tuple[Facts, float]], absent: Mapping[str, Beliefs]
) -> list[tuple[Facts, float]]:
    """Add the numbers of fruits to combinations; any but zero contradicts the kinds."""
    for fruit, beliefs in absent.items():
        weights = {
            number: share * (1.0 if number == 0 else CONTRADICTION)
            for number, share in beliefs.items()
        }
        scale = sum(weights.values()) + max(0.0, 1.0 - sum(beliefs.values()))
        extended = (
            (replace(facts, counts={**facts.counts, fruit: number}), weight * factor / scale)
            for facts, weight in combinations
            for number, factor in weights.items()
            if isinstance(number, int)
        )
        combinations = heapq.nlargest(MAX_COMBINATIONS, extended, key=lambda pair: pair[1])
    return combinations


def _known(facts: Facts) -> tuple[bool, bool, frozenset[str]]:
    """Return what is known at all."""
    return facts.kinds is not None, facts.total is not None, frozenset(facts.counts)


def _reconcile(own: Facts) -> Facts:
    """Make facts of answers that can't be true together.

    The counts are believed first: where there are many kinds, a list of them is often incomplete.
    """
    if own.kinds is None:
        return own
    uncounted = own.kinds - set(own.counts)
    kinds = uncounted.union(fruit for fruit, number in own.counts.items() if number)
    return Facts(kinds, own.total if uncounted else sum(own.counts.values()), own.counts)
