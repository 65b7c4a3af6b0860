"""Splitting and fusing keep the outputs of a network."""

import keras
import numpy as np
import pytest
from keras import layers

from fruit_caption.models.encoders import build_encoder_parts, join_parts
from fruit_caption.models.surgery import fuse_batch_norm, split_frozen

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype="uint8")


def test_a_fully_trainable_or_frozen_network_is_not_split():
    inputs = keras.Input((4, 4, 1))
    network = keras.Model(inputs, layers.Conv2D(2, 1)(inputs))
    assert split_frozen(network) == (None, network)
    network.trainable = False
    assert split_frozen(network) == (network, None)


def test_cut_is_at_the_smallest_tensor_that_all_later_layers_depend_on():
    inputs = keras.Input((8, 8, 1))
    small = layers.Conv2D(2, 1, strides=2, name="small")(inputs)  # 4 x 4 x 2
    wide = layers.Conv2D(9, 1, name="wide")(small)  # a possible cut, but larger
    branch = layers.Conv2D(1, 1, name="branch")(wide)  # smaller, but `wide` is also used later
    last = layers.Conv2D(3, 1, name="last")(layers.Concatenate()([wide, branch]))
    network = keras.Model(inputs, last)
    for layer in network.layers:
        layer.trainable = layer.name == "last"
    frozen, trainable = split_frozen(network)
    assert frozen.output_shape == (None, 4, 4, 2)
    assert frozen.layers[-1].name == "small"
    assert [weight.path for weight in trainable.trainable_weights] == ["last/kernel", "last/bias"]
    pixels = PIXELS[:, :8, :8, :1].astype("float32")
    outputs = trainable.predict_on_batch(frozen.predict_on_batch(pixels))
    np.testing.assert_allclose(outputs, network.predict_on_batch(pixels), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "stages", "grid"),
    [
        ("efficientnet-lite0", 1, (4, 4, 112)),
        ("efficientnet-lite0", 2, (8, 8, 40)),
        ("vgg16", 1, (8, 8, 256)),
        ("MobileNetV3Small", 1, (4, 4, 48)),
    ],
)
def test_encoders_are_split_at_the_start_of_a_stage(name, stages, grid):
    keras.utils.set_random_seed(0)
    whole = join_parts(build_encoder_parts(name, 64, "saved"))
    keras.utils.set_random_seed(0)
    frozen, trainable = build_encoder_parts(name, 64, "saved", stages)
    assert frozen.output_shape[1:] == grid
    assert not frozen.trainable_weights
    assert trainable.trainable_weights
    features = trainable.predict_on_batch(frozen.predict_on_batch(PIXELS))
    np.testing.assert_allclose(features, whole.predict_on_batch(PIXELS), rtol=1e-4, atol=1e-5)


def norms(network):
    return [
        layer for layer in network._flatten_layers() if isinstance(layer, layers.BatchNormalization)
    ]


@pytest.mark.parametrize("name", ["scratch", "efficientnet-lite0", "MobileNet", "blind"])
def test_fusing_removes_all_normalization_of_an_encoder(name):
    encoder = join_parts(build_encoder_parts(name, 64))
    rng = np.random.default_rng(1)
    for norm in norms(encoder):
        norm.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in norm.get_weights()])
    fused = fuse_batch_norm(encoder)
    expected = encoder.predict_on_batch(PIXELS)
    np.testing.assert_allclose(
        fused.predict_on_batch(PIXELS), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max()
    )
    assert not norms(fused)
    assert fused.output_shape == encoder.output_shape


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
