"""The grammar writes what the checker can prove; the checker catches what is not so."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fruit_caption.data.qa import Caption, PhotoQA, QAPair, read_qa, write_qa
from fruit_caption.data.records import FruitBox, Photo, true_answer
from fruit_caption.datagen.checker import is_true, is_true_caption
from fruit_caption.datagen.question_specs import question_specs
from fruit_caption.datagen.template_writer import write_caption, write_pair
from fruit_caption.language import templates
from fruit_caption.language.answers import parse_answer
from fruit_caption.language.questions import KINDS, Question, parse_question
from fruit_caption.utils.errors import DataError

LISTED = ("apple", "avocado", "banana", "kiwi", "orange", "passion fruit", "pear")
RIVALS = dict.fromkeys(LISTED, 5)


def photo(*fruits, **fields):
    boxes = tuple(FruitBox(fruit, 0, 0, 1, 1) for fruit in fruits)
    return Photo(Path("a.jpg"), 10, 10, boxes, frozenset(LISTED), **fields)


def questions(photo, seed):
    rng = random.Random(seed)
    return [write_pair(spec, rng) for spec in question_specs(photo, RIVALS, rng)]


TWO_APPLES = photo("apple", "apple", "pear")

photos = st.builds(
    lambda fruits, exhaustive, ok: photo(*fruits, exhaustive=exhaustive, count_ok=ok),
    st.lists(st.sampled_from(LISTED), max_size=30),
    st.booleans(),
    st.none() | st.frozensets(st.sampled_from(LISTED)),
).filter(lambda photo: photo.boxes or photo.exhaustive)


@given(photo=photos, seed=st.integers(0, 1000))
@settings(max_examples=200, deadline=None)
def test_all_the_grammar_writes_is_true(photo, seed):
    items = questions(photo, seed)
    assert all(is_true(item, photo) for item in items)
    assert is_true_caption(write_caption(photo).text, photo)


@pytest.mark.parametrize("kind", KINDS)
def test_every_phrasing_is_read_as_what_it_asks(kind):
    for phrasing in templates.QUESTIONS[kind]:
        fruit = "passion fruit" if "{" in phrasing else None
        text = phrasing.format(plural="passion fruits", a_fruit="a passion fruit")
        assert parse_question(text) == Question(kind, fruit)


def test_words():
    items = questions(TWO_APPLES, 0)
    answers = {(item.kind, item.fruit): item.answer for item in items}
    assert answers["count", "apple"] == "there are two apples"
    assert answers["count", "pear"] == "there is one pear"
    assert answers["total", None] == "there are three fruits"
    assert answers["identify", None] == "it shows apple and pear"
    assert answers["presence", "apple"] == "yes, there is an apple"
    assert write_caption(TWO_APPLES).text == "a photo of two apples and one pear"
    assert write_caption(photo()).text == "a photo with no fruit"
    assert write_caption(photo("banana", count_ok=frozenset())).text == "a photo of some bananas"


FALSE_CAPTIONS = """
two apples
three apples and a pear
two apples and a pear and a kiwi
two apples, a pear and two apples
two or three apples and a pear
about two apples and a pear
at least two apples and a pear
more than two apples and a pear
no two apples and a pear
not two apples and a pear
two apples and a pear are missing
two apples without a pear
two apples and a pear of the five
two of the three apples and a pear
two apples and several pears
two dozen apples and a pear
two apples and a pear were eaten
two apples and one fresh pears
two apples and a pears
two apples and a pear, maybe
two apples and a pear \u4e24\u4e2a\u68a8
deux pommes et une poire
TWO APPLES AND A PEAR
two apples and a pear\x00
""".strip().split("\n")


@pytest.mark.parametrize("caption", [*FALSE_CAPTIONS, "", "two apples and a pear " * 9])
def test_a_caption_that_says_anything_else_is_caught(caption):
    assert is_true_caption("two apples and a pear", TWO_APPLES)
    assert is_true_caption("a pear next to two apples, side by side", TWO_APPLES)
    assert not is_true_caption(caption, TWO_APPLES)


@pytest.mark.parametrize(
    ("kind", "fruit", "question", "answer"),
    [
        ("count", "apple", "how many apples are there?", "there are not two apples"),
        ("count", "apple", "how many apples are there?", "there are more than two apples"),
        ("count", "apple", "how many apples are there?", "there are two or three apples"),
        ("count", "apple", "how many apples are there?", "there are two apples of three"),
        ("count", "apple", "how many red apples are there?", "there are two apples"),
        ("count", "apple", "how many of the five apples are there?", "there are two apples"),
        ("count", "apple", "how many apples are on the left?", "there are two apples"),
        ("count", "apple", "how many pears are there?", "there are two apples"),
        ("count", "apple", "is there an apple?", "there are two apples"),
        ("presence", "apple", "is there an apple?", "yes, there are five apples"),
        ("presence", "apple", "is there an apple?", "yes, there is no apple"),
        ("presence", "kiwi", "is there a kiwi?", "no, there is a kiwi"),
        ("identify", None, "which fruits are there?", "it shows apple, pear and three more"),
        ("identify", None, "which fruits are there?", "it shows apple and maybe pear"),
        ("identify", None, "which fruits are there?", "it shows apple, pear and apple"),
        ("total", None, "how many fruits are there?", "there are three fruits and one kiwi"),
    ],
)
def test_an_item_that_says_anything_else_is_caught(kind, fruit, question, answer):
    assert not is_true(QAPair(question, answer, kind, fruit, "gpt2"), TWO_APPLES)


def test_absent_fruits_are_asked_about_as_often_as_present_ones():
    items = questions(TWO_APPLES, 0)
    presence = [item.answer.startswith("yes") for item in items if item.kind == "presence"]
    assert sorted(presence) == [False, False, True, True]
    assert any(item.answer.startswith("there are no ") for item in items if item.kind == "count")


def test_nothing_is_asked_that_the_boxes_cannot_answer():
    one = photo("banana", "pear", exhaustive=False, count_ok=frozenset(["pear"]))
    items = questions(one, 0)
    asked = {(item.kind, item.fruit) for item in items} - {("presence", None)}
    assert asked == {("count", "pear"), ("presence", "banana"), ("presence", "pear")}


@pytest.mark.parametrize(
    ("question", "answer", "kind", "fruit"),
    [
        ("how many apples are there?", "there are three apples", "count", "apple"),
        ("how many apples are there?", "there are two pears", "count", "apple"),
        ("how many pears are there?", "there are two apples", "count", "apple"),
        ("is there an apple?", "there are two apples", "count", "apple"),
        ("how many apples are there?", "", "count", "apple"),
        ("who is there?", "there are two apples", "count", "apple"),
        ("how many fruits are there?", "there are two fruits", "total", None),
        ("which fruits are there?", "it shows apple", "identify", None),
        ("which fruits are there?", "apples, pears and kiwis", "identify", None),
        ("is there a kiwi?", "yes, there is a kiwi", "presence", "kiwi"),
        ("is there a fig?", "no, there is no fig", "presence", "fig"),
    ],
)
def test_false_items_are_caught(question, answer, kind, fruit):
    assert not is_true(QAPair(question, answer, kind, fruit, "gpt2"), TWO_APPLES)


@pytest.mark.parametrize(
    "text",
    [
        "two apples",
        "two apples and two pears",
        "two apples, one pear and a kiwi",
        "apples and a pear",
        "one apple, another apple and a pear",
        "no fruit",
        "",
    ],
)
def test_false_captions_are_caught(text):
    assert not is_true_caption(text, TWO_APPLES)
    assert is_true_caption("a pear beside two red apples", TWO_APPLES)


def test_truth():
    assert true_answer(TWO_APPLES, "count", "apple") == 2
    assert true_answer(TWO_APPLES, "count", "kiwi") == 0
    assert true_answer(TWO_APPLES, "count", "fig") is None
    assert true_answer(TWO_APPLES, "total") == 3
    assert true_answer(TWO_APPLES, "identify") == {"apple", "pear"}
    assert true_answer(TWO_APPLES, "presence", "kiwi") is False
    assert true_answer(photo("banana", exhaustive=False), "presence", "kiwi") is None
    assert true_answer(photo("banana", exhaustive=False), "identify") is None
    assert true_answer(photo(), "presence") is False


def test_answers_read_back_in_large_numbers():
    assert templates.answer("count", "apple", 25) == "there are 25 apples"
    assert parse_answer("count", templates.answer("count", "apple", 25), "apple") == 25


TEXT = PhotoQA(
    "a.jpg",
    "train",
    Caption("two apples", "gpt2"),
    (
        QAPair("how many?", "two", "count", "apple", "gpt2"),
        QAPair("why?", "so", "reason", None, "x"),
    ),
)


def test_qa_reads_back(tmp_path):
    write_qa(tmp_path, [TEXT, replace(TEXT, file_name="b.jpg")], {"writer": "gpt2"})
    assert read_qa(tmp_path) == [TEXT, replace(TEXT, file_name="b.jpg")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"split": "train"', '"split": "tomorrow"'),
        ('"question": "how many?"', '"query": "how many?"'),
        ('"answer": "two"', '"answer": 2'),
        ('"file_name": "a.jpg"', '"file_name": null'),
        ('"text": "two apples",', ""),
        ('"file_name": "b.jpg"', '"file_name": "a.jpg"'),
        ('"photos"', '"pictures"'),
    ],
)
def test_a_broken_qa_file_is_refused_by_name(tmp_path, old, new):
    write_qa(tmp_path, [TEXT, replace(TEXT, file_name="b.jpg")], {})
    text = (tmp_path / "qa.json").read_text()
    assert old in text
    (tmp_path / "qa.json").write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=r"qa\.json"):
        read_qa(tmp_path)
