"""Phrasebook texts are true and grammatical; held-out phrasings never occur in training."""

import random
import re
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fruit_caption.data.qa import QAPair
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.datagen.checker import is_true, is_true_caption
from fruit_caption.language.fruits import FRUITS, plural
from fruit_caption.language.phrasebook import (
    TABLES,
    phrasing_counts,
    write_answer,
    write_caption,
    write_question,
)
from fruit_caption.language.questions import KINDS, Question, parse_question

ALL_FRUITS = sorted(FRUITS)
SINGULAR, PLURAL = "|".join(FRUITS), "|".join(FRUITS.values())
UNGRAMMATICAL = re.compile(
    rf"\ba [aeio]|\ban [^aeio]|\b(one|single|lone) ({PLURAL})\b"
    rf"|\b(two|three|seven|twelve|twenty|some|any|many) ({SINGULAR})\b"
    rf"|\bthere is (two|three|seven|twelve|{PLURAL})\b|\bthere are (one|an?)\b"
    rf"|^(one|an?) ({SINGULAR}) (are|have)\b|^\w+ ({PLURAL}) (is|has)\b|  | ,"
)


def photo_of(counts):
    boxes = [FruitBox(fruit, 0, 0, 1, 1) for fruit, n in counts.items() for _ in range(n or 1)]
    known = frozenset(fruit for fruit, number in counts.items() if number is not None)
    return Photo(Path("a.jpg"), 9, 9, tuple(boxes), frozenset(FRUITS), count_ok=known)


def is_well_written(text):
    return (
        re.fullmatch(r"[a-z ,:?']+", text)
        and text == text.strip()
        and not UNGRAMMATICAL.search(text)
    )


numbers = st.none() | st.integers(1, 20)
scenes = st.dictionaries(st.sampled_from(ALL_FRUITS), numbers, max_size=5)
generators = st.randoms(use_true_random=False)


@given(counts=scenes, rng=generators, held_out=st.booleans())
@settings(max_examples=300, deadline=None)
def test_captions_are_true(counts, rng, held_out):
    text = write_caption(counts, rng, held_out)
    assert is_true_caption(text, photo_of(counts)), text
    assert 3 <= len(text.split()) <= 40


@given(
    counts=scenes,
    kind=st.sampled_from(KINDS),
    fruit=st.none() | st.sampled_from(ALL_FRUITS),
    rng=generators,
    held_out=st.booleans(),
)
@settings(max_examples=500, deadline=None)
def test_questions_and_answers_are_true(counts, kind, fruit, rng, held_out):
    if kind in ("total", "identify"):
        fruit = None
    elif kind == "count":
        fruit = fruit or "apple"
    photo = photo_of(counts)
    question = write_question(kind, fruit, rng, held_out)
    assert parse_question(question) == Question(kind, fruit)
    if (value := photo.true_answer(kind, fruit)) is not None:
        answer = write_answer(kind, fruit, value, rng, held_out)
        assert is_true(QAPair(question, answer, kind, fruit, "phrasebook"), photo), (
            question,
            answer,
        )


SCENES = [{}, {"pear": 1}, {"orange": 2}, {"kiwi": 7}, {"fig": None}, {"apple": 3, "banana": 1}]
SCENES += [
    {"orange": 1, "fig": 1},
    {"apricot": None, "avocado": 1},
    dict.fromkeys(ALL_FRUITS[:5], 3),
]


def sample_texts(held_out, draws=400):
    """Yield texts about a few scenes with their kind, because a caption may equal an answer."""
    rng = random.Random(0)
    for counts in SCENES:
        photo = photo_of(counts)
        fruits = [*counts, "lime"][:2]
        questions = [("total", None), ("identify", None), ("presence", None)]
        questions += product(("count", "presence"), fruits)
        for _ in range(draws):
            yield "caption", write_caption(counts, rng, held_out)
        for kind, fruit in questions * (draws // 4):
            yield f"{kind} question", write_question(kind, fruit, rng, held_out)
            if (value := photo.true_answer(kind, fruit)) is not None:
                yield f"{kind} answer", write_answer(kind, fruit, value, rng, held_out)


def test_texts_are_well_written_and_held_out_ones_never_occur_in_training():
    training, held = set(sample_texts(held_out=False)), set(sample_texts(held_out=True))
    assert not {text for _, text in training | held if not is_well_written(text)}
    assert not sorted(training & held)
    assert len(training) > len(held) > 1000


@pytest.mark.parametrize("table", TABLES)
def test_about_one_phrasing_in_eight_is_held_out(table):
    training, held = phrasing_counts()[table]
    assert held >= 1
    assert training + held == len(TABLES[table])
    assert abs(held - (training + held) / 8) <= 0.5


def test_phrasings_are_unique():
    # A duplicate could be held out in one table and trained on in the other.
    uses = Counter(phrasing for table in TABLES.values() for phrasing in table)
    assert not [phrasing for phrasing, times in uses.items() if times > 1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_question_is_parsed_as_its_kind(kind):
    tables = {kind: kind in ("count", "presence")} | (
        {"any fruit": False} if kind == "presence" else {}
    )
    for table, names_fruit in tables.items():
        fruits = ALL_FRUITS if names_fruit else [None]
        for phrasing, fruit in product(TABLES[table], fruits):
            forms = {"fruit": fruit, "plural": plural(fruit)} if fruit else {}
            text = phrasing.format(picture="photo", a_fruit=f"a {fruit}", **forms)
            assert parse_question(text) == Question(kind, fruit), text
        for opener in TABLES["opener"]:
            text = f"{opener} {TABLES[table][0]}".format(plural="figs", a_fruit="a fig")
            assert parse_question(text) == Question(kind, "fig" if names_fruit else None), text


def test_texts_depend_only_on_the_seed_and_the_facts():
    for held_out in (False, True):
        first, second = random.Random(3), random.Random(3)
        counts = {"apple": 3, "banana": 1}
        reordered = dict(reversed(counts.items()))
        assert write_caption(counts, first, held_out) == write_caption(reordered, second, held_out)
        for value in (frozenset(["fig", "pear", "kiwi"]), frozenset(["kiwi", "pear", "fig"])):
            assert write_answer(
                "identify", None, value, random.Random(3), held_out
            ) == write_answer(
                "identify", None, frozenset(sorted(value)), random.Random(3), held_out
            )


def test_texts_are_varied():
    rng = random.Random(0)
    assert len({write_caption({"apple": 3, "banana": 1}, rng) for _ in range(500)}) > 400
    assert len({write_question("count", "apple", rng) for _ in range(500)}) > 120
    counts = phrasing_counts()
    assert all(sum(counts[table]) >= 40 for table in ("caption", *KINDS))
    assert all(sum(counts[answer]) >= 15 for answer in TABLES if ": " in answer)


def test_numbers_above_twenty_are_digits():
    text = write_caption({"grape": 25}, random.Random(0))
    assert "25" in text
    assert is_true_caption(text, photo_of({"grape": 25}))
