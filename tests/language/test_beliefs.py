"""Answers about a photo follow from the same facts, and are as sure as the facts allow."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fruit_caption.language.beliefs import CONTRADICTION, Composition, PhotoBeliefs
from fruit_caption.language.compositions import Facts
from fruit_caption.language.questions import parse

APPLE, BOTH = frozenset(["apple"]), frozenset(["apple", "pear"])


def ask(question, kinds, total, counts, absent=None, doubt_below=0.0):
    beliefs = PhotoBeliefs(kinds, total, counts)
    return beliefs.compose(parse(question), absent or {}, doubt_below)


def test_probabilities_of_the_same_value_add_up():
    found = ask("at least two apples?", {}, {}, {"apple": {3: 0.5, 2: 0.3, 1: 0.15}})
    assert [(each.value, each.confidence) for each in found] == [
        (True, pytest.approx(0.8)), (False, pytest.approx(0.15)),
    ]  # fmt: skip
    assert [each.text for each in found] == [
        "yes, there are three apples",
        "no, there is one apple",
    ]


def test_the_answer_follows_from_the_models_own_answers():
    counts = {"apple": {1: 0.4, 2: 0.3, 3: 0.25}}
    assert ask("at least two apples?", {}, {}, counts)[0].value is False


def test_probabilities_of_several_facts_multiply():
    counts = {"apple": {2: 0.9}, "pear": {1: 0.8, 2: 0.1}}
    [yes, no] = ask("more apples than pears?", {}, {}, counts)
    assert yes == Composition("yes, there are two apples and one pear", True, pytest.approx(0.72))
    assert no.confidence == pytest.approx(0.09)


def test_a_sentence_doubts_numbers_that_are_less_sure_than_its_value():
    total = {5: 0.5, 6: 0.4}
    [answer] = ask("exactly nine fruits?", {}, total, {}, doubt_below=0.6)
    assert answer == Composition("no, there are perhaps five fruits", False, pytest.approx(0.9))


def test_of_answers_that_contradict_each_other_the_likeliest_are_believed():
    counts = {"apple": {2: 0.9}, "pear": {1: 0.6, 0: 0.3}}
    kinds = {APPLE: 0.6, BOTH: 0.3}
    assert PhotoBeliefs(kinds, {3: 0.9}, counts).facts == Facts(BOTH, 3, {"apple": 2, "pear": 1})
    found = ask("how many are not apples?", kinds, {3: 0.9}, counts)
    assert (found[0].value, found[0].text) == (1, "besides apples, there is one pear")
    # With a total of two, all of the model's own answers agree.
    counts = {"apple": {2: 0.9}, "pear": {0: 0.6, 1: 0.3}}
    assert ask("how many are not apples?", kinds, {2: 0.9}, counts)[0].value == 0


def test_where_nothing_can_be_true_the_counts_are_believed():
    counts = {"apple": {2: 0.9}, "pear": {1: 0.9}, "fig": {0: 0.9}}
    facts = PhotoBeliefs({frozenset(["fig"]): 0.9}, {7: 0.9}, counts).facts
    assert facts == Facts(BOTH, 3, {"apple": 2, "pear": 1, "fig": 0})


def test_a_fruit_that_is_not_there_is_doubted_as_much_as_its_own_number_says():
    [no, *others] = ask("is there a kiwi?", {APPLE: 1.0}, {2: 1.0}, {"apple": {2: 1.0}},
                        absent={"kiwi": {2: 0.7, 0: 0.2}})  # fmt: skip
    # 0.1 belong to numbers that nobody knows.
    scale = 0.2 + CONTRADICTION * 0.7 + 0.1
    assert (no.value, no.confidence) == (False, pytest.approx(0.2 / scale))
    assert [(each.value, each.confidence) for each in others] == [
        (True, pytest.approx(CONTRADICTION * 0.7 / scale))
    ]


def test_without_an_answer_that_is_needed_there_is_none():
    assert ask("more apples than pears?", {}, {}, {"apple": {2: 0.9}, "pear": {}}) == []


def test_many_kinds_take_no_longer():
    fruits = "apple banana cherry fig grape kiwi lemon lime mango melon orange pear plum".split()
    counts = {fruit: {1: 0.5, 2: 0.3, 3: 0.2} for fruit in fruits}
    found = ask("how many are not apples?", {frozenset(fruits): 1.0}, {13: 1.0}, counts)
    assert found[0].value == 12
    assert 0 < found[0].confidence < 1


def beliefs(values):
    """Up to three values with probabilities that sum to at most 1."""
    shares = st.lists(st.floats(0.01, 0.33), min_size=3, max_size=3)
    chosen = st.lists(values, min_size=1, max_size=3, unique=True)
    return st.builds(lambda keys, parts: dict(zip(keys, parts, strict=False)), chosen, shares)


KINDS = beliefs(st.frozensets(st.sampled_from(["apple", "pear", "fig"])))
NUMBERS = beliefs(st.integers(0, 4))


@settings(deadline=None)
@given(KINDS, beliefs(st.integers(0, 9)), NUMBERS, NUMBERS, NUMBERS)
def test_no_two_answers_contradict_each_other(kinds, total, apple, pear, fig):
    photo = PhotoBeliefs(kinds, total, {"apple": apple, "pear": pear, "fig": fig})

    def value(question):
        return photo.compose(parse(question))[0].value

    counts = {fruit: value(f"how many {fruit}s?") for fruit in ("apple", "pear", "fig")}
    present = {fruit for fruit, number in counts.items() if number}
    assert value("which fruits are there?") == present
    assert {fruit for fruit in counts if value(f"is there a {fruit}?")} == present
    assert value("how many fruits are there?") == sum(counts.values())
    assert value("how many kinds?") == len(present)
    assert value("how many are not apples?") == counts["pear"] + counts["fig"]
