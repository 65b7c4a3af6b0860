"""What a program gets from `fruit_caption.load`: answers, one or many, and what is behind them."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import fruit_caption as fc
from fruit_caption.config import ModelConfig
from fruit_caption.data.qa import DESCRIBE
from fruit_caption.language.answers import parse_answer
from fruit_caption.models.captioner import Captioner

QUESTIONS = ("How many APPLES r there?", "which fruits are there?", "any limes?")


@pytest.fixture(scope="module")
def eye(learnt):
    return fc.load(learnt[0])


@pytest.fixture(scope="module")
def pictures(learnt):
    return sorted((learnt[2] / "images").iterdir())[:20]


@pytest.fixture
def looks(eye, monkeypatch):
    """How many pictures were looked at, look by look."""
    looked = []
    look = eye._look

    def counted(pixels):
        looked.append(len(pixels))
        return look(pixels)

    monkeypatch.setattr(eye, "_look", counted)
    return looked


def test_the_package_says_what_it_exports_and_does_not_start_tensorflow():
    assert set(fc.__all__) <= {name for name in fc.__all__ if hasattr(fc, name)}
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        fc.lod  # noqa: B018
    code = "import sys, fruit_caption; assert 'keras' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_answer(eye, pictures):
    answer = eye.ask(pictures[0], "How many APPLES r there?")
    assert (answer.kind, answer.fruit) == ("count", "apple")
    assert answer.question == "How many APPLES r there?"
    assert answer.is_confident == (answer.confidence >= eye.model.confidence_threshold)
    assert answer.value == parse_answer("count", answer.text, "apple")
    # That it ended there was one more choice.
    assert 0 < answer.confidence <= np.prod(answer.probabilities) <= 1
    grid = answer.density.shape[:2]
    assert answer.attention.shape == (len(answer.words), *grid)
    np.testing.assert_allclose(answer.attention.sum(axis=(1, 2)), 1, rtol=1e-3)
    assert answer.density.shape == (*grid, len(eye.fruits))


def test_an_answer_of_which_it_is_less_sure_than_pays_is_told_as_such(eye, pictures, monkeypatch):
    answer = eye.ask(pictures[0], "how many apples?")
    for confidence_threshold, sure in (
        (answer.confidence, True),
        (answer.confidence + 0.01, False),
    ):
        monkeypatch.setattr(eye.model, "confidence_threshold", confidence_threshold)
        again = eye.ask(pictures[0], "how many apples?")
        assert (again.is_confident, again.to_json()["sure"], again.text) == (
            sure,
            sure,
            answer.text,
        )
    assert again.sentence == f"Not sure, perhaps {answer.text}."


def test_runners_up_mean_something_else(eye, pictures):
    answers = [eye.ask(picture, "how many fruits are there?") for picture in pictures[:6]]
    found = [answer for answer in answers if answer.alternatives]
    assert found
    for answer in found:
        values = [other.value for other in answer.alternatives]
        assert len({answer.value, *values}) == 1 + len(values)
        chances = [other.confidence for other in answer.alternatives]
        assert chances == sorted(chances, reverse=True)
        content = answer.to_json(runners_up=1)
        assert content["alternatives"] == [
            {
                "answer": answer.alternatives[0].text,
                "value": values[0],
                "confidence": round(chances[0], 4),
            }
        ]
    assert "alternatives" not in found[0].to_json()


def test_many_are_answered_as_one_by_one_but_looked_at_together(eye, pictures, looks):
    answers = list(eye.ask_many(pictures, QUESTIONS))
    assert looks == [16, 4]
    assert [(a.image, a.question) for a in answers] == [
        (str(picture), question) for picture in pictures for question in QUESTIONS
    ]
    for answer in answers[::7]:
        alone = eye.ask(answer.image, answer.question)
        assert (alone.text, alone.value) == (answer.text, answer.value)
        assert alone.confidence == pytest.approx(answer.confidence, rel=1e-3)


def test_a_picture_may_be_a_path_an_image_or_an_array(eye, pictures):
    with Image.open(pictures[3]) as opened:
        image = opened.convert("RGB")
    given = [pictures[3], str(pictures[3]), image, np.asarray(image)]
    answers = list(eye.ask_many(given, ["how many apples?"]))
    assert len({(answer.text, round(answer.confidence, 4)) for answer in answers}) == 1
    assert [a.image for a in answers] == [str(pictures[3])] * 2 + ["the picture"] * 2


@pytest.mark.parametrize(
    "given",
    [np.zeros((4, 4, 3)), np.zeros((4, 4, 2), "uint8"), np.zeros((0, 4, 3), "uint8"),
     np.zeros(4, "uint8"), None, b"bytes"],
)  # fmt: skip
def test_what_is_no_picture_is_refused_in_a_line(eye, given):
    with pytest.raises(fc.PictureError) as refusal:
        eye.ask(given, "any limes?")
    assert "\n" not in str(refusal.value)


def test_pictures_that_cannot_be_read_are_left_out_if_one_wants(eye, pictures, tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    mixed = [pictures[0], tmp_path / "text.jpg", pictures[1], tmp_path / "none.jpg"]
    skipped = []
    answers = list(eye.ask_many(mixed, ["any limes?"], skipped.append))
    assert [answer.image for answer in answers] == [str(pictures[0]), str(pictures[1])]
    assert [type(error) for error in skipped] == [fc.PictureError] * 2
    with pytest.raises(fc.PictureError, match=r"text\.jpg"):
        list(eye.ask_many(mixed, ["any limes?"]))
    with pytest.raises(fc.PictureError, match=r"none\.jpg"):
        eye.ask(tmp_path / "none.jpg", "any limes?")


def test_what_cannot_be_asked_is_refused_before_a_picture_is_read(eye, tmp_path):
    with pytest.raises(fc.OutOfDomain, match="never met durians"):
        eye.ask_many([tmp_path / "none.jpg"], ["any limes?", "how many durians?"])


def test_a_picture_is_looked_at_once_however_much_is_asked(eye, pictures, looks):
    sight = eye.encode(pictures[2])
    answers = [sight.ask(question) for question in QUESTIONS]
    counts = sight.count()
    assert sight.caption().question == DESCRIBE
    assert looks == [1]
    assert [answer.text for answer in answers] == [
        eye.ask(pictures[2], question).text for question in QUESTIONS
    ]
    assert counts == eye.count(pictures[2])


def test_counts_are_those_of_the_questions(eye, pictures):
    told = dict(eye.count_many(pictures[:3]))
    assert list(told) == [str(picture) for picture in pictures[:3]]
    for picture in pictures[:3]:
        answers = [eye.ask(picture, f"how many {fruit}s?") for fruit in eye.fruits]
        assert told[str(picture)] == {a.fruit: a.value for a in answers if a.value}


def test_a_caption_has_no_value(eye, pictures):
    answer = eye.caption(pictures[0])
    assert (answer.kind, answer.value) == ("caption", None)
    assert answer.text
    assert all(other.value is None for other in answer.alternatives)


def test_a_quiz_asks_what_can_be_answered_and_nothing_twice(eye, pictures):
    # So small a model makes up little: about the one that it has most to ask about.
    looked = max(map(eye.encode, pictures[:8]), key=lambda one: len(one.quiz(questions=4)))
    answers = looked.quiz(questions=4)
    assert 2 <= len(answers) <= 4
    assert len({(answer.kind, answer.fruit) for answer in answers}) == len(answers)
    again = looked.quiz(questions=4)
    assert [answer.question for answer in again] == [answer.question for answer in answers]
    others = {answer.question for seed in range(1, 4) for answer in looked.quiz(4, seed)}
    assert not others <= {answer.question for answer in answers}


def test_a_model_that_was_not_taught_to_ask_says_so(pictures):
    eye = fc.Predictor(
        Captioner(ModelConfig("scratch", "none", image_size=48), ("apples",), ("apple",))
    )
    with pytest.raises(fc.RunError, match="not trained to ask questions"):
        eye.encode(pictures[0]).quiz()


def test_what_it_saw_is_shown_as_an_image(eye, pictures):
    with Image.open(pictures[0]) as opened:
        shown = eye.ask(np.asarray(opened.convert("RGB")), "how many apples?").show()
    assert shown.width == 1200
    assert len(shown.getcolors(1 << 20)) > 10
