"""Composed answers are short true sentences."""

from collections import defaultdict

import pytest

from fruit_caption.language.composed_text import express
from fruit_caption.language.compositions import Facts
from fruit_caption.language.questions import parse

ONE_KIND, MIXED, NOTHING = {"apple": 4}, {"apple": 2, "banana": 2, "pear": 1}, {}


@pytest.mark.parametrize(
    ("question", "counts", "answer"),
    [
        ("exactly seven fruits?", MIXED, "no, there are five fruits"),
        ("exactly one fruit?", {"fig": 1}, "yes, there is one fruit"),
        ("at least two apples?", ONE_KIND, "yes, there are four apples"),
        ("an apple or a banana?", ONE_KIND, "yes, there are four apples and no bananas"),
        ("are there no apples?", NOTHING, "yes, there are no apples"),
        ("anything except apples?", ONE_KIND, "no, there is no other fruit"),
        ("anything except apples?", MIXED, "yes, there are two bananas and one pear"),
        ("only apples?", ONE_KIND, "yes, there are four apples and no other fruit"),
        ("only apples?", MIXED, "no, there are two apples, two bananas and one pear"),
        ("how many are not apples?", ONE_KIND, "there is no other fruit"),
        ("how many are not apples?", {"pear": 1}, "besides apples, there is one pear"),
        ("how many are not apples?", MIXED,
         "besides apples, there are two bananas and one pear, three in all"),
        ("how many apples and pears?", MIXED, "there are two apples and one pear, three in all"),
        ("how many kinds?", ONE_KIND, "there is one kind of fruit: apple"),
        ("how many kinds?", MIXED, "there are three kinds of fruit: apple, banana and pear"),
        ("how many kinds?", NOTHING, "there is no fruit"),
        ("what else is there besides pears?", MIXED, "besides pears, it shows apple and banana"),
        ("which is there most of?", ONE_KIND, "there are four apples"),
        ("which is there most of?", {"fig": 2, "pear": 1}, "most are figs: two figs and one pear"),
        ("which is there fewest of?", {"fig": 2, "pear": 1},
         "fewest are pears: one pear and two figs"),
        ("which is there most of?", {"fig": 1, "pear": 1},
         "equally many of each: one fig and one pear"),
        ("which is there most of?", NOTHING, "there is no fruit"),
        ("how many more apples than pears?", MIXED,
         "there is one more: two apples and one pear"),
        ("how many more pears than apples?", ONE_KIND,
         "there are four fewer: no pears and four apples"),
        ("how many more apples than bananas?", MIXED,
         "equally many: two apples and two bananas"),
        ("which fruits are there exactly two of?", MIXED, "there are two apples and two bananas"),
        ("which fruits are there exactly two of?", ONE_KIND, "there is no such fruit"),
        ("is apple the most common fruit?", ONE_KIND, "yes, there are four apples"),
    ],
)  # fmt: skip
def test_express(question, counts, answer):
    facts = Facts(frozenset(counts), sum(counts.values()), defaultdict(int, counts))
    assert express(parse(question), facts) == answer
