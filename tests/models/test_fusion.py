"""Fusing batch normalization keeps the outputs of a network."""

import keras
import numpy as np
import pytest
from keras import layers

from fruit_caption.models.encoders import build_encoder
from fruit_caption.models.fusion import fuse_batch_norm

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype="uint8")


def norms(network):
    return [
        layer for layer in network._flatten_layers() if isinstance(layer, layers.BatchNormalization)
    ]


def randomize(network):
    """Give all batch normalization random weights and statistics."""
    rng = np.random.default_rng(1)
    for norm in norms(network):
        norm.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in norm.get_weights()])


@pytest.mark.parametrize("name", ["scratch", "efficientnet-lite0", "MobileNet", "blind"])
def test_fusing_removes_all_normalization_of_an_encoder(name):
    encoder = build_encoder(name, 64)
    randomize(encoder)
    fused = fuse_batch_norm(encoder)
    assert not norms(fused)
    expected, outputs = encoder(PIXELS), fused(PIXELS)
    assert set(outputs) == {"coarse", "fine"}
    for scale, features in expected.items():
        assert outputs[scale].shape == features.shape
        tolerance = 1e-4 * np.abs(features).max()
        np.testing.assert_allclose(outputs[scale], features, rtol=1e-3, atol=tolerance)


def test_a_convolution_whose_output_is_also_an_output_of_the_network_is_not_fused():
    inputs = keras.Input((4, 4, 2))
    x = layers.Conv2D(3, 1)(inputs)
    y = layers.Conv2D(3, 1)(layers.BatchNormalization(name="stays")(x))
    z = layers.BatchNormalization(name="goes")(y)
    network = keras.Model(inputs, {"early": x, "late": z})
    randomize(network)
    fused = fuse_batch_norm(network)
    assert [norm.name for norm in norms(fused)] == ["stays"]
    pixels = np.random.default_rng(2).normal(size=(2, 4, 4, 2)).astype("float32")
    for name, expected in network(pixels).items():
        np.testing.assert_allclose(fused(pixels)[name], expected, rtol=1e-4, atol=1e-5)


def test_sequential_models_inside_a_network_are_fused():
    inputs = keras.Input((4, 4, 2))
    stem = keras.Sequential([layers.Conv2D(3, 1), layers.BatchNormalization()])
    network = keras.Model(inputs, layers.Conv2D(2, 1)(stem(inputs)))
    randomize(network)
    fused = fuse_batch_norm(network)
    assert not norms(fused)
    pixels = np.random.default_rng(2).normal(size=(2, 4, 4, 2)).astype("float32")
    np.testing.assert_allclose(fused(pixels), network(pixels), rtol=1e-4, atol=1e-5)


def test_fused_kernel_and_bias_by_hand():
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
    # The standard deviation is sqrt(3 + 1), so 6 * 4/2 = 12 and (5 - 2) * 4/2 + 7 = 13.
    assert (kernel.item(), bias.item()) == (12.0, 13.0)


def test_a_convolution_with_other_consumers_is_not_fused():
    inputs = keras.Input((4, 4, 2))
    x = layers.Conv2D(3, 1)(inputs)
    network = keras.Model(inputs, layers.Add()([x, layers.BatchNormalization()(x)]))
    assert len(norms(fuse_batch_norm(network))) == 1


def test_a_normalization_after_an_activation_is_not_fused():
    inputs = keras.Input((4, 4, 2))
    x = layers.Conv2D(3, 1, activation="relu")(inputs)
    network = keras.Model(inputs, layers.BatchNormalization()(x))
    assert len(norms(fuse_batch_norm(network))) == 1
