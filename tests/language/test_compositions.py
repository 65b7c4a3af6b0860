"""Trees of questions are evaluated on facts about a photo."""

import pytest

from fruit_caption.language.compositions import (
    EVERY,
    Both,
    Compare,
    Count,
    Difference,
    Facts,
    Group,
    Kinds,
    Most,
    UnknownFact,
    Which,
    agrees,
    evaluate,
    named_fruits,
    needs_kinds,
)
from fruit_caption.language.questions import parse

APPLES, PEARS = Group(("apple",)), Group(("pear",))
OTHERS = Group(("apple",), others=True)
FACTS = Facts(frozenset(["apple", "fig"]), 6, {"apple": 4, "fig": 2, "pear": 0})


@pytest.mark.parametrize(
    ("node", "value"),
    [
        (Count(APPLES), 4),
        (Count(Group(("apple", "pear"))), 4),
        (Count(OTHERS), 2),
        (Count(EVERY), 6),
        (Kinds(EVERY), 2),
        (Kinds(OTHERS), 1),
        (Difference(PEARS, APPLES), -4),
        (Compare(Count(APPLES), ">", Count(OTHERS)), True),
        (Compare(Count(PEARS), ">=", 1), False),
        (Both((Compare(Count(APPLES), "=", 4), Compare(Count(PEARS), "<", 1))), True),
        (Which(OTHERS), {"fig"}),
        (Which(Group(("apple", "pear"))), {"apple"}),
        (Which(EVERY, "<=", 2), {"fig"}),
        (Most(EVERY), {"apple"}),
        (Most(EVERY, fewest=True), {"fig"}),
        (Most(Group(("apple", "pear")), fewest=True), {"pear"}),
    ],
)
def test_evaluate(node, value):
    assert evaluate(node, FACTS) == value


def test_the_total_is_its_own_fact_and_not_a_sum():
    facts = Facts(frozenset(["apple"]), 5, {"apple": 4})
    assert evaluate(Count(EVERY), facts) == 5
    assert evaluate(Count(Group(("fig",), others=True)), facts) == 4


def test_a_kind_that_is_there_has_at_least_one_fruit():
    assert evaluate(Count(OTHERS), Facts(frozenset(["kiwi"]), None, {"kiwi": 0})) == 1


@pytest.mark.parametrize("node", [Count(PEARS), Count(OTHERS), Count(EVERY), Kinds(EVERY)])
def test_what_is_not_known_is_not_guessed(node):
    with pytest.raises(UnknownFact):
        evaluate(node, Facts(None, None, {"apple": 4}))


@pytest.mark.parametrize(
    ("text", "names", "kinds"),
    [
        ("are there exactly seven fruits?", (), False),
        ("how many are not apples?", ("apple",), True),
        ("more apples than pears?", ("apple", "pear"), False),
        ("how many kinds?", (), True),
        ("is apple the most common fruit?", ("apple",), True),
        ("two apples and five fruits?", ("apple",), False),
    ],
)
def test_which_fruits_a_question_is_about(text, names, kinds):
    node = parse(text)
    assert (named_fruits(node), needs_kinds(node)) == (names, kinds)


def test_a_fruit_that_is_not_among_the_kinds_is_not_there():
    facts = Facts(frozenset(["apple"]), 4, {"apple": 4})
    assert evaluate(Count(PEARS), facts) == 0
    assert evaluate(Compare(Count(PEARS), ">=", 1), facts) is False


def test_facts_that_contradict_each_other():
    kinds = frozenset(["apple"])
    assert agrees(Facts(kinds, 4, {"apple": 4, "pear": 0}))
    assert agrees(Facts(None, 9, {"apple": 4}))
    assert agrees(Facts(kinds | {"fig"}, 9, {"apple": 4}))  # the figs were not counted
    assert not agrees(Facts(kinds, 3, {"apple": 4}))
    assert not agrees(Facts(kinds, None, {"apple": 0}))
    assert not agrees(Facts(kinds, None, {"pear": 1}))
