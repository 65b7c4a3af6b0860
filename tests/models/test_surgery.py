"""What is frozen and what learns, cut apart and put together, see what the whole saw."""

import keras
import numpy as np
import pytest
from keras import layers

from fruit_caption.models.captioner import extend_vocabulary
from fruit_caption.models.encoders import encoder_parts, joined
from fruit_caption.models.surgery import fuse_batch_norm, split_frozen
from tests.models.test_captioner import FRUITS, SEQUENCES, WORDS, build
from tests.models.test_captioner import PIXELS as SMALL

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype="uint8")


def test_all_or_nothing_is_not_divided():
    given = keras.Input((4, 4, 1))
    network = keras.Model(given, layers.Conv2D(2, 1)(given))
    assert split_frozen(network) == (None, network)
    network.trainable = False
    assert split_frozen(network) == (network, None)


def test_the_cut_goes_where_all_passes_and_least_is_kept():
    given = keras.Input((8, 8, 1))
    small = layers.Conv2D(2, 1, strides=2, name="small")(given)  # 4 x 4 x 2
    wide = layers.Conv2D(9, 1, name="wide")(small)  # passed, but larger
    beside = layers.Conv2D(1, 1, name="beside")(wide)  # smaller, but `wide` is used later, too
    last = layers.Conv2D(3, 1, name="last")(layers.Concatenate()([wide, beside]))
    network = keras.Model(given, last)
    for layer in network.layers:
        layer.trainable = layer.name == "last"
    frozen, learning = split_frozen(network)
    # The two side by side give more than `wide` alone, and that more than `small`.
    assert frozen.output_shape == (None, 4, 4, 2)
    assert frozen.layers[-1].name == "small"
    assert [weight.path for weight in learning.trainable_weights] == ["last/kernel", "last/bias"]
    pixels = PIXELS[:, :8, :8, :1].astype("float32")
    parts = learning.predict_on_batch(frozen.predict_on_batch(pixels))
    np.testing.assert_allclose(parts, network.predict_on_batch(pixels), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "stages", "grid"),
    [
        ("efficientnet-lite0", 1, (4, 4, 112)),
        ("efficientnet-lite0", 2, (8, 8, 40)),
        ("vgg16", 1, (8, 8, 256)),
        ("MobileNetV3Small", 1, (4, 4, 48)),
    ],
)
def test_encoders_are_divided_where_a_stage_begins(name, stages, grid):
    keras.utils.set_random_seed(0)
    whole = joined(encoder_parts(name, 64, "saved"))
    keras.utils.set_random_seed(0)
    frozen, learning = encoder_parts(name, 64, "saved", stages)
    assert frozen.output_shape[1:] == grid
    assert not frozen.trainable_weights
    assert learning.trainable_weights
    seen = learning.predict_on_batch(frozen.predict_on_batch(PIXELS))
    np.testing.assert_allclose(seen, whole.predict_on_batch(PIXELS), rtol=1e-4, atol=1e-5)


PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype="uint8")


def _norms(network: keras.Model) -> list[keras.Layer]:
    return [
        layer for layer in network._flatten_layers() if isinstance(layer, layers.BatchNormalization)
    ]


def _as_if_trained(network: keras.Model) -> keras.Model:
    """A network whose normalizations do something."""
    rng = np.random.default_rng(1)
    for norm in _norms(network):
        norm.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in norm.get_weights()])
    return network


@pytest.mark.parametrize("name", ["scratch", "efficientnet-lite0", "MobileNet", "blind"])
def test_a_folded_encoder_sees_the_same_without_normalising(name):
    encoder = _as_if_trained(joined(encoder_parts(name, 64)))
    plain = fuse_batch_norm(encoder)
    wanted = encoder.predict_on_batch(PIXELS)
    np.testing.assert_allclose(
        plain.predict_on_batch(PIXELS), wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max()
    )
    assert not _norms(plain)
    assert plain.output_shape == encoder.output_shape


def test_a_kernel_and_a_bias_worked_out_by_hand():
    network = keras.Sequential(
        [
            keras.Input((1, 1, 1)),
            layers.Conv2D(1, 1, name="convolution"),
            layers.BatchNormalization(epsilon=1.0, name="norm"),
        ]
    )
    network.get_layer("convolution").set_weights([np.full((1, 1, 1, 1), 6.0), np.array([5.0])])
    network.get_layer("norm").set_weights([np.array([value]) for value in (4.0, 7.0, 2.0, 3.0)])
    kernel, bias = fuse_batch_norm(network).get_layer("convolution").get_weights()
    # The deviation is the root of 3 + 1: 6 · 4/2 = 12 and (5 - 2) · 4/2 + 7 = 13.
    assert (kernel.item(), bias.item()) == (12.0, 13.0)


def test_a_convolution_that_others_use_too_is_left_alone():
    given = keras.Input((4, 4, 2))
    seen = layers.Conv2D(3, 1)(given)
    network = keras.Model(given, layers.Add()([seen, layers.BatchNormalization()(seen)]))
    assert len(_norms(fuse_batch_norm(network))) == 1


def test_a_normalization_after_an_activation_stays():
    given = keras.Input((4, 4, 2))
    seen = layers.Conv2D(3, 1, activation="relu")(given)
    assert len(_norms(fuse_batch_norm(keras.Model(given, layers.BatchNormalization()(seen))))) == 1


def test_old_words_and_fruits_keep_their_places_and_the_new_come_last():
    grown = extend_vocabulary(build(), ["kiwi", "two"], ["kiwi", "apple"], unfreeze=0)
    assert grown.vocabulary.words == (*WORDS, "kiwi")
    assert grown.fruits == (*FRUITS, "kiwi")


def test_with_nothing_new_it_answers_as_before():
    model = build()
    inputs = {"pixels": SMALL, "words": SEQUENCES}
    expected, found = (
        one.predict_on_batch(inputs)
        for one in (model, extend_vocabulary(model, WORDS, FRUITS, unfreeze=0))
    )
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("weights", ["saved", "none"])
@pytest.mark.parametrize("unfreeze", [0, 1, 2])
def test_another_part_of_the_encoder_may_learn(weights, unfreeze):
    model = build(encoder="efficientnet-lite0", encoder_weights=weights)
    grown = extend_vocabulary(model, WORDS, FRUITS, unfreeze)
    assert (grown.trainable_encoder is not None) == bool(unfreeze)
    inputs = {"pixels": SMALL, "words": SEQUENCES}
    expected, found = (one.predict_on_batch(inputs) for one in (model, grown))
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5)


def test_what_it_knew_is_as_likely_as_before_among_what_it_knew():
    model = build()
    grown = extend_vocabulary(model, ["kiwi"], ["kiwi"], unfreeze=0)
    # A new kind that is never seen changes nothing else.
    kind = grown.neck.get_layer("kind")
    kind.bias.assign(np.add(kind.bias, [0, 0, 0, -100]))
    inputs = {"pixels": SMALL, "words": SEQUENCES}
    old, new = (one.predict_on_batch(inputs) for one in (model, grown))
    known = old["logits"].shape[-1]
    np.testing.assert_allclose(new["logits"][..., :known], old["logits"], atol=1e-5)
    np.testing.assert_allclose(new["density"][..., :3], old["density"], atol=1e-6)
    assert new["logits"].shape[-1] == known + 1
