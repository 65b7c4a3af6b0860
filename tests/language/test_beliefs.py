"""Composed answers are as sure as the answers that they follow from allow."""

import pytest

from fruit_caption.language.beliefs import CONTRADICTION, Composition, compose
from fruit_caption.language.questions import parse

APPLE, BOTH = frozenset(["apple"]), frozenset(["apple", "pear"])


def test_probabilities_of_the_same_value_add_up():
    found = compose(parse("at least two apples?"), {}, {}, {"apple": {3: 0.5, 2: 0.3, 1: 0.15}})
    assert [(each.value, each.confidence) for each in found] == [
        (True, pytest.approx(0.8)), (False, pytest.approx(0.15)),
    ]  # fmt: skip
    assert [each.text for each in found] == [
        "yes, there are three apples",
        "no, there is one apple",
    ]


def test_the_answer_follows_from_the_models_own_answers():
    counts = {"apple": {1: 0.4, 2: 0.3, 3: 0.25}}
    assert compose(parse("at least two apples?"), {}, {}, counts)[0].value is False


def test_probabilities_of_several_facts_multiply():
    counts = {"apple": {2: 0.9}, "pear": {1: 0.8, 2: 0.1}}
    [yes, no] = compose(parse("more apples than pears?"), {}, {}, counts)
    assert yes == Composition("yes, there are two apples and one pear", True, pytest.approx(0.72))
    assert no.confidence == pytest.approx(0.09)


def test_a_sentence_doubts_numbers_that_are_less_sure_than_its_value():
    total = {5: 0.5, 6: 0.4}
    [answer] = compose(parse("exactly nine fruits?"), {}, total, {}, doubt_below=0.6)
    assert answer == Composition("no, there are perhaps five fruits", False, pytest.approx(0.9))


def test_of_answers_that_contradict_each_other_the_likeliest_are_believed():
    counts = {"apple": {2: 0.9}, "pear": {1: 0.6, 0: 0.3}}
    kinds = {APPLE: 0.6, BOTH: 0.3}
    found = compose(parse("how many are not apples?"), kinds, {3: 0.9}, counts)
    assert (found[0].value, found[0].text) == (1, "besides apples, there is one pear")
    assert CONTRADICTION * 0.6 < 0.3
    # With a total of two, all of the model's own answers agree.
    counts = {"apple": {2: 0.9}, "pear": {0: 0.6, 1: 0.3}}
    assert compose(parse("how many are not apples?"), kinds, {2: 0.9}, counts)[0].value == 0


def test_without_an_answer_that_is_needed_there_is_none():
    assert compose(parse("more apples than pears?"), {}, {}, {"apple": {2: 0.9}, "pear": {}}) == []


def test_many_kinds_take_no_longer():
    fruits = "apple banana cherry fig grape kiwi lemon lime mango melon orange pear plum".split()
    counts = {fruit: {1: 0.5, 2: 0.3, 3: 0.2} for fruit in fruits}
    found = compose(parse("how many are not apples?"), {frozenset(fruits): 1.0}, {13: 1.0}, counts)
    assert found[0].value == 12
    assert 0 < found[0].confidence < 1
