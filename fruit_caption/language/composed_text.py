"""Writes composed answers as short sentences."""

from __future__ import annotations

from fruit_caption.language.compositions import (
    EVERY,
    Both,
    Compare,
    Count,
    Difference,
    Either,
    Facts,
    Group,
    IsMost,
    Kinds,
    Most,
    Node,
    Which,
    amount_of,
    counts_of,
    evaluate,
)
from fruit_caption.language.fruits import join_words, number_word, plural, quantity


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
    total = f", {number_word(amount_of(Count(group), facts))} in all" if in_all else ""
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
    number = amount_of(amount, facts)
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
    counts = counts_of(amount.group, facts)
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
    counts = counts_of(node.group, facts)
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
    more = amount_of(left, facts) - amount_of(right, facts)
    parts = join_words([*_quantities(left, facts), *_quantities(right, facts)])
    if more == 0:
        return f"equally many: {parts}"
    verb = "is" if abs(more) == 1 else "are"
    return f"there {verb} {number_word(abs(more))} {'more' if more > 0 else 'fewer'}: {parts}"
