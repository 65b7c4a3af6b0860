"""How often each photo is shown, by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.data.sampling import sampling_probabilities, source_of


def photo(*fruits, source="a", labels=()):
    boxes = tuple(FruitBox(fruit, 0, 0, 1, 1) for fruit in fruits)
    return Photo(Path("a.jpg"), 9, 9, boxes, labels=frozenset(labels), source=source)


def test_probabilities_by_hand():
    photos = [
        photo("apple"),
        photo("apple"),
        photo("apple"),
        photo("pear", "pear", source="b"),
        None,
        photo(),
        photo(labels=["pear"]),
    ]
    # Three photos show apples and two show pears, 2.5 on average; sources have five and one.
    apple, pear = (2.5 / 3) ** 0.5, (2.5 / 2) ** 0.5
    a, b = (3 / 5) ** 0.25, (3 / 1) ** 0.25
    weights = np.array([apple * a] * 3 + [2 * pear * b, 1, a, 0.6 * pear * a])
    np.testing.assert_allclose(sampling_probabilities(photos), weights / weights.sum())


def test_a_photo_counts_for_its_rarest_kind():
    common = [photo("apple")] * 8
    both, rare = sampling_probabilities([*common, photo("apple", "pear"), photo("pear")])[-2:]
    assert both == pytest.approx(rare)


def test_factors_are_bounded():
    photos = [photo("apple")] * 999 + [photo("pear")]
    common, *_, rare = sampling_probabilities(photos)
    # The factors are (500 / 999)^0.5 and (500 / 1)^0.5, which is limited to 3.
    assert rare / common == pytest.approx(3 / (500 / 999) ** 0.5)
    many = [photo(f"fruit{number}") for number in range(99)]
    common, *_, rare = sampling_probabilities([photo("apple")] * 999 + many)
    # Apples have (1098 / 100 / 999)^0.5, which is limited to 0.5, and the others are limited to 3.
    assert rare / common == pytest.approx(3 / 0.5)


@pytest.mark.parametrize(
    ("more", "less"),
    [
        (photo("pear"), photo("apple")),
        (photo("apple", "apple"), photo("apple")),
        (photo("apple", source="b"), photo("apple")),
        (photo("apple"), photo(labels=["apple"])),
    ],
    ids=["rare kind", "several fruits", "small source", "boxes"],
)
def test_what_is_shown_more_often(more, less):
    probabilities = sampling_probabilities([photo("apple")] * 9 + [more, less])
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities[-2] > probabilities[-1]


def test_a_bunch_does_not_show_several_fruits():
    bunch = replace(photo("apple", "apple"), count_ok=frozenset())
    several, one = sampling_probabilities([bunch, photo("apple")])
    assert several == one


def test_all_composed_photos_are_one_source():
    sources = [f"composed from {number}" for number in range(4)]
    assert {source_of(photo(source=source)) for source in sources} == {"composed"}
    assert source_of(photo(source="not composed from b")) == "not composed from b"
    photos = [photo("apple", source=source) for source in [*sources, "a", "a", "a", "a"]]
    np.testing.assert_allclose(sampling_probabilities(photos), 1 / 8)


def test_no_photo_with_a_record():
    np.testing.assert_allclose(sampling_probabilities([None, None]), [0.5, 0.5])
