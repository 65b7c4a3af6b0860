"""Makes the model's own answers about a picture agree with the facts about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from fruit_caption.inference.answer import Alternative, Answer
from fruit_caption.language import templates
from fruit_caption.language.answers import parse_mentions
from fruit_caption.language.beliefs import Beliefs, Composition, PhotoBeliefs
from fruit_caption.language.compositions import Description, Facts, Node
from fruit_caption.language.questions import KINDS, Value

MIN_ALTERNATIVE = 0.01
"""Minimum confidence of an alternative."""


def make_consistent(
    own: Answer, node: Node, beliefs: PhotoBeliefs, absent: Mapping[str, Beliefs], threshold: float
) -> Answer:
    """Return the model's own answer or, if that contradicts the facts, the answer by the facts.

    Args:
        own: The model's own answer to a question that it was trained on.
        node: The question.
        beliefs: What the model believes about the picture.
        absent: Beliefs about the numbers of fruits that the question names but that aren't there.
        threshold: Confidence below which an answer is uncertain.

    Returns:
        An answer whose confidence is the probability that it is true.
    """
    if isinstance(node, Description):
        return _make_caption_consistent(own, beliefs, threshold)
    found = beliefs.compose(node, absent)
    if not found:
        return own
    if found[0].value != own.value:
        own = _reword(own, _text(own, found[0].value))
    return replace(
        own,
        value=found[0].value,
        confidence=found[0].confidence,
        is_confident=found[0].confidence >= threshold,
        alternatives=tuple(
            replace(other, text=_text(own, other.value)) for other in alternatives(found)
        ),
    )


def alternatives(found: Sequence[Composition]) -> tuple[Alternative, ...]:
    """Return the answers after the first as alternatives.

    Where the model's own answers contradict each other, another value can be likelier than the one
    that follows from the facts. An alternative is never shown as surer than the answer.
    """
    return tuple(
        Alternative(other.text, other.value, min(other.confidence, found[0].confidence))
        for other in found[1:]
        if other.confidence >= MIN_ALTERNATIVE
    )


def _make_caption_consistent(own: Answer, beliefs: PhotoBeliefs, threshold: float) -> Answer:
    """Do the same with a caption.

    A caption can have many wordings, so the product of its words' probabilities is small however
    sure the model is. Its confidence is the probability of the kinds and numbers that it names.
    """
    facts = beliefs.facts
    if facts.kinds is None:
        return own
    if not _states(own.text)(facts):
        own = _reword(
            own,
            templates.caption({fruit: facts.counts.get(fruit) for fruit in sorted(facts.kinds)}),
        )
    confidence = beliefs.probability(_states(own.text))
    return replace(own, confidence=confidence, is_confident=confidence >= threshold)


def _states(caption: str) -> Callable[[Facts], bool]:
    """Return a function that tells whether the caption is true if the facts are."""
    mentions = [mention for mention in parse_mentions(caption) if mention.fruit]
    fruits = frozenset(mention.fruit for mention in mentions if mention.fruit)
    return lambda facts: (
        facts.kinds == fruits
        and all(
            mention.number in (None, facts.counts.get(mention.fruit or "")) for mention in mentions
        )
    )


def _reword(answer: Answer, text: str) -> Answer:
    return replace(answer, text=text, words=(), probabilities=(), attention=None)


def _text(answer: Answer, value: Value | None) -> str:
    [kind] = [kind for kind in KINDS if kind == answer.kind]
    return "" if value is None else templates.answer(kind, answer.fruit, value)
