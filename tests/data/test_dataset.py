"""What a model is trained on is what the files say."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fruit_caption.config import TrainingConfig
from fruit_caption.data import features
from fruit_caption.data.augmentation import PLAIN, View
from fruit_caption.data.dataset import Batches, density_maps, read_data
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.utils.errors import DataError

FRUITS = ("apple", "pear")
PHOTO = Photo(
    Path("a.jpg"), 80, 40, (FruitBox("apple", 0, 0, 20, 20),), frozenset(FRUITS), group="g"
)


def test_a_density_map_sums_to_the_count_and_peaks_where_the_box_is():
    maps = density_maps(PHOTO, FRUITS, 4, 4)
    np.testing.assert_allclose(maps.sum(axis=(0, 1)), [1.0, 0.0], atol=1e-6)
    # The photo fills rows 1 and 2 of the letterboxed square; the box lies at its upper left.
    assert np.unravel_index(maps[:, :, 0].argmax(), (4, 4)) == (1, 0)
    mirrored = density_maps(PHOTO, FRUITS, 4, 4, View(mirrored=True))
    np.testing.assert_array_equal(mirrored, maps[:, ::-1])
    # Twice as near, from the upper left: the box covers the left half of the lower half.
    nearer = density_maps(PHOTO, FRUITS, 4, 4, View(0, 0, 0.5))
    np.testing.assert_allclose(nearer.sum(axis=(0, 1)), [1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(nearer[2, :, 0], nearer[3, :, 0], rtol=1e-5)
    np.testing.assert_allclose(nearer[:, 0, 0], nearer[:, 1, 0], rtol=1e-5)


def test_what_the_boxes_do_not_prove_is_marked_unknown():
    partial = replace(PHOTO, exhaustive=False)
    assert (density_maps(partial, FRUITS, 4, 4)[:, :, 1] == -1).all()
    bunch = replace(PHOTO, count_ok=frozenset())
    assert (density_maps(bunch, FRUITS, 4, 4)[:, :, 0] == -1).all()
    assert (density_maps(None, FRUITS, 4, 4) == -1).all()
    assert density_maps(None, (), 4, 4).shape == (4, 4, 1)


@pytest.fixture(scope="module")
def batches(data, tmp_path_factory):
    found = read_data(data)
    train = found.splits["train"]
    shown = [(example.path, PLAIN) for example in train]
    files = features.extract_pixels(shown, 48, tmp_path_factory.mktemp("cache"))

    def make(epoch, seed=0):
        config = TrainingConfig(batch_size=8, questions=4, seed=seed)
        vocabulary = found.vocabulary()
        views = [[file] for file in files]
        return Batches(train, views, vocabulary, found.fruits, (3, 3), config, epoch)

    return make


def test_an_epoch_shows_every_photo_once_and_the_same_again(batches):
    one = batches(3)
    assert sorted(one.order) == list(range(len(one.examples)))
    for first, second in zip(one[0], batches(3)[0], strict=True):
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])
    assert not np.array_equal(one.order, batches(4).order)
    assert not np.array_equal(one.order, batches(3, seed=1).order)


def test_a_batch_asks_real_questions_and_weighs_the_answers_alone(batches):
    epoch = batches(0)
    inputs, targets, weights = epoch[0]
    assert inputs["pixels"].shape == (8, 48, 48, 3)
    assert inputs["pixels"].dtype == "uint8"
    assert targets["density"].shape == (8, 3, 3, 3)
    vocabulary = epoch.vocabulary
    for place, number in enumerate(epoch.order[:8]):
        texts = {(item.question, item.answer) for item in epoch.examples[number].items}
        sequences = {tuple(vocabulary.sequence(*text)): text for text in texts}
        for row in range(4):
            words = inputs["words"][place, row]
            length = int((words != 0).sum())
            following, weight = (each["logits"][place, row] for each in (targets, weights))
            if length == 0:
                assert not weight.any()
                continue
            question, answer = sequences[(*words[:length], following[length - 1])]
            np.testing.assert_array_equal(following[: length - 1], words[1:length])
            assert vocabulary.text(following[weight > 0]) == answer
            assert (weight > 0).sum() == len(vocabulary.sequence(question, answer)) - len(
                vocabulary.prompt(question)
            )
    weight = weights["logits"]
    np.testing.assert_allclose(weight[weight > 0], 1 / (weight > 0).sum())
    np.testing.assert_allclose(weights["density"], np.full(8, 1 / 8))


def test_boxes_are_no_must(data, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    (copy / "instances.json").unlink()
    found = read_data(copy)
    assert found.fruits == ("apple", "banana", "lime")
    assert all(example.photo is None for example in found.splits["train"])


def test_missing_photos_are_named(data, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    (copy / "images" / "03.png").unlink()
    with pytest.raises(DataError, match=r"lacks 1 photos, such as 03\.png"):
        read_data(copy)


def test_no_folder_is_told(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        read_data(tmp_path / "nothing")
