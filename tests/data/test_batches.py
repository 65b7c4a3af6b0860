"""The arrays of a batch agree with the examples and their boxes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fruit_caption.config import TrainingConfig
from fruit_caption.data.augmentation import IDENTITY, Augmentation
from fruit_caption.data.batches import Batches, density_maps
from fruit_caption.data.dataset import read_data
from fruit_caption.data.features import cache_pixels
from fruit_caption.data.records import FruitBox, Photo

FRUITS = ("apple", "pear")
PHOTO = Photo(
    Path("a.jpg"), 80, 40, (FruitBox("apple", 0, 0, 20, 20),), frozenset(FRUITS), group="g"
)


def test_a_density_map_sums_to_the_count_and_peaks_at_the_box():
    maps = density_maps(PHOTO, FRUITS, 4, 4)
    np.testing.assert_allclose(maps.sum(axis=(0, 1)), [1.0, 0.0], atol=1e-6)
    # The photo fills rows 1 and 2 of the letterboxed square; the box lies at its upper left.
    assert np.unravel_index(maps[:, :, 0].argmax(), (4, 4)) == (1, 0)
    mirrored = density_maps(PHOTO, FRUITS, 4, 4, Augmentation(mirrored=True))
    np.testing.assert_array_equal(mirrored, maps[:, ::-1])
    # Zoomed in on the upper left quarter, the box covers the left half of the lower half.
    zoomed = density_maps(PHOTO, FRUITS, 4, 4, Augmentation(0, 0, 0.5))
    np.testing.assert_allclose(zoomed.sum(axis=(0, 1)), [1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(zoomed[2, :, 0], zoomed[3, :, 0], rtol=1e-5)
    np.testing.assert_allclose(zoomed[:, 0, 0], zoomed[:, 1, 0], rtol=1e-5)


def test_unknown_counts_are_marked_in_the_density_maps():
    partial = replace(PHOTO, exhaustive=False)
    assert (density_maps(partial, FRUITS, 4, 4)[:, :, 1] == -1).all()
    bunch = replace(PHOTO, count_ok=frozenset())
    assert (density_maps(bunch, FRUITS, 4, 4)[:, :, 0] == -1).all()
    assert (density_maps(None, FRUITS, 4, 4) == -1).all()
    assert density_maps(None, (), 4, 4).shape == (4, 4, 1)


@pytest.fixture(scope="module")
def make_batches(data, tmp_path_factory):
    dataset = read_data(data)
    examples = dataset.splits["train"]
    photos = [(example.path, IDENTITY) for example in examples]
    files = [[file] for file in cache_pixels(photos, 48, tmp_path_factory.mktemp("cache"))]

    def make(epoch, seed=0):
        config = TrainingConfig(batch_size=8, questions=4, seed=seed)
        vocabulary = dataset.vocabulary()
        return Batches(examples, files, vocabulary, dataset.fruits, (3, 3), config, epoch)

    return make


def test_an_epoch_has_every_photo_once_and_is_reproducible(make_batches):
    batches = make_batches(3)
    assert sorted(batches.order) == list(range(len(batches.examples)))
    for first, second in zip(batches[0], make_batches(3)[0], strict=True):
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])
    assert not np.array_equal(batches.order, make_batches(4).order)
    assert not np.array_equal(batches.order, make_batches(3, seed=1).order)


def test_a_batch_has_questions_of_its_photos_and_weights_only_the_answers(make_batches):
    batches = make_batches(0)
    inputs, targets, weights = batches[0]
    assert inputs["pixels"].shape == (8, 48, 48, 3)
    assert inputs["pixels"].dtype == "uint8"
    assert targets["density"].shape == (8, 3, 3, 3)
    vocabulary = batches.vocabulary
    for place, number in enumerate(batches.order[:8]):
        texts = {(pair.question, pair.answer) for pair in batches.examples[number].qa_pairs}
        sequences = {tuple(vocabulary.encode_pair(*text)): text for text in texts}
        for row in range(4):
            words = inputs["words"][place, row]
            length = int((words != 0).sum())
            next_words, weight = (arrays["logits"][place, row] for arrays in (targets, weights))
            if length == 0:
                assert not weight.any()
                continue
            question, answer = sequences[(*words[:length], next_words[length - 1])]
            np.testing.assert_array_equal(next_words[: length - 1], words[1:length])
            assert vocabulary.decode(next_words[weight > 0]) == answer
            assert (weight > 0).sum() == len(vocabulary.encode_pair(question, answer)) - len(
                vocabulary.encode_prompt(question)
            )
    weight = weights["logits"]
    np.testing.assert_allclose(weight[weight > 0], 1 / (weight > 0).sum())
    np.testing.assert_allclose(weights["density"], np.full(8, 1 / 8))
