"""Questions as small trees, and their answers from counts, kinds and total of a photo.

`grammar.py` parses a question into one of the nodes below. The simplest are questions that the
model itself was trained on (`questions.Question`). The others are composed of its answers to these:

- `Facts.kinds`: which fruits there are, and
- `Facts.total`: how many fruits in all, each the answer to one question;
- `Facts.counts`: how many there are of each fruit that is named or among the kinds.

"How many are not apples?" is the sum of the counts of all kinds but apples, "are there exactly
seven fruits?" compares the total.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields

Value = int | bool | frozenset[str]

COMPOSED = "composed"
"""The `kind` of an answer that is composed of the model's answers."""

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


def agrees(facts: Facts) -> bool:
    """Return whether facts can be true together, as far as they are known."""
    if facts.kinds is None:
        return True
    if any((number > 0) != (fruit in facts.kinds) for fruit, number in facts.counts.items()):
        return False
    if facts.total is None or not facts.kinds <= set(facts.counts):
        return True
    return facts.total == sum(facts.counts.values())


class UnknownFact(Exception):
    """The value of a question depends on something that is not known."""


def groups(node: object) -> Iterator[Group]:
    """Yield the groups of fruit in a tree, from left to right."""
    if isinstance(node, Group):
        yield node
    elif isinstance(node, IsMost):
        yield Group((node.fruit,))
    for part in _parts(node):
        yield from groups(part)


def needs_kinds(node: object) -> bool:
    """Return whether a question is about fruits that it doesn't name."""
    if node == Count(EVERY):
        return False
    if isinstance(node, IsMost) or (isinstance(node, Group) and node.others):
        return True
    return any(map(needs_kinds, _parts(node)))


def _parts(node: object) -> list[object]:
    """Return the parts of a node of a tree, which may be a tuple of nodes."""
    if isinstance(node, tuple):
        return list(node)
    return [getattr(node, part.name) for part in fields(node)] if isinstance(node, Node) else []


def named_fruits(node: Node) -> tuple[str, ...]:
    """Return the fruits that a question names, each once."""
    return tuple(dict.fromkeys(name for group in groups(node) for name in group.names))


def evaluate(node: Node, facts: Facts) -> Value:
    """Return the value of a question.

    Raises:
        UnknownFact: It depends on a fact that is missing.
    """
    if isinstance(node, (Count, Kinds)):
        return amount_of(node, facts)
    if isinstance(node, Difference):
        return amount_of(Count(node.left), facts) - amount_of(Count(node.right), facts)
    if isinstance(node, Compare):
        right = node.right if isinstance(node.right, int) else amount_of(node.right, facts)
        return SIGNS[node.sign](amount_of(node.left, facts), right)
    if isinstance(node, Both):
        return all(evaluate(part, facts) for part in node.parts)
    if isinstance(node, Either):
        return any(evaluate(part, facts) for part in node.parts)
    if isinstance(node, Which):
        if node.group.others and (node.sign, node.number) == (">=", 1):
            return kinds_of(facts) - set(node.group.names)
        counts, matches = counts_of(node.group, facts), SIGNS[node.sign]
        return frozenset(fruit for fruit, n in counts.items() if n and matches(n, node.number))
    if isinstance(node, Most):
        counts = counts_of(node.group, facts)
        best = (min if node.fewest else max)(counts.values(), default=0)
        return frozenset(fruit for fruit, n in counts.items() if n == best and (n or node.fewest))
    if isinstance(node, IsMost):
        return evaluate(Most(EVERY, node.fewest), facts) == frozenset([node.fruit])
    raise TypeError(node)


def kinds_of(facts: Facts) -> frozenset[str]:
    """Return which fruits there are; raises `UnknownFact`."""
    if facts.kinds is None:
        raise UnknownFact
    return facts.kinds


def counts_of(group: Group, facts: Facts) -> dict[str, int]:
    """Return the number of each fruit of a group; of others than named, those that there are."""
    try:
        if not group.others:
            return {name: _count_of(name, facts) for name in group.names}
        # A kind that is there has at least one fruit, whatever its own count says.
        others = sorted(kinds_of(facts) - set(group.names))
        return {name: max(1, facts.counts[name]) for name in others}
    except KeyError:
        raise UnknownFact from None


def _count_of(fruit: str, facts: Facts) -> int:
    """Return the number of a fruit; raises `KeyError` if it is not known."""
    is_absent = facts.kinds is not None and fruit not in facts.kinds
    return facts.counts.get(fruit, 0) if is_absent else facts.counts[fruit]


def amount_of(node: Count | Kinds, facts: Facts) -> int:
    """Return a number of fruits or kinds; raises `UnknownFact`."""
    if isinstance(node, Kinds):
        if node.group.others:
            return len(kinds_of(facts) - set(node.group.names))
        return sum(number > 0 for number in counts_of(node.group, facts).values())
    if node.group != EVERY:
        return sum(counts_of(node.group, facts).values())
    if facts.total is None:
        raise UnknownFact
    return facts.total
