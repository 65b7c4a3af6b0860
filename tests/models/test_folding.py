import keras
import numpy as np
import pytest
from keras import layers

from fruit_caption.models.encoders import encoder_parts, joined
from fruit_caption.models.folding import folded

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype="uint8")


def _norms(network: keras.Model) -> list[keras.Layer]:
    return [
        layer for layer in network._flatten_layers() if isinstance(layer, layers.BatchNormalization)
    ]


def _as_if_trained(network: keras.Model) -> keras.Model:
    """A network whose normalisations do something."""
    rng = np.random.default_rng(1)
    for norm in _norms(network):
        norm.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in norm.get_weights()])
    return network


@pytest.mark.parametrize("name", ["scratch", "efficientnet-lite0", "MobileNet", "blind"])
def test_a_folded_encoder_sees_the_same_without_normalising(name):
    encoder = _as_if_trained(joined(encoder_parts(name, 64)))
    plain = folded(encoder)
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
    kernel, bias = folded(network).get_layer("convolution").get_weights()
    # The deviation is the root of 3 + 1: 6 · 4/2 = 12 and (5 - 2) · 4/2 + 7 = 13.
    assert (kernel.item(), bias.item()) == (12.0, 13.0)


def test_a_convolution_that_others_use_too_is_left_alone():
    given = keras.Input((4, 4, 2))
    seen = layers.Conv2D(3, 1)(given)
    network = keras.Model(given, layers.Add()([seen, layers.BatchNormalization()(seen)]))
    assert len(_norms(folded(network))) == 1


def test_a_normalisation_after_an_activation_stays():
    given = keras.Input((4, 4, 2))
    seen = layers.Conv2D(3, 1, activation="relu")(given)
    assert len(_norms(folded(keras.Model(given, layers.BatchNormalization()(seen))))) == 1
