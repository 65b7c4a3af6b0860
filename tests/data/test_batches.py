"""The arrays of a batch agree with the photos, their boxes and their questions."""

from dataclasses import replace

import numpy as np
import pytest

from fruit_caption.config import TrainingConfig
from fruit_caption.data import batches
from fruit_caption.data.augmentation import IDENTITY, View, draw_view, render_view
from fruit_caption.data.batches import DetectionBatches, QuestionBatches, encode_all_pairs
from fruit_caption.data.dataset import read_data
from fruit_caption.data.qa import CAPTION, QUIZ_PROMPT, QAPair
from fruit_caption.data.targets import draw_targets, show
from fruit_caption.language.vocabulary import Vocabulary, split_words
from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.images import open_picture
from tests.conftest import COLORS

FRUITS = tuple(sorted(COLORS))
SIZE = 48
GRID = (6, 6)
CONFIG = TrainingConfig(batch_size=8, questions=4)


@pytest.fixture(scope="module")
def dataset(data):
    return read_data(data)


@pytest.fixture(scope="module")
def examples(dataset):
    """Complete photos with boxes."""
    return dataset.splits["train"]


@pytest.fixture(scope="module")
def make(dataset, examples):
    """Returns batches of either class."""

    def make(kind, epoch=0, config=CONFIG, examples=examples, cached=None, grid=GRID):
        if kind is DetectionBatches:
            return kind(examples, SIZE, config, epoch, FRUITS, grid, cached)
        return kind(examples, SIZE, config, epoch, dataset.vocabulary(config.quiz), cached)

    return make


@pytest.fixture
def plain_views(monkeypatch):
    """Let views keep their colors."""

    def draw(photo, rng):
        return replace(draw_view(photo, rng), colors=None, blurred=False, noise=0)

    monkeypatch.setattr(batches, "draw_view", draw)


@pytest.fixture
def only_mosaics(monkeypatch):
    monkeypatch.setattr(batches, "MOSAIC_PROBABILITY", 1.0)


def assert_equal(first, second):
    """Compare batches."""
    for some, others in zip(first, second, strict=True):
        assert set(some) == set(others)
        for name, array in some.items():
            np.testing.assert_array_equal(array, others[name])


@pytest.fixture(scope="module")
def cached(examples, tmp_path_factory):
    """Two views of each example, with features that tell which view it is."""
    folder = tmp_path_factory.mktemp("features")
    views = []
    for place in range(len(examples)):
        pair = []
        for number, view in enumerate((IDENTITY, View(mirrored=True))):
            file = folder / f"{place}-{number}.npz"
            np.savez(
                file,
                coarse=np.full((3, 3, 2), place, "float16"),
                fine=np.full((6, 6, 1), number, "float16"),
            )
            pair.append((view, file))
        views.append(pair)
    return views


# What both classes have in common.

BOTH = pytest.mark.parametrize("kind", [DetectionBatches, QuestionBatches])


@BOTH
def test_batches_depend_on_seed_epoch_and_number_only(make, kind):
    first, second = make(kind, epoch=3), make(kind, epoch=3)
    second[1]  # must not matter
    assert_equal(first[0], second[0])
    for other in (make(kind, epoch=4), make(kind, epoch=3, config=replace(CONFIG, seed=1))):
        assert not np.array_equal(other.order, first.order)


@BOTH
def test_each_epoch_has_new_views(make, kind):
    example = make(kind).examples[:1]
    pictures = {make(kind, epoch, examples=example)[0][0]["pixels"].tobytes() for epoch in range(5)}
    assert len(pictures) == 5


@BOTH
def test_the_photos_of_a_batch_have_different_views(make, kind):
    [inputs, _, _] = make(kind, examples=make(kind).examples[:1] * 8)[0]
    assert len({pixels.tobytes() for pixels in inputs["pixels"]}) == 8


@BOTH
@pytest.mark.parametrize("num_shards", [1, 2, 3])
def test_the_shards_of_a_batch_are_its_photos_in_turn(make, kind, num_shards):
    whole = make(kind)
    last = len(whole) - 1
    assert len(whole[last][0]["pixels"]) < 8
    for index in (0, last):
        for number in range(num_shards):
            expected = [
                {name: array[number::num_shards] for name, array in part.items()}
                for part in whole[index]
            ]
            assert_equal(make(kind).shard(index, number, num_shards), expected)


@BOTH
def test_a_shard_without_photos_has_one_of_weight_zero(make, kind):
    config = replace(CONFIG, batch_size=3)
    few = make(kind, config=config, examples=make(kind).examples[:4])
    assert [len(few[index][0]["pixels"]) for index in range(len(few))] == [3, 1]
    inputs, targets, weights = few.shard(1, 1, 2)
    assert all(len(array) == 1 for part in (inputs, targets) for array in part.values())
    assert all(len(array) == 1 and not array.any() for array in weights.values())
    assert any(array.any() for array in few.shard(1, 0, 2)[2].values())


@BOTH
def test_a_picture_that_cannot_be_read_ends_the_training(make, kind, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    [example] = make(kind).examples[:1]
    few = make(kind, examples=[replace(example, path=broken)])
    assert few.error is None
    with pytest.raises(PictureError, match=r"broken\.png"):
        few[0]
    assert isinstance(few.error, PictureError)


@BOTH
def test_cached_views_are_drawn_at_random(make, kind, examples, cached):
    drawn = make(kind, cached=cached)
    inputs, targets, _ = drawn[0]
    assert inputs["coarse"].shape == (8, 3, 3, 2)
    assert inputs["fine"].shape == (8, 6, 6, 1)
    assert inputs["fine"].dtype == "float32"
    assert "pixels" not in inputs
    places = inputs["coarse"][:, 0, 0, 0].astype(int)
    np.testing.assert_array_equal(places, drawn.order[:8])
    numbers = inputs["fine"][:, 0, 0, 0].astype(int)
    assert set(numbers) == {0, 1}
    if kind is DetectionBatches:
        for row, (place, number) in enumerate(zip(places, numbers, strict=True)):
            view, _ = cached[place][number]
            expected = draw_targets(show(examples[place].photo, view), FRUITS, *GRID)
            np.testing.assert_array_equal(targets["center"][row], expected.center)


# Batches that train the detector.


def test_detection_batches_have_targets_and_weights_of_each_photo(make):
    inputs, targets, weights = make(DetectionBatches)[0]
    assert inputs["pixels"].shape == (8, SIZE, SIZE, 3)
    assert inputs["pixels"].dtype == "uint8"
    shapes = {name: array.shape for name, array in targets.items()}
    assert shapes == {"center": (8, 6, 6, 1), "kind": (8, 6, 6), "label": (8, 3)}
    shapes = {name: array.shape for name, array in weights.items()}
    assert shapes == {"center": (8, 6, 6), "kind": (8, 6, 6), "label": (8,)}
    # The photos are complete, so all cells count, and none has labels.
    np.testing.assert_array_equal(weights["center"], np.full((8, 6, 6), 1 / 8, "float32"))
    assert not weights["label"].any()
    assert weights["kind"].any()


def test_labels_have_the_weight_of_a_photo(make, examples):
    photo = replace(examples[0].photo, boxes=(), labels=frozenset({"apple", "lime"}))
    labeled = [replace(examples[0], photo=photo)] * 5
    _, targets, weights = make(DetectionBatches, examples=labeled)[0]
    assert targets["label"].tolist() == [[0.5, 0, 0.5]] * 5
    np.testing.assert_allclose(weights["label"], [1 / 5] * 5)
    assert not weights["center"].any()


def check_colors(drawn):
    """Check that each center is on a pixel in the color of its fruit; return their number."""
    number = 0
    for index in range(len(drawn)):
        inputs, targets, _ = drawn[index]
        for photo, row, column, _ in np.argwhere(targets["center"] == 1):
            cell = inputs["pixels"][photo, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            color = COLORS[FRUITS[targets["kind"][photo, row, column]]]
            np.testing.assert_allclose(cell.mean((0, 1)), color, atol=30)
            number += 1
    return number


@pytest.mark.usefixtures("plain_views")
def test_centers_are_on_the_fruits(make):
    assert check_colors(make(DetectionBatches, grid=(24, 24))) > 20


@pytest.mark.usefixtures("plain_views", "only_mosaics")
def test_centers_are_on_the_fruits_of_mosaics(make):
    assert check_colors(make(DetectionBatches, grid=(24, 24))) > 80


@pytest.mark.usefixtures("only_mosaics")
def test_a_photo_may_be_in_any_quarter_of_its_mosaic(make, examples, monkeypatch):
    monkeypatch.setattr(batches, "draw_view", lambda photo, rng: IDENTITY)
    few = make(DetectionBatches, examples=examples[:4])
    few.order = np.zeros(32, int)
    pictures = np.concatenate([few[index][0]["pixels"] for index in range(4)])
    photo = render_view(open_picture(examples[0].path), IDENTITY, 24)
    quarters = pictures.reshape(32, 2, 24, 2, 24, 3).swapaxes(2, 3).reshape(32, 4, 24, 24, 3)
    is_photo = (quarters == photo).all(axis=(2, 3, 4))
    assert is_photo.any(axis=1).all()
    assert is_photo.any(axis=0).all()
    assert not is_photo.all(axis=0).any()


def count_mosaics(monkeypatch, drawn):
    """The number of mosaics in all batches."""
    shown = []

    def count(quarters):
        shown.append(quarters)
        return show_mosaic(quarters)

    show_mosaic = batches.show_mosaic
    monkeypatch.setattr(batches, "show_mosaic", count)
    for index in range(len(drawn)):
        drawn[index]
    return len(shown)


def test_mosaics_are_about_as_frequent_as_intended(make, examples, monkeypatch):
    number = count_mosaics(monkeypatch, make(DetectionBatches, examples=examples * 8))
    assert 0.25 < number / (8 * len(examples)) < 0.45


@pytest.mark.usefixtures("only_mosaics")
def test_mosaics_show_complete_photos_only(make, examples, cached, monkeypatch):
    assert count_mosaics(monkeypatch, make(DetectionBatches, examples=examples[:4])) == 4
    assert count_mosaics(monkeypatch, make(DetectionBatches, examples=examples[:3])) == 0
    assert count_mosaics(monkeypatch, make(DetectionBatches, cached=cached)) == 0
    boxed = [example for example in examples if example.photo.boxes]
    for changes in (
        {"exhaustive": False},
        {"count_ok": frozenset()},
        {"labels": frozenset({"apple"})},
    ):
        unclear = [
            replace(example, photo=replace(example.photo, **changes)) for example in boxed[:8]
        ]
        assert count_mosaics(monkeypatch, make(DetectionBatches, examples=unclear)) == 0
        drawn = make(DetectionBatches, examples=[*unclear, *examples[:4]])
        number = count_mosaics(monkeypatch, drawn)
        assert number == sum(place >= len(unclear) for place in drawn.order)
        assert set(drawn.complete) == set(range(len(unclear), len(unclear) + 4))
    unknown = [replace(example, photo=None) for example in examples[:8]]
    assert count_mosaics(monkeypatch, make(DetectionBatches, examples=unknown)) == 0


def test_photos_are_drawn_by_their_probabilities(make, examples):
    drawn = make(DetectionBatches)
    number = len(examples)
    assert len(drawn.order) == number
    times = np.bincount(drawn.order, minlength=number)
    # Even spacing leaves no photo more than one away from its expected number.
    assert (np.abs(times - number * drawn.probabilities) < 1).all()
    assert drawn.probabilities.min() < 0.9 / number
    mean = np.mean(
        [
            np.bincount(make(DetectionBatches, epoch).order, minlength=number)
            for epoch in range(200)
        ],
        axis=0,
    )
    np.testing.assert_allclose(mean, number * drawn.probabilities, atol=0.2)


# Batches that train the decoder.


def test_an_epoch_of_questions_has_every_photo_once(make, examples):
    assert sorted(make(QuestionBatches).order) == list(range(len(examples)))


def read_rows(drawn, index):
    """Question and answer of each row with words in a batch, with the row's place."""
    inputs, targets, weights = drawn[index]
    for place, row in np.argwhere(inputs["words"].any(axis=-1)):
        words, next_words, weight = (
            arrays[name][place, row]
            for arrays, name in ((inputs, "words"), (targets, "logits"), (weights, "logits"))
        )
        length = int((words != 0).sum())
        np.testing.assert_array_equal(next_words[: length - 1], words[1:length])
        prompt = words.tolist().index(drawn.vocabulary.answer_id)
        is_answer = np.zeros(len(words), bool)
        is_answer[prompt:length] = True
        np.testing.assert_array_equal(weight > 0, is_answer)
        question = drawn.vocabulary.decode(words[:prompt])
        yield int(place), question, drawn.vocabulary.decode(next_words[prompt:])


def normal(text):
    """A text in the spelling of the vocabulary."""
    return " ".join(split_words(text)).replace(" ,", ",")


def test_a_batch_has_questions_of_its_photos_and_weights_only_the_answers(make):
    drawn = make(QuestionBatches)
    inputs, targets, weights = drawn[0]
    assert inputs["pixels"].shape == (8, SIZE, SIZE, 3)
    assert inputs["words"].shape == targets["logits"].shape == weights["logits"].shape
    assert inputs["words"].shape[:2] == (8, 4)
    rows = list(read_rows(drawn, 0))
    for place, example in enumerate(drawn.examples[number] for number in drawn.order[:8]):
        known = {(normal(pair.question), normal(pair.answer)) for pair in example.qa_pairs}
        asked = [(question, answer) for at, question, answer in rows if at == place]
        assert set(asked) <= known
        assert len(asked) == min(4, len(example.qa_pairs))
    weight = weights["logits"][weights["logits"] > 0]
    assert weight.sum() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(weight, 1 / len(weight), rtol=1e-5)


def test_each_epoch_draws_other_questions(make, examples):
    longest = max(examples, key=lambda example: len(example.qa_pairs))
    assert len(longest.qa_pairs) > 4
    asked = {
        tuple(sorted(read_rows(make(QuestionBatches, epoch, examples=[longest]), 0)))
        for epoch in range(8)
    }
    assert len(asked) > 1


def test_a_quiz_asks_the_questions_of_a_photo(make):
    config = replace(CONFIG, quiz=True, questions=50)
    drawn = make(QuestionBatches, config=config)
    quiz = [(place, answer) for place, question, answer in read_rows(drawn, 0)
            if question == QUIZ_PROMPT]  # fmt: skip
    assert [place for place, _ in quiz] == list(range(8))  # one per photo
    for place, question in quiz:
        pairs = drawn.examples[drawn.order[place]].qa_pairs
        known = {normal(pair.question) for pair in pairs if pair.kind != CAPTION}
        assert question in known
    without = make(QuestionBatches, config=replace(config, quiz=False))
    assert QUIZ_PROMPT not in {question for _, question, _ in read_rows(without, 0)}


def test_all_pairs_are_encoded_by_hand():
    vocabulary = Vocabulary(["how", "many", "two", "apples"])
    pairs = [
        QAPair("How many?", "two apples", "count", None, ""),
        QAPair("many", "", "x", None, ""),
    ]
    words, next_words, weights = encode_all_pairs(vocabulary, [pairs, pairs[:1]])
    how, many, two, apples = range(4, 8)
    answer, end = vocabulary.answer_id, vocabulary.end_id
    nothing = [0] * 5
    first = [how, many, answer, two, apples]
    assert words.tolist() == [[first, [many, answer, 0, 0, 0]], [first, nothing]]
    first = [many, answer, two, apples, end]
    assert next_words.tolist() == [[first, [answer, end, 0, 0, 0]], [first, nothing]]
    first = [0, 0, 1, 1, 1]
    assert weights.tolist() == [[first, [0, 1, 0, 0, 0]], [first, nothing]]


def test_photos_without_questions_are_encoded_as_padding():
    words, _, weights = encode_all_pairs(Vocabulary(["two"]), [[]])
    assert words.shape == (1, 1, 1)
    assert not words.any()
    assert not weights.any()
