"""Template texts pass the checker, and the checker rejects wrong texts."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fruit_caption.data.qa import Caption, PhotoQA, QAPair, read_qa, write_qa
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.datagen.checker import is_true, is_true_caption
from fruit_caption.datagen.question_specs import question_specs
from fruit_caption.datagen.template_writer import template_caption, template_pair
from fruit_caption.language import templates
from fruit_caption.language.answers import parse_answer
from fruit_caption.language.questions import KINDS, Question, parse_question
from fruit_caption.utils.errors import DataError

LISTED = ("apple", "avocado", "banana", "kiwi", "orange", "passion fruit", "pear")
PHOTOS_PER_FRUIT = dict.fromkeys(LISTED, 5)


def photo(*fruits, **fields):
    boxes = tuple(FruitBox(fruit, 0, 0, 1, 1) for fruit in fruits)
    return Photo(Path("a.jpg"), 10, 10, boxes, frozenset(LISTED), **fields)


def write_pairs(photo, seed):
    rng = random.Random(seed)
    return [template_pair(spec, rng) for spec in question_specs(photo, PHOTOS_PER_FRUIT, rng)]


TWO_APPLES = photo("apple", "apple", "pear")

photos = st.builds(
    lambda fruits, exhaustive, ok: photo(*fruits, exhaustive=exhaustive, count_ok=ok),
    st.lists(st.sampled_from(LISTED), max_size=30),
    st.booleans(),
    st.none() | st.frozensets(st.sampled_from(LISTED)),
).filter(lambda photo: photo.boxes or photo.exhaustive)


@given(photo=photos, seed=st.integers(0, 1000))
@settings(max_examples=200, deadline=None)
def test_template_texts_are_true(photo, seed):
    pairs = write_pairs(photo, seed)
    assert all(is_true(pair, photo) for pair in pairs)
    assert is_true_caption(template_caption(photo).text, photo)


@pytest.mark.parametrize("kind", KINDS)
def test_every_phrasing_is_parsed_as_its_kind(kind):
    for phrasing in templates.QUESTIONS[kind]:
        fruit = "passion fruit" if "{" in phrasing else None
        text = phrasing.format(plural="passion fruits", a_fruit="a passion fruit")
        assert parse_question(text) == Question(kind, fruit)


def test_template_wording():
    pairs = write_pairs(TWO_APPLES, 0)
    answers = {(pair.kind, pair.fruit): pair.answer for pair in pairs}
    assert answers["count", "apple"] == "there are two apples"
    assert answers["count", "pear"] == "there is one pear"
    assert answers["total", None] == "there are three fruits"
    assert answers["identify", None] == "it shows apple and pear"
    assert answers["presence", "apple"] == "yes, there is an apple"
    assert template_caption(TWO_APPLES).text == "a photo of two apples and one pear"
    assert template_caption(photo()).text == "a photo with no fruit"
    assert template_caption(photo("banana", count_ok=frozenset())).text == "a photo of some bananas"


FALSE_CAPTIONS = """
two apples
two apples and two pears
two apples, one pear and a kiwi
apples and a pear
one apple, another apple and a pear
no fruit
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
def test_wrong_captions_are_rejected(caption):
    assert not is_true_caption(caption, TWO_APPLES)


@pytest.mark.parametrize(
    "caption",
    [
        "two apples and a pear",
        "a pear next to two apples, side by side",
        "a pear beside two red apples",
    ],
)
def test_correct_captions_are_accepted(caption):
    assert is_true_caption(caption, TWO_APPLES)


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
        ("count", "apple", "how many apples are there?", "there are three apples"),
        ("count", "apple", "how many apples are there?", "there are two pears"),
        ("count", "apple", "how many apples are there?", ""),
        ("count", "apple", "who is there?", "there are two apples"),
        ("total", None, "how many fruits are there?", "there are two fruits"),
        ("identify", None, "which fruits are there?", "it shows apple"),
        ("identify", None, "which fruits are there?", "apples, pears and kiwis"),
        ("presence", "kiwi", "is there a kiwi?", "yes, there is a kiwi"),
        ("presence", "fig", "is there a fig?", "no, there is no fig"),
    ],
)
def test_wrong_pairs_are_rejected(kind, fruit, question, answer):
    assert not is_true(QAPair(question, answer, kind, fruit, "gpt2"), TWO_APPLES)


def test_as_many_questions_are_about_absent_fruits_as_about_present_ones():
    pairs = write_pairs(TWO_APPLES, 0)
    presence = [pair.answer.startswith("yes") for pair in pairs if pair.kind == "presence"]
    assert sorted(presence) == [False, False, True, True]
    assert any(pair.answer.startswith("there are no ") for pair in pairs if pair.kind == "count")


def test_only_questions_that_the_boxes_answer_are_asked():
    one = photo("banana", "pear", exhaustive=False, count_ok=frozenset(["pear"]))
    pairs = write_pairs(one, 0)
    asked = {(pair.kind, pair.fruit) for pair in pairs} - {("presence", None)}
    assert asked == {("count", "pear"), ("presence", "banana"), ("presence", "pear")}


def test_true_answer():
    assert TWO_APPLES.true_answer("count", "apple") == 2
    assert TWO_APPLES.true_answer("count", "kiwi") == 0
    assert TWO_APPLES.true_answer("count", "fig") is None
    assert TWO_APPLES.true_answer("total") == 3
    assert TWO_APPLES.true_answer("identify") == {"apple", "pear"}
    assert TWO_APPLES.true_answer("presence", "kiwi") is False
    assert photo("banana", exhaustive=False).true_answer("presence", "kiwi") is None
    assert photo("banana", exhaustive=False).true_answer("identify") is None
    assert photo().true_answer("presence") is False


def test_large_numbers_are_parsed_back():
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


def test_qa_file_round_trip(tmp_path):
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
def test_errors_name_a_broken_qa_file(tmp_path, old, new):
    write_qa(tmp_path, [TEXT, replace(TEXT, file_name="b.jpg")], {})
    text = (tmp_path / "qa.json").read_text()
    assert old in text
    (tmp_path / "qa.json").write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=r"qa\.json"):
        read_qa(tmp_path)
