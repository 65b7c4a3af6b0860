"""Wordings of texts about one fruit write true texts about any other."""

import random

import pytest

from fruit_caption.language.answers import parse_mentions
from fruit_caption.language.fruits import FRUITS, SYNONYMS
from fruit_caption.language.questions import Question, parse_question
from fruit_caption.language.wordings import Wordings, replace_by_synonym


def test_wordings_have_slots_for_fruits():
    wordings = Wordings(
        [
            ("How many apples can you spot?", "count", "apple"),
            ("how many plums can you spot", "count", "plum"),  # the same wording
            ("is there an apple or an apple-shaped thing?", "presence", "apple"),
            ("do you see any passion fruits here", "presence", "passion fruit"),
            ("what total do you count", "total", None),
        ],
        ["two apples and an orange", "a plum on a plate", "some grapes"],
    )
    assert wordings.questions[("count", True)] == ("how many {plural0} can you spot",)
    assert "do you see any {plural0} here" in wordings.questions[("presence", True)]
    assert wordings.captions == {
        (2, 1): ("two {plural0} and {a_fruit1}",),
        (1,): ("{a_fruit0} on a plate",),
        (None,): ("some {plural0}",),
    }


@pytest.mark.parametrize(
    ("text", "kind", "fruit"),
    [
        ("how many fruits are there", "count", "apple"),  # names no apple
        ("how many apples are there", "presence", "apple"),  # asks for something else
        ("is there a {plural0}", "presence", "apple"),
        ("how many apples or pears", "count", "apple"),
    ],
)
def test_a_wording_that_would_be_understood_differently_is_left_out(text, kind, fruit):
    assert not any(Wordings([(text, kind, fruit)], []).questions.values())


@pytest.mark.parametrize("text", ["apples and more apples", "two apples and fruit", "no fruit"])
def test_a_caption_that_does_not_name_each_fruit_once_is_left_out(text):
    assert not any(Wordings([], [text]).captions.values())


@pytest.mark.parametrize("fruit", FRUITS)
def test_a_wording_asks_about_any_fruit(fruit):
    texts = ["is there a pear?", "any pears?", "do you see a pear in the photo?"]
    wordings = Wordings([(text, "presence", "pear") for text in texts], [])
    for seed in range(10):
        text = wordings.write_question("presence", fruit, random.Random(seed))
        assert parse_question(text) == Question("presence", fruit), text


def test_captions_name_fruits_in_alphabetical_order_in_wordings_for_their_numbers():
    wordings = Wordings([], ["three figs above one lime", "seven kiwis"])
    rng = random.Random(0)
    text = wordings.write_caption({"mango": 1, "apple": 3}, rng)
    assert text == "three apples above one mango"
    assert [mention.number for mention in parse_mentions(text)] == [3, 1]
    assert wordings.write_caption({"apple": 1, "mango": 3}, rng) is None
    assert wordings.write_caption({"apple": 7}, rng) == "seven apples"
    assert wordings.write_caption({"apple": 2}, rng) is None
    assert wordings.write_question("total", None, rng) is None


def test_a_synonym_replaces_all_forms_of_a_name():
    texts = {
        replace_by_synonym("a mandarin, two mandarins, mandarin", "mandarin", random.Random(seed))
        for seed in range(100)
    }
    assert {"a mandarin, two mandarins, mandarin", "a satsuma, two satsumas, satsuma"} <= texts
    names = [name for name, fruit in SYNONYMS.items() if fruit == "mandarin"]
    assert len(texts) == 1 + len(names)


def test_a_synonym_may_contain_the_name():
    texts = {
        replace_by_synonym("a kiwi, two kiwis, kiwi", "kiwi", random.Random(seed))
        for seed in range(200)
    }
    assert "a kiwi fruit, two kiwi fruits, kiwi fruit" in texts
    assert not any("fruit fruit" in text for text in texts)
