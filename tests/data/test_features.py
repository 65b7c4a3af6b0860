"""Features are computed once per augmented photo, and are those of the encoder."""

import keras
import numpy as np
import pytest

from fruit_caption.data import features
from fruit_caption.data.augmentation import IDENTITY, Augmentation
from fruit_caption.data.formats.coco import read_coco
from fruit_caption.models.encoders import build_encoder_parts, join_parts
from fruit_caption.models.surgery import fuse_batch_norm

SIZE = 32


@pytest.fixture(scope="module")
def encoder():
    return join_parts(build_encoder_parts("vgg16", SIZE))


@pytest.fixture
def batch_sizes(monkeypatch):
    """The number of photos in each call of the encoder."""
    sizes = []

    class CountingEncoder:
        def __init__(self, encoder):
            self.encoder = fuse_batch_norm(encoder)

        def predict_on_batch(self, pixels):
            sizes.append(len(pixels))
            return self.encoder.predict_on_batch(pixels)

    monkeypatch.setattr(features, "fuse_batch_norm", CountingEncoder)
    return sizes


@pytest.fixture(scope="module")
def augmented(photos):
    return [(photo.path, IDENTITY) for photo in read_coco(photos).photos][:20]


def test_each_photo_is_encoded_once(encoder, batch_sizes, augmented, tmp_path):
    reports = []
    first = features.cache_features(
        encoder, augmented[:18], SIZE, tmp_path, progress=lambda *report: reports.append(report)
    )
    assert batch_sizes == [16, 2]
    assert reports == [(16, 18), (18, 18)]
    second = features.cache_features(encoder, augmented[::-1], SIZE, tmp_path)
    assert batch_sizes == [16, 2, 2]
    assert second[::-1][:18] == first


def test_cached_features_are_those_of_the_encoder(encoder, augmented, tmp_path):
    for mirrored in (False, True):
        photos = [(path, Augmentation(mirrored=mirrored)) for path, _ in augmented[:3]]
        files = features.cache_features(encoder, photos, SIZE, tmp_path)
        pixels = features.load_pixels([path for path, _ in photos], SIZE)
        expected = encoder.predict_on_batch(pixels[:, :, ::-1] if mirrored else pixels)
        cached = features.load_cached(files)
        assert cached.dtype == "float16"
        np.testing.assert_allclose(cached, expected, rtol=2e-3, atol=1e-3)


def test_encoders_with_equal_weights_but_other_outputs_are_cached_separately(augmented, tmp_path):
    pixels = keras.Input((SIZE, SIZE, 3))
    fine = keras.layers.AveragePooling2D(2)(pixels)
    shapes = []
    for output in (fine, keras.layers.AveragePooling2D(2)(fine)):
        encoder = keras.Model(pixels, output, name="encoder")
        files = features.cache_features(encoder, augmented[:1], SIZE, tmp_path)
        shapes.append(features.load_cached(files).shape)
    assert shapes == [(1, 16, 16, 3), (1, 8, 8, 3)]


def test_pixels_can_be_cached(augmented, tmp_path):
    files = features.cache_pixels(augmented[:3], SIZE, tmp_path)
    pixels = features.load_pixels([path for path, _ in augmented[:3]], SIZE)
    np.testing.assert_array_equal(features.load_cached(files), pixels)


def test_encoders_with_other_weights_are_cached_separately(augmented, tmp_path):
    folders = {
        features.cache_features(encoder, augmented[:1], SIZE, tmp_path)[0].parent
        for encoder in (join_parts(build_encoder_parts("vgg16", SIZE)) for _ in range(2))
    }
    assert len(folders) == 2
