"""The encoders: shapes, preprocessing, weights files and errors."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from fruit_caption.models import pretrained
from fruit_caption.models.efficientnet_lite import efficientnet_lite0, preprocess_input
from fruit_caption.models.encoders import CUSTOM_ENCODERS, build_encoder_parts, join_parts
from fruit_caption.models.pretrained import Preprocessing
from fruit_caption.utils.errors import WeightsError

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), "uint8")
VGG16_WEIGHTS = Path(
    os.environ.get("FRUIT_VGG16_WEIGHTS", "../shared/weights/vgg16_imagenet_block4_pool.weights.h5")
)
LITE0_WEIGHTS = Path(
    os.environ.get("FRUIT_LITE0_WEIGHTS", "../shared/weights/efficientnet_lite0_imagenet.npz")
)
APPLICATIONS = ("MobileNetV2", "MobileNetV3Small", "EfficientNetV2B0", "ResNet50")


def build(name, size=64, weights="none", unfreeze=0):
    return join_parts(build_encoder_parts(name, size, str(weights), unfreeze))


@pytest.mark.parametrize("name", [*CUSTOM_ENCODERS, *pretrained.NETWORKS, *APPLICATIONS])
def test_encoder_gives_finite_features_and_is_frozen_unless_custom(name):
    encoder = build(name, weights="saved")
    features = encoder.predict_on_batch(PIXELS)
    assert features.shape[1:] == encoder.output_shape[1:]
    assert np.isfinite(features).all()
    assert bool(encoder.trainable_weights) == (name == "scratch")


@pytest.mark.parametrize("name", ["vgg16", "efficientnet-lite0", "MobileNetV2"])
def test_network_without_weights_is_trainable_as_a_whole(name):
    encoder = build(name)
    moving = [weight for weight in encoder.weights if "moving" in weight.path]
    assert len(encoder.trainable_weights) + len(moving) == len(encoder.weights)


def test_vgg16_ends_at_block4_pool():
    encoder = build("vgg16")
    assert encoder.output_shape == (None, 4, 4, 512)
    assert encoder.count_params() == 7_635_264


@pytest.mark.parametrize(
    ("name", "fine", "coarse"), [("efficientnet-lite0", 112, 320), ("MobileNetV2", 576, 1280)]
)
def test_two_scales_are_concatenated_on_the_finer_grid(name, fine, coarse):
    encoder = build(name, 96)
    assert encoder.output_shape == (None, 6, 6, fine + coarse)
    scales = encoder.get_layer(f"{encoder.name}_backbone").output
    assert [scale.shape[1:] for scale in scales] == [(6, 6, fine), (3, 3, coarse)]


@pytest.mark.parametrize(
    "module", ["vgg16", "mobilenet_v2", "densenet", "efficientnet_v2", "resnet_v2"]
)
def test_preprocessing_equals_the_function_of_the_network(module):
    preprocess = getattr(keras.applications, module).preprocess_input
    layer = Preprocessing.from_function(preprocess)
    np.testing.assert_allclose(layer(PIXELS), preprocess(PIXELS.astype("float32")), atol=1e-4)


def test_preprocessing_is_saved_and_passes_gradients(tmp_path):
    inputs = keras.Input((8, 8, 3), dtype="uint8")
    swapped = Preprocessing([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [2.0, 0.0, 0.0]], [-1.0, 0.0, 3.0])
    model = keras.Model(inputs, keras.layers.Conv2D(1, 3)(swapped(inputs)))
    model.compile("sgd", "mse")
    model.train_on_batch(PIXELS[:, :8, :8], np.zeros((2, 6, 6, 1), "float32"))
    model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras", safe_mode=True)
    np.testing.assert_array_equal(
        loaded.predict_on_batch(PIXELS[:, :8, :8]), model.predict_on_batch(PIXELS[:, :8, :8])
    )


def test_blind_encoder_gives_zeros():
    assert not build("blind").predict_on_batch(PIXELS).any()


@pytest.mark.parametrize("cut", [True, False])
def test_weights_file_may_hold_the_backbone_or_the_whole_network(tmp_path, cut):
    source = keras.applications.VGG16(weights=None, include_top=False, input_shape=(64, 64, 3))
    model = source
    if cut:
        model = keras.Model(source.input, source.get_layer("block4_pool").output)
    model.save_weights(tmp_path / "vgg.weights.h5")
    encoder = build("vgg16", weights=tmp_path / "vgg.weights.h5")
    np.testing.assert_array_equal(
        encoder.get_layer("vgg16_backbone").get_layer("block4_conv3").kernel,
        source.get_layer("block4_conv3").kernel,
    )


def named_arrays(model):
    """The weights of a model with the names of the published file, e.g. block1/expand_bn/gamma."""
    arrays = {}
    for layer in model.layers:
        name = layer.name.replace("_", "/", 1) if layer.name.startswith("block") else layer.name
        arrays |= {f"{name}/{weight.name}": np.asarray(weight) for weight in layer.weights}
    return arrays


def test_efficientnet_lite0_loads_named_arrays(tmp_path):
    keras.utils.set_random_seed(1)
    source = efficientnet_lite0((64, 64, 3))
    np.savez(tmp_path / "lite0.npz", **named_arrays(source))
    encoder = build("efficientnet-lite0", weights=tmp_path / "lite0.npz")
    taps = [source.get_layer(name).output for name in ("block10", "block15")]
    expected = keras.Model(source.input, taps).predict_on_batch(
        preprocess_input(PIXELS.astype("float32"))
    )
    features = encoder.predict_on_batch(PIXELS)
    np.testing.assert_allclose(features[..., :112], expected[0], rtol=1e-4, atol=1e-5)
    assert encoder.count_params() == 2_998_304


def test_error_names_a_missing_or_misshapen_array(tmp_path):
    arrays = named_arrays(efficientnet_lite0((64, 64, 3)))
    kernel = arrays.pop("block3/expand/kernel")
    np.savez(tmp_path / "missing.npz", **arrays)
    np.savez(tmp_path / "misshapen.npz", **arrays, **{"block3/expand/kernel": kernel[0]})
    for name, problem in (("missing", "it is missing"), ("misshapen", r"it is \(1, 24, 144\)")):
        expected = rf"block3_expand/kernel must be \(1, 1, 24, 144\), {problem}"
        with pytest.raises(WeightsError, match=expected):
            build("efficientnet-lite0", weights=tmp_path / f"{name}.npz")
    (tmp_path / "text.npz").write_text("no arrays")
    with pytest.raises(WeightsError, match="is not an array file"):
        build("efficientnet-lite0", weights=tmp_path / "text.npz")


def test_missing_or_unsuitable_weights_files_give_one_line_errors(tmp_path):
    with pytest.raises(WeightsError, match="no such weights file"):
        build("vgg16", weights=tmp_path / "none.weights.h5")
    (tmp_path / "text.weights.h5").write_text("no weights")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]).save_weights(
        tmp_path / "other.weights.h5"
    )
    for name in ("text.weights.h5", "other.weights.h5"):
        with pytest.raises(WeightsError, match="does not hold vgg16's weights") as error:
            build("vgg16", weights=tmp_path / name)
        assert "block4_pool" in str(error.value)
        assert "\n" not in str(error.value)


def test_error_for_an_unknown_encoder_lists_the_known_ones():
    with pytest.raises(WeightsError, match=r"no encoder 'resnet9'.*scratch.*vgg16.*ResNet50"):
        build("resnet9")


def test_unsupported_size_gives_a_one_line_error():
    with pytest.raises(WeightsError, match="Xception can't be built for 64 pixels") as error:
        build("Xception")
    assert "\n" not in str(error.value)


def test_error_when_imagenet_weights_cannot_be_downloaded(monkeypatch):
    def fail(**_):
        raise Exception("URL fetch failure")

    fail.__module__ = "keras.src.applications.vgg16"
    monkeypatch.setattr(pretrained.keras.applications, "VGG16", fail)
    with pytest.raises(WeightsError, match="can't be downloaded"):
        build("vgg16", weights="imagenet")
    with pytest.raises(WeightsError, match="no weights of"):
        build("efficientnet-lite0", weights="imagenet")


@pytest.mark.parametrize(
    ("name", "stages", "first"),
    [
        ("vgg16", 1, "block4_conv1"),
        ("vgg16", 2, "block3_conv1"),
        ("efficientnet-lite0", 1, "block11_depthwise"),
        ("efficientnet-lite0", 2, "block5_depthwise"),
    ],
)
def test_unfreezing_trains_the_last_stages_but_no_batch_normalization(name, stages, first):
    encoder = build(name, weights="saved", unfreeze=stages)
    trainable = [weight.path for weight in encoder.trainable_weights]
    assert trainable[0].endswith(f"{first}/kernel")
    assert not any("bn" in path for path in trainable)
    statistics = [weight for weight in encoder.non_trainable_weights if "moving" in weight.path]
    before = [np.array(weight) for weight in statistics]
    encoder(PIXELS, training=True)
    for weight, old in zip(statistics, before, strict=True):
        np.testing.assert_array_equal(weight, old)


@pytest.mark.skipif(not LITE0_WEIGHTS.is_file(), reason="needs EfficientNet-Lite0's weights")
def test_published_weights_give_the_reference_activations():
    network = efficientnet_lite0((96, 96, 3))
    pretrained._load_arrays(network, LITE0_WEIGHTS, "efficientnet-lite0")
    taps = [network.get_layer(name).output for name in ("block10", "block15")]
    model = keras.Model(network.input, [*taps, network.output])
    with np.load(LITE0_WEIGHTS) as arrays:
        pixels = preprocess_input(arrays["reference/image"].astype("float32"))
        for name, output in zip(("block10", "block15", "head"), model(pixels), strict=True):
            np.testing.assert_allclose(output, arrays[f"reference/{name}"], atol=1e-3)


@pytest.mark.skipif(not VGG16_WEIGHTS.is_file(), reason="needs VGG16's ImageNet weights")
def test_imagenet_weights_give_the_features_of_the_keras_network():
    encoder = build("vgg16", weights=VGG16_WEIGHTS)
    network = keras.applications.VGG16(weights=None, include_top=False, input_shape=(64, 64, 3))
    cut = keras.Model(network.input, network.get_layer("block4_pool").output)
    cut.load_weights(VGG16_WEIGHTS)
    pixels = keras.applications.vgg16.preprocess_input(PIXELS.astype("float32"))
    expected = cut.predict_on_batch(pixels)
    np.testing.assert_allclose(encoder.predict_on_batch(PIXELS), expected, rtol=1e-4, atol=1e-3)
    assert expected.mean() > 0.1
