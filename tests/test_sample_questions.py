"""Fifty natural questions about the sample pictures, asked with the released model."""

from collections import Counter
from pathlib import Path

import pytest

import fruit_caption as fc
from fruit_caption.data.formats.coco import read_coco
from fruit_caption.utils.errors import OutOfDomain

ROOT = Path(__file__).parents[1]
QUESTIONS = ROOT / "tests" / "sample_questions.txt"


def rows():
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    return [tuple(map(str.strip, line.split("|"))) for line in lines if not line.startswith("#")]


def expected(text):
    """The value of a right answer, such as 2, True or a set of kinds."""
    if text.isdecimal():
        return int(text)
    if text in ("yes", "no"):
        return text == "yes"
    return frozenset() if text == "none" else frozenset(text.split(", "))


def judge(encoded, question, right):
    """Judge an answer as "right", "wrong", or "declined" if it is refused or only a guess."""
    try:
        answer = encoded.ask(question)
    except OutOfDomain:
        return "declined"
    if answer.value == right and isinstance(answer.value, type(right)):
        return "right"
    return "wrong" if answer.is_confident else "declined"


@pytest.fixture(scope="module")
def verdicts():
    predictor = fc.load()
    pictures = {name for name, *_ in rows()}
    folder = ROOT / "docs" / "sample" / "images"
    assert pictures == {path.name for path in folder.iterdir()}
    found = {}
    for picture, question, right in rows():
        # Encoded anew, so that no question continues the one before.
        encoded = predictor.encode(folder / picture)
        found[picture, question] = judge(encoded, question, expected(right))
    return found


def test_at_least_as_many_answers_are_right_as_measured(verdicts):
    counts = Counter(verdicts.values())
    assert len(verdicts) == 50
    # Measured: 31 right, 5 declined, 14 wrong: those are about fruit that the model mistakes.
    assert counts["right"] >= 29, counts
    assert counts["wrong"] <= 15, counts


def test_no_question_is_taken_for_its_opposite(verdicts):
    """Where the model sees all fruit rightly, a wrong yes or no would be a misread question."""
    predictor = fc.load()
    photos = read_coco(ROOT / "docs" / "sample").photos
    seen = {photo.path.name for photo in photos if photo.boxes
            and predictor.count(photo.path) == photo.counts()}  # fmt: skip
    assert len(seen) >= 4
    asked = [(picture, question) for picture, question, right in rows() if right in ("yes", "no")]
    assert [key for key in asked if key[0] in seen and verdicts[key] == "wrong"] == []
