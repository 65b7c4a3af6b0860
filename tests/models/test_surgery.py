"""What is frozen and what learns, cut apart and put together, see what the whole saw."""

import keras
import numpy as np
import pytest
from keras import layers

from fruit_caption.models.encoders import encoder_parts, joined
from fruit_caption.models.surgery import divided

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype="uint8")


def test_all_or_nothing_is_not_divided():
    given = keras.Input((4, 4, 1))
    network = keras.Model(given, layers.Conv2D(2, 1)(given))
    assert divided(network) == (None, network)
    network.trainable = False
    assert divided(network) == (network, None)


def test_the_cut_goes_where_all_passes_and_least_is_kept():
    given = keras.Input((8, 8, 1))
    small = layers.Conv2D(2, 1, strides=2, name="small")(given)  # 4 x 4 x 2
    wide = layers.Conv2D(9, 1, name="wide")(small)  # passed, but larger
    beside = layers.Conv2D(1, 1, name="beside")(wide)  # smaller, but `wide` is used later, too
    last = layers.Conv2D(3, 1, name="last")(layers.Concatenate()([wide, beside]))
    network = keras.Model(given, last)
    for layer in network.layers:
        layer.trainable = layer.name == "last"
    frozen, learning = divided(network)
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
