"""The eyes: shapes, scaling, weights, and what can go wrong with them."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from fruit_caption.errors import WeightsError
from fruit_caption.models import encoders
from fruit_caption.models.encoders import ENCODERS, CaffePreprocessing, build_encoder

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), "uint8")
WEIGHTS = Path(
    os.environ.get("FRUIT_VGG16_WEIGHTS", "../shared/weights/vgg16_imagenet_block4_pool.weights.h5")
)


@pytest.mark.parametrize("name", ENCODERS)
def test_every_row_of_the_table_sees(name):
    encoder = build_encoder(name, 64)
    features = encoder.predict_on_batch(PIXELS)
    assert features.shape[1:] == encoder.output_shape[1:]
    assert np.isfinite(features).all()
    assert bool(encoder.trainable_weights) != ENCODERS[name].frozen


def test_vgg16_is_cut_at_block4_pool():
    encoder = build_encoder("vgg16", 64)
    assert encoder.output_shape == (None, 4, 4, 512)
    assert encoder.count_params() == 7_635_264


def test_preprocessing_is_what_vgg16_was_trained_on():
    ours = CaffePreprocessing()(PIXELS)
    theirs = keras.applications.vgg16.preprocess_input(PIXELS.astype("float32"))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_preprocessing_is_saved_and_passes_gradients(tmp_path):
    inputs = keras.Input((8, 8, 3), dtype="uint8")
    model = keras.Model(inputs, keras.layers.Conv2D(1, 3)(CaffePreprocessing()(inputs)))
    model.compile("sgd", "mse")
    model.train_on_batch(PIXELS[:, :8, :8], np.zeros((2, 6, 6, 1), "float32"))
    model.save(tmp_path / "a.keras")
    again = keras.saving.load_model(tmp_path / "a.keras", safe_mode=True)
    np.testing.assert_array_equal(
        again.predict_on_batch(PIXELS[:, :8, :8]), model.predict_on_batch(PIXELS[:, :8, :8])
    )


def test_the_blind_encoder_sees_nothing():
    assert not build_encoder("blind", 64).predict_on_batch(PIXELS).any()


@pytest.mark.parametrize("cut", [True, False])
def test_weights_of_the_cut_or_of_the_whole_network_are_loaded(tmp_path, cut):
    source = keras.applications.VGG16(weights=None, include_top=False, input_shape=(64, 64, 3))
    model = source
    if cut:
        model = keras.Model(source.input, source.get_layer("block4_pool").output)
    model.save_weights(tmp_path / "vgg.weights.h5")
    encoder = build_encoder("vgg16", 64, str(tmp_path / "vgg.weights.h5"))
    np.testing.assert_array_equal(
        encoder.get_layer("vgg16_cut").get_layer("block4_conv3").kernel,
        source.get_layer("block4_conv3").kernel,
    )


def test_missing_or_other_weights_are_refused_in_one_line(tmp_path):
    with pytest.raises(WeightsError, match="no such weights file"):
        build_encoder("vgg16", 64, str(tmp_path / "none.weights.h5"))
    (tmp_path / "text.weights.h5").write_text("no weights")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]).save_weights(
        tmp_path / "other.weights.h5"
    )
    for name in ("text.weights.h5", "other.weights.h5"):
        with pytest.raises(WeightsError, match="does not hold VGG16's weights") as refusal:
            build_encoder("vgg16", 64, str(tmp_path / name))
        assert "\n" not in str(refusal.value)


def test_without_internet_it_says_what_to_pass(monkeypatch):
    def refuse(**_):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(encoders.keras.applications, "VGG16", refuse)
    with pytest.raises(WeightsError, match="--encoder-weights PATH"):
        build_encoder("vgg16", 64, "imagenet")


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="needs VGG16's ImageNet weights")
def test_imagenet_weights_give_the_features_of_the_bare_network():
    encoder = build_encoder("vgg16", 64, str(WEIGHTS))
    network = keras.applications.VGG16(weights=None, include_top=False, input_shape=(64, 64, 3))
    cut = keras.Model(network.input, network.get_layer("block4_pool").output)
    cut.load_weights(WEIGHTS)
    bare = cut.predict_on_batch(keras.applications.vgg16.preprocess_input(PIXELS.astype("float32")))
    np.testing.assert_allclose(encoder.predict_on_batch(PIXELS), bare, rtol=1e-4, atol=1e-3)
    assert bare.mean() > 0.1
