"""The bootstrap gives intervals that are known without it."""

import pytest

from fruit_caption.comparison.significance import Difference, paired_bootstrap
from fruit_caption.data.qa import Prediction, QAPair

ITEM = QAPair("?", "red", "color", None, "")


def model(*right):
    """One prediction per photo: 1 is right, 0 wrong."""
    return [
        Prediction(f"{n}.jpg", ITEM, "red" if is_right else "blue", 1.0)
        for n, is_right in enumerate(right)
    ]


def one_photo_per_group(number):
    return {f"{n}.jpg": f"{n}" for n in range(number)}


def test_a_model_does_not_differ_from_itself():
    same = [model(1, 0, 1, 1, 0, 0)]
    difference = paired_bootstrap(same, same, one_photo_per_group(6))
    assert difference == Difference(0.0, 0.0, 0.0)
    assert not difference.is_real


def test_always_right_differs_from_always_wrong_by_one():
    difference = paired_bootstrap([model(*[1] * 5)], [model(*[0] * 5)], one_photo_per_group(5))
    assert difference == Difference(1.0, 1.0, 1.0)
    assert difference.is_real


def test_independent_photos_have_the_binomial_interval():
    # Better on 30 of 100 photos, else equal: a share of 0.3, whose standard error is 0.0458.
    difference = paired_bootstrap(
        [model(*[1] * 100)], [model(*[0] * 30, *[1] * 70)], one_photo_per_group(100)
    )
    assert difference.mean == pytest.approx(0.3)
    assert difference.low == pytest.approx(0.3 - 1.96 * 0.0458, abs=0.012)
    assert difference.high == pytest.approx(0.3 + 1.96 * 0.0458, abs=0.012)
    assert difference.is_real


def test_photos_of_one_scene_are_not_independent():
    better, reference = [model(*[1] * 40)], [model(*[0] * 8, *[1] * 32)]
    scenes = {f"{n}.jpg": f"{n // 8}" for n in range(40)}
    assert paired_bootstrap(better, reference, one_photo_per_group(40)).is_real
    difference = paired_bootstrap(better, reference, scenes)
    # Only one of the five scenes differs, and a resample may lack it.
    assert difference.mean == pytest.approx(0.2)
    assert (difference.low, difference.is_real) == (0.0, False)


def test_differing_seeds_widen_the_interval():
    steady = [model(*[1, 1, 1, 0] * 10)] * 2
    lucky = [model(*[1, 1, 1, 1] * 10), model(*[1, 1, 0, 0] * 10)]
    reference = [model(*[0] * 40)] * 2
    narrow = paired_bootstrap(steady, reference, one_photo_per_group(40))
    wide = paired_bootstrap(lucky, reference, one_photo_per_group(40))
    assert narrow.mean == wide.mean == 0.75
    assert wide.high - wide.low > narrow.high - narrow.low


def test_as_json():
    difference = paired_bootstrap([model(1, 1)], [model(0, 1)], one_photo_per_group(2))
    assert difference.to_json() == {"mean": 0.5, "low": 0.0, "high": 1.0, "is_real": False}
