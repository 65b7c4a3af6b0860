"""The HTML of marks, chips, answers and refusals."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

import fruit_caption as fc
from fruit_caption.inference.points import Point

pytest.importorskip("gradio")

from fruit_caption.web.cards import Asked, answer_card, history, notice
from fruit_caption.web.chips import count_chips, fitting_chips
from fruit_caption.web.marks import draw_marks
from fruit_caption.web.samples import sample_questions

POINTS = (
    Point("apple", 10, 20, 0.9), Point("apple", 30.04, 20, 0.9), Point("pear", 50, 60, 0.8),
)  # fmt: skip
ATTACK = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def answer():
    path = next(path for path in sample_questions() if path.name == "rendered-pears.jpg")
    return fc.load().ask(path, "how many pears?")


def parse(html):
    """Parse HTML that is also XML, so that an unescaped text fails."""
    return ElementTree.fromstring(html)


def drawn(**how):
    drawing = parse(draw_marks(POINTS, (200, 100), **how))
    assert drawing.get("viewBox") == "0 0 200 100"
    circles = [(circle.get("cx"), circle.get("cy")) for circle in drawing.iter("circle")]
    return circles, [text.text for text in drawing.iter("text")]


def test_marks_are_numbered_by_kind_and_lie_where_the_fruit_is():
    circles, numbers = drawn(asked={"apple", "pear"})
    assert circles == [("10.0", "20.0"), ("30.0", "20.0"), ("50.0", "60.0")]
    assert numbers == ["1", "2", "1"]
    assert drawn(asked={"apple", "pear"}, one_series=True)[1] == ["1", "2", "3"]
    circles, numbers = drawn(asked={"pear"})
    assert len(circles) == 3  # fruit that is not asked about has marks without numbers
    assert numbers == ["1"]


def test_chips_name_the_counts_and_have_the_colors_of_the_marks():
    chips = parse(count_chips({"pear": 1, "apple": 2}, POINTS))
    labels = ["".join(chip.itertext()) for chip in chips]
    assert labels[:2] == ["2 apples", "1 pear"]
    assert chips[0].get("data-question") == "how many apples are there?"
    circles = parse(draw_marks(POINTS, (9, 9), {"apple"})).iter("circle")
    assert chips[0].find("i").get("style") == f"background:{next(circles).get('fill')}"
    assert [chip.get("data-question") for chip in parse(count_chips({}, ()))] == [
        "is there any fruit?"
    ]


def test_suggestions_can_be_answered():
    predictor, path = fc.load(), next(iter(sample_questions()))
    for counts in ({}, {"apple": 1}, {"pear": 3, "lime": 2, "kiwi": 1}):
        for chip in parse(fitting_chips(counts)):
            assert predictor.ask(path, chip.get("data-question")).value is not None


def test_texts_of_the_user_are_escaped(answer):
    card = answer_card(replace(answer, question=ATTACK))
    for html in (card, notice(ATTACK), notice("no", ATTACK), history([Asked(ATTACK, ATTACK, 0.5)])):
        assert ATTACK in "".join(parse(html).itertext())


def test_a_card_says_how_sure_it_is_and_when_the_marks_differ(answer):
    assert "the photo" not in answer_card(answer)  # as many marks as it says
    sure = replace(answer, confidence=0.95, is_confident=True, value=2)
    assert "very sure, 95 %" in answer_card(sure)
    assert "marked 7 on the photo" in answer_card(sure)
    assert "fairly sure, 70 %" in answer_card(replace(sure, confidence=0.7))
    guess = answer_card(replace(sure, confidence=0.2, is_confident=False))
    assert "a guess, 20 %" in guess
    assert "Not sure, perhaps" in guess


def test_samples_have_questions_that_are_answered_rightly():
    expected = {"banana-and-orange.jpg": {"banana", "orange"}, "three-fruits.jpg": 2, "hand.jpg": 2,
                "tomatoes.jpg": 3, "plate.jpg": False, "rendered-pears.jpg": 7}  # fmt: skip
    predictor = fc.load()
    answers = {path.name: predictor.ask(path, question).value
               for path, question in sample_questions().items()}  # fmt: skip
    assert answers == expected
