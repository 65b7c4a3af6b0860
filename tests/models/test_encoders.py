"""The encoders: shapes, preprocessing, weights files and errors."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from fruit_caption.config import CUSTOM_ENCODERS
from fruit_caption.models import pretrained
from fruit_caption.models.efficientnet_lite import efficientnet_lite0, preprocess_input
from fruit_caption.models.encoders import BUILDERS, build_encoder
from fruit_caption.models.pretrained import Preprocessing
from fruit_caption.utils.errors import WeightsError
from tests.models import tiny_network

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), "uint8")
VGG16_WEIGHTS = Path(
    os.environ.get("FRUIT_VGG16_WEIGHTS", "../shared/weights/vgg16_imagenet_block4_pool.weights.h5")
)
LITE0_WEIGHTS = Path(
    os.environ.get("FRUIT_LITE0_WEIGHTS", "../shared/weights/efficientnet_lite0_imagenet.npz")
)
TAPS = {
    "vgg16": ("block3_pool", "block4_pool"),
    "efficientnet-lite0": ("block4", "block10", "block15"),
    "VGG19": ("block4_conv4", "block5_conv4", "block5_pool"),
    "MobileNetV3Small": ("activation", "activation", "activation"),
    "EfficientNetV2B0": (
        *("block4a_expand_activation", "block6a_expand_activation", "top_activation"),
    ),
    "ResNet50": ("conv3_block4_out", "conv4_block6_out", "conv5_block3_out"),
    "DenseNet121": ("pool3_conv", "pool4_conv", "relu"),
    "InceptionV3": ("activation", "activation", "mixed10"),
}
"""Layers that the features of each network are taken from. Keras numbers some layers."""

GRIDS = {"InceptionV3": [9, 4, 1]}
"""Rows of the three scales where they are not 8, 16 and 32 pixels per cell."""


def build(name, size=64, weights="none", freeze=False):
    return build_encoder(name, size, str(weights), freeze)


def backbone(encoder):
    return encoder.get_layer(f"{encoder.name}_backbone")


def moving_statistics(encoder):
    return [weight for weight in encoder.weights if "moving" in weight.path]


@pytest.fixture(scope="module")
def lite0():
    """EfficientNet-Lite0 with weights that are trained further."""
    return build("efficientnet-lite0", weights="saved")


@pytest.fixture(scope="module")
def tiny():
    """The name of a small network with batch normalization."""
    with tiny_network.known() as name:
        yield name


@pytest.mark.parametrize("name", TAPS)
def test_features_of_networks_are_taken_from_their_coarsest_scales(name):
    size = 96 if name == "InceptionV3" else 64
    encoder = build(name, size, "saved")
    scales = backbone(encoder).outputs
    names = [scale._keras_history.operation.name for scale in scales]
    assert (
        tuple(name.rstrip("_0123456789") if "activation_" in name else name for name in names)
        == (TAPS[name])
    )
    grids = [scale.shape[1] for scale in scales]
    assert grids == GRIDS.get(name, [8, 4, 2])[: len(scales)]
    channels = [scale.shape[3] for scale in scales]
    assert encoder.output["fine"].shape[1:] == (grids[0], grids[0], channels[0])
    assert encoder.output["coarse"].shape[1:] == (grids[1], grids[1], sum(channels[1:]))


@pytest.mark.parametrize("name", ["tiny-network", "MobileNetV2"])
def test_coarse_grid_covers_sizes_that_32_does_not_divide(tiny, name):
    encoder = build(name, 80)
    assert [scale.shape[1] for scale in backbone(encoder).outputs] == [10, 5, 3]
    shapes = {name: features.shape[1:3] for name, features in encoder.output.items()}
    assert shapes == {"fine": (10, 10), "coarse": (5, 5)}


def test_every_custom_encoder_has_a_builder():
    assert set(BUILDERS) == set(CUSTOM_ENCODERS)


@pytest.mark.parametrize("name", [*CUSTOM_ENCODERS, "tiny-network", "vgg16", "MobileNetV3Small"])
def test_encoder_gives_finite_features_on_a_finer_and_a_coarser_grid(tiny, name):
    encoder = build(name)
    features = encoder(PIXELS)
    assert set(features) == {"coarse", "fine"}
    for scale, values in features.items():
        assert values.shape[1:] == encoder.output[scale].shape[1:]
        assert np.isfinite(values).all()
        assert np.any(values) == (name != "blind")
    assert features["fine"].shape[1] == 2 * features["coarse"].shape[1]


def test_coarse_features_are_the_scales_resized_and_concatenated(tiny):
    encoder = build(tiny)
    pixels = encoder.get_layer("preprocessing")(PIXELS)
    fine, middle, last = (np.asarray(scale) for scale in backbone(encoder)(pixels))
    features = encoder(PIXELS)
    np.testing.assert_array_equal(features["fine"], fine)
    np.testing.assert_array_equal(features["coarse"][..., :6], middle)
    # The corner of a resized grid is the corner of the original.
    np.testing.assert_allclose(features["coarse"][:, 0, 0, 6:], last[:, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(features["coarse"][:, 3, 3, 6:], last[:, 1, 1], rtol=1e-5)


@pytest.mark.parametrize("name", ["tiny-network", "vgg16", "scratch"])
@pytest.mark.parametrize("freeze", [False, True])
def test_network_with_random_weights_is_trainable_as_a_whole(tiny, name, freeze):
    encoder = build(name, weights="none", freeze=freeze)
    assert len(encoder.trainable_weights) + len(moving_statistics(encoder)) == len(encoder.weights)


@pytest.mark.parametrize("name", ["tiny-network", "vgg16"])
def test_frozen_network_has_nothing_to_train(tiny, name):
    assert build(name, weights="saved", freeze=True).trainable_weights == []


def test_custom_encoders_are_never_frozen():
    assert build("scratch", weights="saved", freeze=True).trainable_weights


def test_batch_normalization_of_pretrained_networks_stays_as_it_is(lite0):
    trained = {weight.path for weight in lite0.trainable_weights}
    norms = {
        weight.path
        for layer in lite0._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
        for weight in layer.weights
    }
    assert norms
    assert trained == {weight.path for weight in lite0.weights} - norms
    before = [np.array(weight) for weight in moving_statistics(lite0)]
    lite0(PIXELS, training=True)
    for weight, old in zip(moving_statistics(lite0), before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_batch_normalization_of_random_networks_is_trained(tiny):
    encoder = build(tiny)
    before = [np.array(weight) for weight in moving_statistics(encoder)]
    encoder(PIXELS, training=True)
    for weight, old in zip(moving_statistics(encoder), before, strict=True):
        assert not np.array_equal(weight, old)


def test_encoders_have_the_expected_size(lite0):
    vgg16 = build("vgg16")
    assert vgg16.output["coarse"].shape == (None, 4, 4, 512)
    assert vgg16.output["fine"].shape == (None, 8, 8, 256)
    assert vgg16.count_params() == 7_635_264
    assert lite0.output["coarse"].shape == (None, 4, 4, 112 + 320)
    assert lite0.output["fine"].shape == (None, 8, 8, 40)
    assert lite0.count_params() == 2_998_304
    scratch = build("scratch")
    assert scratch.output["coarse"].shape == (None, 4, 4, 192)
    assert scratch.output["fine"].shape == (None, 8, 8, 96)


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


@pytest.mark.parametrize("cut", [True, False])
def test_weights_file_may_hold_the_backbone_or_the_whole_network(tmp_path, cut):
    source = keras.applications.VGG16(weights=None, include_top=False, input_shape=(64, 64, 3))
    model = source
    if cut:
        model = keras.Model(source.input, source.get_layer("block4_pool").output)
    model.save_weights(tmp_path / "vgg.weights.h5")
    encoder = build("vgg16", weights=tmp_path / "vgg.weights.h5")
    np.testing.assert_array_equal(
        backbone(encoder).get_layer("block4_conv3").kernel,
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
    taps = [source.get_layer(name).output for name in ("block4", "block10")]
    fine, coarse = keras.Model(source.input, taps)(preprocess_input(PIXELS.astype("float32")))
    features = encoder(PIXELS)
    np.testing.assert_allclose(features["fine"], fine, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(features["coarse"][..., :112], coarse, rtol=1e-4, atol=1e-5)


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


def test_each_network_finds_its_file_in_a_folder_of_weights(tmp_path):
    source = efficientnet_lite0((64, 64, 3))
    np.savez(tmp_path / "efficientnet-lite0.npz", **named_arrays(source))
    encoder = build("EfficientNet-Lite0", weights=tmp_path)
    np.testing.assert_array_equal(
        backbone(encoder).get_layer("stem").kernel, source.get_layer("stem").kernel
    )
    expected = r"no weights of vgg16: neither vgg16\.weights\.h5 nor vgg16\.npz"
    with pytest.raises(WeightsError, match=expected):
        build("vgg16", weights=tmp_path)


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
    taps = [network.get_layer(name).output for name in ("block4_pool", "block3_pool")]
    keras.Model(network.input, taps[0]).load_weights(VGG16_WEIGHTS)
    pixels = keras.applications.vgg16.preprocess_input(PIXELS.astype("float32"))
    features = encoder(PIXELS)
    expected = keras.Model(network.input, taps)(pixels)
    for scale, values in zip(("coarse", "fine"), expected, strict=True):
        np.testing.assert_allclose(features[scale], values, rtol=1e-4, atol=1e-3)
        assert np.mean(values) > 0.1
