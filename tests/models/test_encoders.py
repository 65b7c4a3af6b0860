"""The eyes: shapes, scaling, weights, and what can go wrong with them."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from fruit_caption.models import pretrained
from fruit_caption.models.efficientnet_lite import efficientnet_lite0, preprocess_input
from fruit_caption.models.encoders import OWN, encoder_parts, joined
from fruit_caption.models.pretrained import Preprocessing
from fruit_caption.utils.errors import WeightsError

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), "uint8")
WEIGHTS = Path(
    os.environ.get("FRUIT_VGG16_WEIGHTS", "../shared/weights/vgg16_imagenet_block4_pool.weights.h5")
)
LITE_WEIGHTS = Path(
    os.environ.get("FRUIT_LITE0_WEIGHTS", "../shared/weights/efficientnet_lite0_imagenet.npz")
)
THEIRS = ("MobileNetV2", "MobileNetV3Small", "EfficientNetV2B0", "ResNet50")


@pytest.mark.parametrize("name", [*OWN, *pretrained.NETWORKS, *THEIRS])
def test_every_encoder_sees(name):
    encoder = joined(encoder_parts(name, 64, "saved"))
    features = encoder.predict_on_batch(PIXELS)
    assert features.shape[1:] == encoder.output_shape[1:]
    assert np.isfinite(features).all()
    assert bool(encoder.trainable_weights) == (name == "scratch")


@pytest.mark.parametrize("name", ["vgg16", "efficientnet-lite0", "MobileNetV2"])
def test_without_weights_a_network_learns_all(name):
    encoder = joined(encoder_parts(name, 64, "none"))
    moving = [weight for weight in encoder.weights if "moving" in weight.path]
    assert len(encoder.trainable_weights) + len(moving) == len(encoder.weights)


def test_vgg16_is_cut_at_block4_pool():
    encoder = joined(encoder_parts("vgg16", 64))
    assert encoder.output_shape == (None, 4, 4, 512)
    assert encoder.count_params() == 7_635_264


@pytest.mark.parametrize(
    ("name", "fine", "coarse"), [("efficientnet-lite0", 112, 320), ("MobileNetV2", 576, 1280)]
)
def test_two_scales_lie_side_by_side_on_the_finer_grid(name, fine, coarse):
    encoder = joined(encoder_parts(name, 96))
    assert encoder.output_shape == (None, 6, 6, fine + coarse)
    scales = encoder.get_layer(f"{encoder.name}_cut").output
    assert [scale.shape[1:] for scale in scales] == [(6, 6, fine), (3, 3, coarse)]


@pytest.mark.parametrize(
    "module", ["vgg16", "mobilenet_v2", "densenet", "efficientnet_v2", "resnet_v2"]
)
def test_preprocessing_is_what_each_network_was_trained_on(module):
    preprocess = getattr(keras.applications, module).preprocess_input
    ours = Preprocessing.measured(preprocess)(PIXELS)
    theirs = preprocess(PIXELS.astype("float32"))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_preprocessing_is_saved_and_passes_gradients(tmp_path):
    inputs = keras.Input((8, 8, 3), dtype="uint8")
    swapped = Preprocessing([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [2.0, 0.0, 0.0]], [-1.0, 0.0, 3.0])
    model = keras.Model(inputs, keras.layers.Conv2D(1, 3)(swapped(inputs)))
    model.compile("sgd", "mse")
    model.train_on_batch(PIXELS[:, :8, :8], np.zeros((2, 6, 6, 1), "float32"))
    model.save(tmp_path / "a.keras")
    again = keras.saving.load_model(tmp_path / "a.keras", safe_mode=True)
    np.testing.assert_array_equal(
        again.predict_on_batch(PIXELS[:, :8, :8]), model.predict_on_batch(PIXELS[:, :8, :8])
    )


def test_the_blind_encoder_sees_nothing():
    assert not joined(encoder_parts("blind", 64)).predict_on_batch(PIXELS).any()


@pytest.mark.parametrize("cut", [True, False])
def test_weights_of_the_cut_or_of_the_whole_network_are_loaded(tmp_path, cut):
    source = keras.applications.VGG16(weights=None, include_top=False, input_shape=(64, 64, 3))
    model = source
    if cut:
        model = keras.Model(source.input, source.get_layer("block4_pool").output)
    model.save_weights(tmp_path / "vgg.weights.h5")
    encoder = joined(encoder_parts("vgg16", 64, str(tmp_path / "vgg.weights.h5")))
    np.testing.assert_array_equal(
        encoder.get_layer("vgg16_cut").get_layer("block4_conv3").kernel,
        source.get_layer("block4_conv3").kernel,
    )


def arrays_of(model):
    """The weights of a model as a published file names them: block1/expand_bn/gamma."""
    arrays = {}
    for layer in model.layers:
        name = layer.name.replace("_", "/", 1) if layer.name.startswith("block") else layer.name
        arrays |= {f"{name}/{weight.name}": np.asarray(weight) for weight in layer.weights}
    return arrays


def test_arrays_fill_efficientnet_lite0_by_their_names(tmp_path):
    keras.utils.set_random_seed(1)
    source = efficientnet_lite0((64, 64, 3))
    np.savez(tmp_path / "lite0.npz", **arrays_of(source))
    encoder = joined(encoder_parts("efficientnet-lite0", 64, str(tmp_path / "lite0.npz")))
    taps = [source.get_layer(name).output for name in ("block10", "block15")]
    expected = keras.Model(source.input, taps).predict_on_batch(
        preprocess_input(PIXELS.astype("float32"))
    )
    features = encoder.predict_on_batch(PIXELS)
    np.testing.assert_allclose(features[..., :112], expected[0], rtol=1e-4, atol=1e-5)
    assert encoder.count_params() == 2_998_304


def test_a_missing_or_misshapen_array_is_named(tmp_path):
    arrays = arrays_of(efficientnet_lite0((64, 64, 3)))
    kernel = arrays.pop("block3/expand/kernel")
    np.savez(tmp_path / "lacking.npz", **arrays)
    np.savez(tmp_path / "misshapen.npz", **arrays, **{"block3/expand/kernel": kernel[0]})
    for name, has in (("lacking", "it is missing"), ("misshapen", r"it is \(1, 24, 144\)")):
        expected = rf"block3_expand/kernel must be \(1, 1, 24, 144\), {has}"
        with pytest.raises(WeightsError, match=expected):
            joined(encoder_parts("efficientnet-lite0", 64, str(tmp_path / f"{name}.npz")))
    (tmp_path / "text.npz").write_text("no arrays")
    with pytest.raises(WeightsError, match="is no file of arrays"):
        joined(encoder_parts("efficientnet-lite0", 64, str(tmp_path / "text.npz")))


def test_missing_or_other_weights_are_refused_in_one_line(tmp_path):
    with pytest.raises(WeightsError, match="no such weights file"):
        joined(encoder_parts("vgg16", 64, str(tmp_path / "none.weights.h5")))
    (tmp_path / "text.weights.h5").write_text("no weights")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]).save_weights(
        tmp_path / "other.weights.h5"
    )
    for name in ("text.weights.h5", "other.weights.h5"):
        with pytest.raises(WeightsError, match="does not hold vgg16's weights") as refusal:
            joined(encoder_parts("vgg16", 64, str(tmp_path / name)))
        assert "block4_pool" in str(refusal.value)
        assert "\n" not in str(refusal.value)


def test_an_unknown_encoder_is_told_what_there_is():
    with pytest.raises(WeightsError, match=r"no encoder 'resnet9'.*scratch.*vgg16.*ResNet50"):
        joined(encoder_parts("resnet9", 64))


def test_a_size_that_a_network_cannot_take_is_refused_in_one_line():
    with pytest.raises(WeightsError, match="Xception can't be built for 64 pixels") as refusal:
        joined(encoder_parts("Xception", 64))
    assert "\n" not in str(refusal.value)


def test_without_internet_it_says_what_to_pass(monkeypatch):
    def refuse(**_):
        raise Exception("URL fetch failure")

    refuse.__module__ = "keras.src.applications.vgg16"
    monkeypatch.setattr(pretrained.keras.applications, "VGG16", refuse)
    with pytest.raises(WeightsError, match="can't be downloaded"):
        joined(encoder_parts("vgg16", 64, "imagenet"))
    with pytest.raises(WeightsError, match="no weights of"):
        joined(encoder_parts("efficientnet-lite0", 64, "imagenet"))


@pytest.mark.parametrize(
    ("name", "stages", "first"),
    [
        ("vgg16", 1, "block4_conv1"),
        ("vgg16", 2, "block3_conv1"),
        ("efficientnet-lite0", 1, "block11_depthwise"),
        ("efficientnet-lite0", 2, "block5_depthwise"),
    ],
)
def test_unfreezing_lets_the_last_stages_learn_but_no_batch_normalization(name, stages, first):
    encoder = joined(encoder_parts(name, 64, "saved", stages))
    learning = [weight.path for weight in encoder.trainable_weights]
    assert learning[0].endswith(f"{first}/kernel")
    assert not any("bn" in path for path in learning)
    norms = [weight for weight in encoder.non_trainable_weights if "moving" in weight.path]
    before = [np.array(norm) for norm in norms]
    encoder(PIXELS, training=True)
    for norm, old in zip(norms, before, strict=True):
        np.testing.assert_array_equal(norm, old)


@pytest.mark.skipif(not LITE_WEIGHTS.is_file(), reason="needs EfficientNet-Lite0's weights")
def test_published_weights_give_the_reference_activations():
    network = efficientnet_lite0((96, 96, 3))
    pretrained._load_arrays(network, LITE_WEIGHTS, "efficientnet-lite0")
    outputs = [network.get_layer("block10").output, network.get_layer("block15").output]
    seen = keras.Model(network.input, [*outputs, network.output])
    with np.load(LITE_WEIGHTS) as arrays:
        pixels = preprocess_input(arrays["reference/image"].astype("float32"))
        for name, found in zip(("block10", "block15", "head"), seen(pixels), strict=True):
            np.testing.assert_allclose(found, arrays[f"reference/{name}"], atol=1e-3)


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="needs VGG16's ImageNet weights")
def test_imagenet_weights_give_the_features_of_the_bare_network():
    encoder = joined(encoder_parts("vgg16", 64, str(WEIGHTS)))
    network = keras.applications.VGG16(weights=None, include_top=False, input_shape=(64, 64, 3))
    cut = keras.Model(network.input, network.get_layer("block4_pool").output)
    cut.load_weights(WEIGHTS)
    bare = cut.predict_on_batch(keras.applications.vgg16.preprocess_input(PIXELS.astype("float32")))
    np.testing.assert_allclose(encoder.predict_on_batch(PIXELS), bare, rtol=1e-4, atol=1e-3)
    assert bare.mean() > 0.1
