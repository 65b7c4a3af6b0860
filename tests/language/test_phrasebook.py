"""All that the phrasebook says is true, in phrasings for training and in others held out."""

import random
import re
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fruit_caption.data.qa import QAPair
from fruit_caption.data.records import FruitBox, Photo, true_answer
from fruit_caption.datagen.checker import is_true, is_true_caption
from fruit_caption.language import phrases
from fruit_caption.language.fruits import FRUITS, plural
from fruit_caption.language.phrasebook import phrasings, write_answer, write_caption, write_question
from fruit_caption.language.questions import KINDS, Question, parse_question

SEVERAL = sorted(FRUITS)
SINGULAR, PLURAL = "|".join(FRUITS), "|".join(FRUITS.values())
STUMBLES = re.compile(
    rf"\ba [aeio]|\ban [^aeio]|\b(one|single|lone) ({PLURAL})\b"
    rf"|\b(two|three|seven|twelve|twenty|some|any|many) ({SINGULAR})\b"
    rf"|\bthere is (two|three|seven|twelve|{PLURAL})\b|\bthere are (one|an?)\b"
    rf"|^(one|an?) ({SINGULAR}) (are|have)\b|^\w+ ({PLURAL}) (is|has)\b|  | ,"
)


def photo_of(counts):
    boxes = [FruitBox(fruit, 0, 0, 1, 1) for fruit, n in counts.items() for _ in range(n or 1)]
    known = frozenset(fruit for fruit, number in counts.items() if number is not None)
    return Photo(Path("a.jpg"), 9, 9, tuple(boxes), frozenset(FRUITS), count_ok=known)


def well_written(text):
    return re.fullmatch(r"[a-z ,:?']+", text) and text == text.strip() and not STUMBLES.search(text)


numbers = st.none() | st.integers(1, 20)
scenes = st.dictionaries(st.sampled_from(SEVERAL), numbers, max_size=5)
chances = st.randoms(use_true_random=False)


@given(counts=scenes, rng=chances, held_out=st.booleans())
@settings(max_examples=300, deadline=None)
def test_captions_are_true(counts, rng, held_out):
    text = write_caption(counts, rng, held_out)
    assert is_true_caption(text, photo_of(counts)), text
    assert 3 <= len(text.split()) <= 40


@given(
    counts=scenes,
    kind=st.sampled_from(KINDS),
    fruit=st.none() | st.sampled_from(SEVERAL),
    rng=chances,
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
    if (value := true_answer(photo, kind, fruit)) is not None:
        answer = write_answer(kind, fruit, value, rng, held_out)
        assert is_true(QAPair(question, answer, kind, fruit, "phrasebook"), photo), (
            question,
            answer,
        )


CASES = [{}, {"pear": 1}, {"orange": 2}, {"kiwi": 7}, {"fig": None}, {"apple": 3, "banana": 1}]
CASES += [{"orange": 1, "fig": 1}, {"apricot": None, "avocado": 1}, dict.fromkeys(SEVERAL[:5], 3)]


def drawn(held_out, draws=400):
    """What is written about a few scenes, each text with what it is: a caption, a kind of answer.

    Else a caption that happens to read like an answer would seem to be the same phrasing.
    """
    rng = random.Random(0)
    for counts in CASES:
        photo = photo_of(counts)
        fruits = [*counts, "lime"][:2]
        asked = [("total", None), ("identify", None), ("presence", None)]
        asked += product(("count", "presence"), fruits)
        for _ in range(draws):
            yield "caption", write_caption(counts, rng, held_out)
        for kind, fruit in asked * (draws // 4):
            yield f"{kind} question", write_question(kind, fruit, rng, held_out)
            if (value := true_answer(photo, kind, fruit)) is not None:
                yield f"{kind} answer", write_answer(kind, fruit, value, rng, held_out)


def test_english_is_clean_and_held_out_phrasings_are_never_trained_on():
    kept, held = set(drawn(held_out=False)), set(drawn(held_out=True))
    assert not {text for _, text in kept | held if not well_written(text)}
    assert not sorted(kept & held)
    assert len(kept) > len(held) > 1000


@pytest.mark.parametrize("table", phrases.TABLES)
def test_about_one_phrasing_in_eight_is_held_out(table):
    kept, held = phrasings()[table]
    assert held >= 1
    assert kept + held == len(phrases.TABLES[table])
    assert abs(held - (kept + held) / 8) <= 0.5


def test_no_phrasing_stands_twice():
    # Else it could be held out of one table and trained on in the other.
    uses = Counter(phrasing for table in phrases.TABLES.values() for phrasing in table)
    assert not [phrasing for phrasing, times in uses.items() if times > 1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_question_asks_what_it_is_meant_to(kind):
    tables = {kind: kind in ("count", "presence")} | (
        {"any fruit": False} if kind == "presence" else {}
    )
    for table, names_one in tables.items():
        fruits = SEVERAL if names_one else [None]
        for phrasing, fruit in product(phrases.QUESTIONS[table], fruits):
            forms = {"fruit": fruit, "plural": plural(fruit)} if fruit else {}
            text = phrasing.format(picture="photo", a_fruit=f"a {fruit}", **forms)
            assert parse_question(text) == Question(kind, fruit), text
        for opener in phrases.OPENERS:
            asked = f"{opener} {phrases.QUESTIONS[table][0]}".format(plural="figs", a_fruit="a fig")
            assert parse_question(asked) == Question(kind, "fig" if names_one else None), asked


def test_the_same_seed_writes_the_same():
    for held_out in (False, True):
        first, second = random.Random(3), random.Random(3)
        counts = {"apple": 3, "banana": 1}
        again = dict(reversed(counts.items()))
        assert write_caption(counts, first, held_out) == write_caption(again, second, held_out)
        for value in (frozenset(["fig", "pear", "kiwi"]), frozenset(["kiwi", "pear", "fig"])):
            assert write_answer(
                "identify", None, value, random.Random(3), held_out
            ) == write_answer(
                "identify", None, frozenset(sorted(value)), random.Random(3), held_out
            )


def test_it_has_much_to_say():
    rng = random.Random(0)
    assert len({write_caption({"apple": 3, "banana": 1}, rng) for _ in range(500)}) > 400
    assert len({write_question("count", "apple", rng) for _ in range(500)}) > 120
    said = phrasings()
    assert all(sum(said[table]) >= 40 for table in ("caption", *KINDS))
    assert all(sum(said[answer]) >= 15 for answer in phrases.ANSWERS)


def test_numbers_beyond_the_words_are_digits():
    text = write_caption({"grape": 25}, random.Random(0))
    assert "25" in text
    assert is_true_caption(text, photo_of({"grape": 25}))
