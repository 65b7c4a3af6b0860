"""Answers and captions are parsed into numbers, sets of fruits, and yes or no."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fruit_caption.language.answers import Mention, parse_answer, parse_mentions
from fruit_caption.language.questions import KINDS


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("two red apples and a pear", [Mention("apple", 2), Mention("pear", 1)]),
        ("a photo of apples", [Mention("apple", None)]),
        ("a photo of 12 apples", [Mention("apple", 12)]),
        ("no fruit", [Mention(None, 0)]),
        ("some grapes, an orange", [Mention("grape", None), Mention("orange", 1)]),
        ("three passion fruits", [Mention("passion fruit", 3)]),
        ("a bowl with a ripe banana", [Mention("banana", 1)]),
        ("nothing here", []),
    ],
)
def test_parse_mentions(text, mentions):
    assert parse_mentions(text) == mentions


@pytest.mark.parametrize(
    ("kind", "fruit", "text", "value"),
    [
        ("count", "apple", "there are three apples", 3),
        ("count", "apple", "there is one apple", 1),
        ("count", "apple", "there is an apple", 1),
        ("count", "apple", "there are no apples", 0),
        ("count", "apple", "12", 12),
        ("count", "apple", "there are three pears", None),
        ("count", "apple", "there are three or four apples", None),
        ("count", "apple", "apples", None),
        ("total", None, "there are five fruits", 5),
        ("identify", None, "apples, bananas and a kiwi", frozenset(["apple", "banana", "kiwi"])),
        ("identify", None, "there is no fruit", frozenset()),
        ("identify", None, "apples but no pears", None),
        ("identify", None, "a dog", None),
        ("presence", "pear", "yes, there is a pear", True),
        ("presence", "pear", "no, there is no pear", False),
        ("presence", "pear", "there are pears", True),
        ("presence", "pear", "there are no pears", False),
        ("presence", "pear", "yes, there is an apple", None),
        ("presence", "pear", "yes and no", None),
        ("presence", "pear", "", None),
    ],
)
def test_parse_answer(kind, fruit, text, value):
    assert parse_answer(kind, text, fruit) == value
    assert type(parse_answer(kind, text, fruit)) is type(value)


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_is_parsed_without_errors(text):
    parse_mentions(text)
    for kind in KINDS:
        parse_answer(kind, text, "apple")
