"""A model that learns more keeps what it knew."""

import numpy as np
import pytest

from fruit_caption.models.growing import grow
from tests.models.test_captioner import FRUITS, PIXELS, SEQUENCES, WORDS, build


def test_old_words_and_fruits_keep_their_places_and_the_new_come_last():
    grown = grow(build(), ["kiwi", "two"], ["kiwi", "apple"], unfreeze=0)
    assert grown.vocabulary.words == (*WORDS, "kiwi")
    assert grown.fruits == (*FRUITS, "kiwi")


def test_with_nothing_new_it_answers_as_before():
    model = build()
    inputs = {"pixels": PIXELS, "words": SEQUENCES}
    expected, found = (
        one.predict_on_batch(inputs) for one in (model, grow(model, WORDS, FRUITS, unfreeze=0))
    )
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("weights", ["saved", "none"])
@pytest.mark.parametrize("unfreeze", [0, 1, 2])
def test_another_part_of_the_encoder_may_learn(weights, unfreeze):
    model = build(encoder="efficientnet-lite0", encoder_weights=weights)
    grown = grow(model, WORDS, FRUITS, unfreeze)
    assert (grown.learning is not None) == bool(unfreeze)
    inputs = {"pixels": PIXELS, "words": SEQUENCES}
    expected, found = (one.predict_on_batch(inputs) for one in (model, grown))
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5)


def test_what_it_knew_is_as_likely_as_before_among_what_it_knew():
    model = build()
    grown = grow(model, ["kiwi"], ["kiwi"], unfreeze=0)
    # A new kind that is never seen changes nothing else.
    kind = grown.eye.get_layer("kind")
    kind.bias.assign(np.add(kind.bias, [0, 0, 0, -100]))
    inputs = {"pixels": PIXELS, "words": SEQUENCES}
    old, new = (one.predict_on_batch(inputs) for one in (model, grown))
    known = old["logits"].shape[-1]
    np.testing.assert_allclose(new["logits"][..., :known], old["logits"], atol=1e-5)
    np.testing.assert_allclose(new["density"][..., :3], old["density"], atol=1e-6)
    assert new["logits"].shape[-1] == known + 1
