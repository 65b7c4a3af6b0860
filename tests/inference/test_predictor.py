"""The Python interface: answers to one or many questions, counts, captions, quizzes."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import fruit_caption as fc
from fruit_caption.config import ModelConfig
from fruit_caption.data.qa import CAPTION_PROMPT
from fruit_caption.language.answers import parse_answer, parse_mentions
from fruit_caption.models.captioner import Captioner

QUESTIONS = ("How many APPLES r there?", "which fruits are there?", "any limes?")


@pytest.fixture(scope="module")
def predictor(learnt):
    return fc.load(learnt[0])


@pytest.fixture(scope="module")
def pictures(learnt):
    return sorted((learnt[2] / "images").iterdir())[:20]


@pytest.fixture
def batch_sizes(predictor, monkeypatch):
    """Collects the number of pictures in each batch that is encoded."""
    sizes = []
    encode = predictor._encode_pixels

    def recording(pixels):
        sizes.append(len(pixels))
        return encode(pixels)

    monkeypatch.setattr(predictor, "_encode_pixels", recording)
    return sizes


def test_the_package_exports_its_names_without_importing_tensorflow():
    assert set(fc.__all__) <= {name for name in fc.__all__ if hasattr(fc, name)}
    assert {"load", "Predictor", "__version__"} <= set(dir(fc))
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        fc.lod  # noqa: B018
    code = "import sys, fruit_caption; assert 'keras' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_content_of_a_file_is_a_picture(predictor, pictures):
    from_file, from_bytes = (
        predictor.ask(picture, QUESTIONS[0]) for picture in (pictures[3], pictures[3].read_bytes())
    )
    assert from_bytes.to_json() == from_file.to_json() | {"image": "the picture"}
    assert from_bytes.show().size == from_file.show().size
    assert predictor.count(pictures[3].read_bytes()) == predictor.count(pictures[3])
    for wrong in (b"", b"no picture", pictures[3].read_bytes()[:60]):
        with pytest.raises(fc.PictureError, match=r"^the picture is"):
            predictor.ask(wrong, QUESTIONS[0])


def test_fields_of_an_answer(predictor, pictures):
    answers = predictor.ask_many(pictures, ["How many APPLES r there?"])
    # The model's own answer, which does not contradict its other answers.
    picture = next(p for p, answer in zip(pictures, answers, strict=True) if answer.words)
    answer = predictor.ask(picture, "How many APPLES r there?")
    assert (answer.kind, answer.fruit) == ("count", "apple")
    assert answer.question == "How many APPLES r there?"
    assert answer.is_confident == (answer.confidence >= predictor.model.confidence_threshold)
    assert answer.value == parse_answer("count", answer.text, "apple")
    assert 0 < answer.confidence <= 1
    assert all(0 < probability <= 1 for probability in answer.probabilities)
    words, rows, columns = answer.attention.shape
    assert (words, rows) == (len(answer.words), columns)
    np.testing.assert_allclose(answer.attention.sum(axis=(1, 2)), 1, rtol=1e-3)
    assert answer.points == predictor.points(picture)


def test_answers_below_the_threshold_are_marked_as_uncertain(predictor, pictures, monkeypatch):
    answer = predictor.ask(pictures[0], "how many apples?")
    for threshold, confident in ((answer.confidence, True), (answer.confidence + 0.01, False)):
        monkeypatch.setattr(predictor.model, "confidence_threshold", threshold)
        again = predictor.ask(pictures[0], "how many apples?")
        assert again.is_confident == again.to_json()["sure"] == confident
        assert again.text == answer.text
    assert again.sentence == f"Not sure, perhaps {answer.text}."


def test_alternatives_have_other_values(predictor, pictures):
    questions = ("how many fruits are there?", "how many apples?", "how many limes?")
    answers = [predictor.ask(picture, text) for picture in pictures for text in questions]
    found = [answer for answer in answers if answer.alternatives]
    assert found
    for answer in found:
        values = [other.value for other in answer.alternatives]
        assert len({answer.value, *values}) == 1 + len(values)
        confidences = [other.confidence for other in answer.alternatives]
        assert confidences == sorted(confidences, reverse=True)
        content = answer.to_json(alternatives=1)
        assert content["alternatives"] == [
            {
                "answer": answer.alternatives[0].text,
                "value": values[0],
                "confidence": round(confidences[0], 4),
            }
        ]
    assert "alternatives" not in found[0].to_json()


def test_ask_many_encodes_in_batches_and_answers_like_ask(predictor, pictures, batch_sizes):
    answers = list(predictor.ask_many(pictures, QUESTIONS))
    assert batch_sizes == [16, 4]
    assert [(a.image, a.question) for a in answers] == [
        (str(picture), question) for picture in pictures for question in QUESTIONS
    ]
    for answer in answers[::7]:
        alone = predictor.ask(answer.image, answer.question)
        assert (alone.text, alone.value) == (answer.text, answer.value)
        assert alone.confidence == pytest.approx(answer.confidence, rel=1e-3)


def test_a_picture_may_be_a_path_an_image_or_an_array(predictor, pictures):
    with Image.open(pictures[3]) as opened:
        image = opened.convert("RGB")
    given = [pictures[3], str(pictures[3]), image, np.asarray(image)]
    answers = list(predictor.ask_many(given, ["how many apples?"]))
    assert len({(answer.text, round(answer.confidence, 4)) for answer in answers}) == 1
    assert [a.image for a in answers] == [str(pictures[3])] * 2 + ["the picture"] * 2


@pytest.mark.parametrize(
    "given",
    [np.zeros((4, 4, 3)), np.zeros((4, 4, 2), "uint8"), np.zeros((0, 4, 3), "uint8"),
     np.zeros(4, "uint8"), None, b"bytes"],
)  # fmt: skip
def test_other_objects_are_rejected_as_pictures(predictor, given):
    with pytest.raises(fc.PictureError) as error:
        predictor.ask(given, "any limes?")
    assert "\n" not in str(error.value)


def test_on_error_receives_unreadable_pictures(predictor, pictures, tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    mixed = [pictures[0], tmp_path / "text.jpg", pictures[1], tmp_path / "none.jpg"]
    errors = []
    answers = list(predictor.ask_many(mixed, ["any limes?"], errors.append))
    assert [answer.image for answer in answers] == [str(pictures[0]), str(pictures[1])]
    assert [type(error) for error in errors] == [fc.PictureError] * 2
    with pytest.raises(fc.PictureError, match=r"text\.jpg"):
        list(predictor.ask_many(mixed, ["any limes?"]))
    with pytest.raises(fc.PictureError, match=r"none\.jpg"):
        predictor.ask(tmp_path / "none.jpg", "any limes?")


def test_unanswerable_questions_raise_before_a_picture_is_read(predictor, tmp_path):
    with pytest.raises(fc.OutOfDomain, match="not trained on durians"):
        predictor.ask_many([tmp_path / "none.jpg"], ["any limes?", "how many durians?"])


def test_an_encoded_image_runs_the_encoder_once(predictor, pictures, batch_sizes):
    image = predictor.encode(pictures[2])
    answers = [image.ask(question) for question in QUESTIONS]
    counts = image.count()
    assert image.caption().question == CAPTION_PROMPT
    assert batch_sizes == [1]
    assert [answer.text for answer in answers] == [
        predictor.ask(pictures[2], question).text for question in QUESTIONS
    ]
    assert counts == predictor.count(pictures[2])


def test_counts_equal_the_answers_to_count_questions(predictor, pictures):
    counts = dict(predictor.count_many(pictures[:3]))
    assert list(counts) == [str(picture) for picture in pictures[:3]]
    for picture in pictures[:3]:
        answers = [predictor.ask(picture, f"how many {fruit}s?") for fruit in predictor.fruits]
        found = {answer.fruit: answer for answer in answers if answer.value}
        assert set(counts[str(picture)]) == set(found)
        assert predictor.count(picture) == {fruit: a.value for fruit, a in found.items()}
        for fruit, count in counts[str(picture)].items():
            assert count.number == found[fruit].value
            assert count.confidence == pytest.approx(found[fruit].confidence, abs=1e-5)
            assert count.is_confident == found[fruit].is_confident


class Detecting:
    """A small untrained model, and a detector that finds a lime and two apples in every photo."""

    def __init__(self, fruits=("apple", "lime")):
        config = ModelConfig("scratch", "none", image_size=64, channels=8, units=8)
        self.model = Captioner(config, ("apples", "limes", "fruits", "?"), fruits)
        self.calls = 0

    def __getattr__(self, name):
        return getattr(self.model, name)

    def encoder_fn(self):
        encode = self.model.encoder_fn()

        def detect(pixels):
            self.calls += 1
            peaks, kinds = np.zeros((len(pixels), 8, 8)), np.zeros((len(pixels), 8, 8), "int32")
            peaks[:, [2, 3, 5], [6, 1, 4]] = 0.75, 0.5, 0.98765
            kinds[:, 2, 6] = 1
            return encode(pixels) | {"peaks": peaks, "peak_kinds": kinds}

        return detect


WIDE = (
    fc.Point("apple", 30.0, 30.0, 0.5),
    fc.Point("apple", 90.0, 70.0, 0.98765),
    fc.Point("lime", 130.0, 10.0, 0.75),
)
"""What `Detecting` finds in 160 x 80 pixels: cells of 20 pixels, two of them padding above."""


def test_points_are_in_pixels_of_each_upright_picture(tmp_path):
    predictor = fc.Predictor(Detecting())
    wide = Image.new("RGB", (160, 80))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.new("RGB", (80, 160)).save(tmp_path / "turned.jpg", exif=exif)
    large = np.zeros((160, 320), "uint8")
    assert predictor.points(wide) == WIDE
    assert predictor.encode(tmp_path / "turned.jpg").points() == WIDE
    answers = list(predictor.ask_many([wide, large], ["how many apples?", "which fruits?"]))
    assert predictor.model.calls == 3
    assert [answer.points for answer in answers[:2]] == [WIDE] * 2
    doubled = tuple(fc.Point(p.fruit, 2 * p.x, 2 * p.y, p.confidence) for p in WIDE)
    assert [answer.points for answer in answers[2:]] == [doubled] * 2


def test_points_outlive_the_file(tmp_path):
    Image.new("RGB", (160, 80)).save(tmp_path / "a.png")
    predictor = fc.Predictor(Detecting())
    [answer] = predictor.ask_many([tmp_path / "a.png"], ["how many apples?"])
    (tmp_path / "a.png").unlink()
    assert answer.points == WIDE
    with pytest.raises(fc.PictureError, match="no such file"):
        answer.show()
    with pytest.raises(fc.PictureError, match="no such file"):
        predictor.points(tmp_path / "a.png")


def test_json_lists_the_points_that_the_question_is_about():
    image = fc.Predictor(Detecting()).encode(Image.new("RGB", (160, 80)))
    for question, fruits in (
        ("how many apples?", ["apple", "apple"]), ("is there a lime?", ["lime"]),
        ("how many fruits are there?", ["apple", "apple", "lime"]),
        ("which fruits are there?", ["apple", "apple", "lime"]),
    ):  # fmt: skip
        answer = image.ask(question)
        points = answer.to_json()["points"]
        assert [point["fruit"] for point in points] == fruits
        assert len(answer.points) == 3
    assert points[1] == {"fruit": "apple", "x": 90.0, "y": 70.0, "confidence": 0.9877}
    assert "points" not in image.caption().to_json()


def test_a_model_without_fruits_has_no_points():
    image = fc.Predictor(Detecting(())).encode(Image.new("RGB", (160, 80)))
    assert image.points() == image.caption().points == ()


def test_a_caption_has_no_value(predictor, pictures):
    answer = predictor.caption(pictures[0])
    assert (answer.kind, answer.value) == ("caption", None)
    assert answer.text
    assert all(other.value is None for other in answer.alternatives)


def test_a_quiz_asks_different_answerable_questions(predictor, pictures):
    # The small model generates few questions, so take the picture with the most.
    image = max(map(predictor.encode, pictures[:8]), key=lambda image: len(image.quiz(questions=4)))
    answers = image.quiz(questions=4)
    assert 2 <= len(answers) <= 4
    assert len({(answer.kind, answer.fruit) for answer in answers}) == len(answers)
    again = image.quiz(questions=4)
    assert [answer.question for answer in again] == [answer.question for answer in answers]
    others = {answer.question for seed in range(1, 4) for answer in image.quiz(4, seed)}
    assert not others <= {answer.question for answer in answers}


def test_a_quiz_needs_a_model_trained_to_ask(pictures):
    predictor = fc.Predictor(
        Captioner(ModelConfig("scratch", "none", image_size=48), ("apples",), ("apple",))
    )
    with pytest.raises(fc.RunError, match="not trained to ask questions"):
        predictor.encode(pictures[0]).quiz()


def test_show_and_save_overlay_draw_the_same(predictor, pictures, tmp_path):
    with Image.open(pictures[0]) as opened:
        answer = predictor.ask(np.asarray(opened.convert("RGB")), "how many apples?")
    shown = answer.show()
    assert shown.width == 1200
    assert len(shown.getcolors(1 << 20)) > 10
    answer.save_overlay(tmp_path / "overlay.png")
    with Image.open(tmp_path / "overlay.png") as saved:
        assert saved.tobytes() == shown.tobytes()
    title = (answer.question, f"{answer.text} ({100 * answer.confidence:.0f} % sure)")
    assert answer._overlay().title == title


def test_a_caption_says_what_the_other_answers_say(predictor, pictures):
    for picture in pictures[:6]:
        caption = predictor.caption(picture)
        mentions = [mention for mention in parse_mentions(caption.text) if mention.fruit]
        assert {mention.fruit for mention in mentions} == set(predictor.count(picture))
        for mention in mentions:
            assert mention.number in (None, predictor.count(picture)[mention.fruit])
        # What it says of several numbers is at most as likely as each of them.
        for mention in mentions:
            if mention.number is not None:
                count = predictor.ask(picture, f"how many {mention.fruit}?")
                assert caption.confidence <= count.confidence + 1e-6
        threshold = predictor.model.confidence_threshold
        assert caption.is_confident == (caption.confidence >= threshold)
    [asked] = predictor.ask_many([picture], ["describe the photo"])
    assert (asked.text, asked.confidence) == (caption.text, pytest.approx(caption.confidence))
