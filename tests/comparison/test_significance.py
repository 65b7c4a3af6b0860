"""The bootstrap against what can be worked out without one."""

import pytest

from fruit_caption.comparison.significance import paired_bootstrap
from fruit_caption.data.qa import Prediction, QAPair

ITEM = QAPair("?", "red", "color", None, "")


def model(*right):
    """A row for each photo: 1 is right, 0 wrong."""
    return [
        Prediction(f"{n}.jpg", ITEM, "red" if one else "blue", 1.0) for n, one in enumerate(right)
    ]


def alone(number):
    return {f"{n}.jpg": f"{n}" for n in range(number)}


def test_a_model_is_no_better_than_itself():
    same = [model(1, 0, 1, 1, 0, 0)]
    found = paired_bootstrap(same, same, alone(6))
    assert (found.mean, found.low, found.high, found.is_real) == (0.0, 0.0, 0.0, False)


def test_always_right_against_always_wrong():
    found = paired_bootstrap([model(*[1] * 5)], [model(*[0] * 5)], alone(5))
    assert (found.mean, found.low, found.high, found.is_real) == (1.0, 1.0, 1.0, True)


def test_the_interval_of_independent_photos_is_the_binomial_one():
    # Better on 30 of 100 photos, else equal: a share of 0.3, whose standard error is 0.0458.
    found = paired_bootstrap([model(*[1] * 100)], [model(*[0] * 30, *[1] * 70)], alone(100))
    assert found.mean == pytest.approx(0.3)
    assert found.low == pytest.approx(0.3 - 1.96 * 0.0458, abs=0.012)
    assert found.high == pytest.approx(0.3 + 1.96 * 0.0458, abs=0.012)
    assert found.is_real


def test_photos_of_one_scene_tell_less_than_as_many_scenes():
    ours, theirs = [model(*[1] * 40)], [model(*[0] * 8, *[1] * 32)]
    scenes = {f"{n}.jpg": f"{n // 8}" for n in range(40)}
    assert paired_bootstrap(ours, theirs, alone(40)).is_real
    found = paired_bootstrap(ours, theirs, scenes)
    # With five scenes, one of which is better throughout, none may be drawn.
    assert found.mean == pytest.approx(0.2)
    assert (found.low, found.is_real) == (0.0, False)


def test_seeds_that_differ_widen_the_interval():
    steady = [model(*[1, 1, 1, 0] * 10)] * 2
    lucky = [model(*[1, 1, 1, 1] * 10), model(*[1, 1, 0, 0] * 10)]
    theirs = [model(*[0] * 40)] * 2
    narrow = paired_bootstrap(steady, theirs, alone(40))
    wide = paired_bootstrap(lucky, theirs, alone(40))
    assert narrow.mean == wide.mean == 0.75
    assert wide.high - wide.low > narrow.high - narrow.low


def test_as_json():
    found = paired_bootstrap([model(1, 1)], [model(0, 1)], alone(2))
    assert found.to_json() == {"mean": 0.5, "low": 0.0, "high": 1.0, "is_real": False}
