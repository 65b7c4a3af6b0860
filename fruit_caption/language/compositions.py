"""Questions as small trees, and their answers from counts, kinds and total of a photo.

`grammar.py` parses a question into one of the nodes below. Four of them are questions that the model
itself was trained on (`questions.Question`). The others are composed of its answers to these:

- `Facts.kinds`: which fruits there are, and
- `Facts.total`: how many fruits in all, each the answer to one question;
- `Facts.counts`: how many there are of each fruit that is named or among the kinds.

"How many are not apples?" is the sum of the counts of all kinds but apples, "are there exactly
seven fruits?" compares the total.

An answer's confidence is the probability of its value, not of one set of numbers: "at least two
apples?" is yes for three and for four apples. Each of the model's answers has a probability, and so
have its alternatives. `compose` goes through their combinations, as if they were independent, and
adds up the probabilities of those that lead to the same value.
"""

from __future__ import annotations

import heapq
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields

from fruit_caption.language.fruits import join_words, number_word, plural, quantity

Value = int | bool | frozenset[str]

COMPOSED = "composed"
"""The `kind` of an answer that is composed of the model's answers."""

MAX_COMBINATIONS = 500
"""Combinations of answers that `compose` follows; less likely ones are left out."""

SIGNS: Mapping[str, Callable[[int, int], bool]] = {
    "=": operator.eq, ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Some kinds of fruit: those that are named, or all others than those."""

    names: tuple[str, ...] = ()
    others: bool = False


EVERY = Group(others=True)
"""Fruit of every kind."""


@dataclass(frozen=True)
class Count:
    """How many fruits a group has: "how many are not apples?"."""

    group: Group


@dataclass(frozen=True)
class Kinds:
    """How many kinds of fruit there are in a group."""

    group: Group


@dataclass(frozen=True)
class Difference:
    """How many more fruits one group has than another; negative if it has fewer."""

    left: Group
    right: Group


@dataclass(frozen=True)
class Compare:
    """Whether an amount is equal to, at least, … a number or another amount."""

    left: Count | Kinds
    sign: str
    right: int | Count


@dataclass(frozen=True)
class Both:
    """Whether all of some statements are true."""

    parts: tuple[Compare, ...]


@dataclass(frozen=True)
class Either:
    """Whether one of some statements is true."""

    parts: tuple[Compare, ...]


@dataclass(frozen=True)
class Which:
    """Which fruits of a group there are, in numbers that `sign` and `number` allow."""

    group: Group
    sign: str = ">="
    number: int = 1


@dataclass(frozen=True)
class Most:
    """Which fruit of a group there is most or fewest of; several if they are equally many."""

    group: Group
    fewest: bool = False


@dataclass(frozen=True)
class IsMost:
    """Whether there is most, or fewest, of one fruit."""

    fruit: str
    fewest: bool = False


@dataclass(frozen=True)
class Description:
    """A caption."""


@dataclass(frozen=True)
class Unseen:
    """A question with a word whose meaning can't be told from a photo's counts.

    Attributes:
        reason: Says so, for example "I can't tell red from green apples".
        known: What can be said instead, if anything.
    """

    reason: str
    known: Node | None


Node = (
    Count
    | Kinds
    | Difference
    | Compare
    | Both
    | Either
    | Which
    | Most
    | IsMost
    | Description
    | Unseen
)


@dataclass(frozen=True)
class Facts:
    """What the model says about a photo. What is missing is not known.

    Attributes:
        kinds: The fruits that there are.
        total: The number of all fruits.
        counts: The number of each fruit.
    """

    kinds: frozenset[str] | None = None
    total: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


class UnknownFact(Exception):
    """The value of a question depends on something that is not known."""


def groups(node: object) -> Iterator[Group]:
    """Yield the groups of fruit in a tree, from left to right."""
    if isinstance(node, Group):
        yield node
    elif isinstance(node, tuple):
        for part in node:
            yield from groups(part)
    elif isinstance(node, Node):
        for part in fields(node):
            yield from groups(getattr(node, part.name))
        if isinstance(node, IsMost):
            yield from (Group((node.fruit,)), EVERY)


def named_fruits(node: Node) -> tuple[str, ...]:
    """Return the fruits that a question names, each once."""
    return tuple(dict.fromkeys(name for group in groups(node) for name in group.names))


def evaluate(node: Node, facts: Facts) -> Value:
    """Return the value of a question.

    Raises:
        UnknownFact: It depends on a fact that is missing.
    """
    if isinstance(node, (Count, Kinds)):
        return _amount(node, facts)
    if isinstance(node, Difference):
        return _amount(Count(node.left), facts) - _amount(Count(node.right), facts)
    if isinstance(node, Compare):
        right = node.right if isinstance(node.right, int) else _amount(node.right, facts)
        return SIGNS[node.sign](_amount(node.left, facts), right)
    if isinstance(node, Both):
        return all([evaluate(part, facts) for part in node.parts])
    if isinstance(node, Either):
        return any([evaluate(part, facts) for part in node.parts])
    if isinstance(node, Which):
        if node == Which(EVERY):
            return _kinds(facts)
        counts, matches = _counts(node.group, facts), SIGNS[node.sign]
        return frozenset(fruit for fruit, n in counts.items() if n and matches(n, node.number))
    if isinstance(node, Most):
        counts = {fruit: n for fruit, n in _counts(node.group, facts).items()}
        best = (min if node.fewest else max)(counts.values(), default=0)
        return frozenset(fruit for fruit, n in counts.items() if n == best and (n or node.fewest))
    if isinstance(node, IsMost):
        return evaluate(Most(EVERY, node.fewest), facts) == {node.fruit}
    raise TypeError(node)


def _kinds(facts: Facts) -> frozenset[str]:
    if facts.kinds is None:
        raise UnknownFact
    return facts.kinds


def _counts(group: Group, facts: Facts) -> dict[str, int]:
    """Return the number of each fruit of a group; of others than named, those that there are."""
    try:
        if not group.others:
            return {name: facts.counts[name] for name in group.names}
        # A kind that is there has at least one fruit, whatever its own count says.
        others = sorted(_kinds(facts) - set(group.names))
        return {name: max(1, facts.counts[name]) for name in others}
    except KeyError:
        raise UnknownFact from None


def _amount(node: Count | Kinds, facts: Facts) -> int:
    if isinstance(node, Kinds):
        if node.group.others:
            return len(_kinds(facts) - set(node.group.names))
        return sum(number > 0 for number in _counts(node.group, facts).values())
    if node.group != EVERY:
        return sum(_counts(node.group, facts).values())
    if facts.total is None:
        raise UnknownFact
    return facts.total


def express(node: Node, facts: Facts) -> str:
    """Return the answer to a question in a short sentence without a capital and full stop.

    Raises:
        UnknownFact: It depends on a fact that is missing.
    """
    value = evaluate(node, facts)
    if isinstance(node, (Compare, Both, Either)):
        parts = [part for item in _subjects(node) for part in _quantities(item, facts)]
        return f"{'yes' if value else 'no'}, {_there(list(dict.fromkeys(parts)))}"
    if isinstance(node, Difference):
        return _express_difference(node, facts)
    if isinstance(node, Kinds):
        return _besides(node.group) + _there(_quantities(node, facts))
    if isinstance(node, Most):
        return _express_most(node, facts)
    if isinstance(node, IsMost):
        most = _express_most(Most(EVERY, node.fewest), facts)
        return f"{'yes' if value else 'no'}, {most}"
    if isinstance(node, Which) and node.sign == ">=" and node.number == 1:
        return _express_which(node, facts)
    group = node.group if isinstance(node, Count) else Group(tuple(sorted(value)))  # type: ignore
    if isinstance(node, Which) and not value:
        return "there is no such fruit"
    parts = _quantities(Count(group), facts)
    in_all = len(parts) > 1 and isinstance(node, Count)
    total = f", {number_word(_amount(Count(group), facts))} in all" if in_all else ""
    return _besides(group, parts) + _there(parts) + total


def _subjects(node: Compare | Both | Either) -> list[Count | Kinds]:
    """Return the amounts that a statement is about, each once."""
    statements = (node,) if isinstance(node, Compare) else node.parts
    amounts: list[Count | Kinds] = []
    for statement in statements:
        amounts.append(statement.left)
        if isinstance(statement.right, Count):
            amounts.append(statement.right)
    return list(dict.fromkeys(amounts))


def _quantities(amount: Count | Kinds, facts: Facts) -> list[str]:
    """Return an amount as quantities: ["four apples", "no pears"], ["two kinds of fruit: …"]."""
    number = _amount(amount, facts)
    if isinstance(amount, Kinds):
        if number == 0:
            return ["no other fruit" if amount.group.names else "no fruit"]
        found = evaluate(Which(amount.group), facts)
        assert isinstance(found, frozenset)
        kinds = "kind" if number == 1 else "kinds"
        return [f"{number_word(number)} {kinds} of fruit: {join_words(sorted(found))}"]
    if amount.group == EVERY:
        noun = "fruit" if number < 2 else "fruits"
        return [f"{number_word(number) if number else 'no'} {noun}"]
    counts = _counts(amount.group, facts)
    return [quantity(n, fruit) for fruit, n in counts.items()] or ["no other fruit"]


def _there(parts: list[str]) -> str:
    """Return a statement that there are some quantities."""
    is_one = parts[0].startswith(("one ", "no fruit", "no other fruit"))
    return f"there {'is' if is_one else 'are'} {join_words(parts)}"


def _besides(group: Group, parts: list[str] | None = None) -> str:
    if not (group.others and group.names) or parts == ["no other fruit"]:
        return ""
    return f"besides {join_words([plural(name) for name in group.names])}, "


def _express_which(node: Which, facts: Facts) -> str:
    found = evaluate(node, facts)
    assert isinstance(found, frozenset)
    if found:
        return f"{_besides(node.group)}it shows {join_words(sorted(found))}"
    return "there is no other fruit" if node.group.others else "it shows none of them"


def _express_most(node: Most, facts: Facts) -> str:
    found = evaluate(node, facts)
    assert isinstance(found, frozenset)
    counts = _counts(node.group, facts)
    if not found or not sum(counts.values()):
        return _there(_quantities(Count(node.group), facts) if counts else ["no fruit"])
    order = sorted(counts, key=lambda fruit: (fruit not in found, -counts[fruit], fruit))
    parts = [quantity(counts[fruit], fruit) for fruit in order]
    if len(found) == len(counts):
        each = "only" if len(counts) == 1 else "equally many of each"
        return _there(parts) if each == "only" else f"{each}: {join_words(parts)}"
    named = join_words([plural(fruit) for fruit in sorted(found)])
    return f"{'fewest' if node.fewest else 'most'} are {named}: {join_words(parts)}"


def _express_difference(node: Difference, facts: Facts) -> str:
    left, right = Count(node.left), Count(node.right)
    more = _amount(left, facts) - _amount(right, facts)
    parts = join_words([*_quantities(left, facts), *_quantities(right, facts)])
    if more == 0:
        return f"equally many: {parts}"
    verb = "is" if abs(more) == 1 else "are"
    return f"there {verb} {number_word(abs(more))} {'more' if more > 0 else 'fewer'}: {parts}"


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
    value: Value
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
        The answer that follows from the model's own answers, then those with other values, the
        likeliest first. Empty if one of the model's own answers that it needs has no value.
    """
    combinations = list(_combine(kinds, total, counts))
    values: dict[Value, float] = {}
    texts: dict[str, float] = {}
    wording: dict[Value, str] = {}
    for facts, probability in combinations:
        try:
            value, text = evaluate(node, facts), express(node, facts)
        except UnknownFact:
            if facts is combinations[0][0]:
                return []
            continue
        wording.setdefault(value, text)
        values[value] = values.get(value, 0.0) + probability
        texts[text] = texts.get(text, 0.0) + probability
    own = next(iter(values))
    order = [own, *sorted((v for v in values if v != own), key=lambda v: -values[v])]
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
        missing = [({}, 1.0 - sum(options.values()))]
        choices = [({name: value}, share) for value, share in options.items()] + missing
        own, *others = [
            (known | choice, probability * share)
            for known, probability in combined
            for choice, share in choices
        ]
        combined = [own, *heapq.nlargest(MAX_COMBINATIONS, others, key=lambda pair: pair[1])]
    for known, probability in combined:
        found = {name: value for name, value in known.items() if name in counts}
        yield Facts(known.get("kinds"), known.get("total"), found), probability  # type: ignore
