"""Features are worked out once, and are those of the view that is shown."""

import keras
import numpy as np
import pytest

from fruit_caption.data import features
from fruit_caption.data.augmentation import PLAIN, View
from fruit_caption.data.formats.coco import read_coco
from fruit_caption.models.encoders import encoder_parts, joined
from fruit_caption.models.surgery import fuse_batch_norm

SIZE = 32


@pytest.fixture(scope="module")
def encoder():
    return joined(encoder_parts("vgg16", SIZE))


@pytest.fixture
def seen(monkeypatch):
    """How many photos were looked at, look by look."""
    looks = []

    class Counted:
        def __init__(self, encoder):
            self.encoder = fuse_batch_norm(encoder)

        def predict_on_batch(self, pixels):
            looks.append(len(pixels))
            return self.encoder.predict_on_batch(pixels)

    monkeypatch.setattr(features, "fuse_batch_norm", Counted)
    return looks


@pytest.fixture(scope="module")
def shown(photos):
    return [(photo.path, PLAIN) for photo in read_coco(photos).photos][:20]


def test_each_photo_is_looked_at_once(encoder, seen, shown, tmp_path):
    told = []
    first = features.extract_features(
        encoder, shown[:18], SIZE, tmp_path, progress=lambda *step: told.append(step)
    )
    assert seen == [16, 2]
    assert told == [(16, 18), (18, 18)]
    again = features.extract_features(encoder, shown[::-1], SIZE, tmp_path)
    assert seen == [16, 2, 2]
    assert again[::-1][:18] == first


def test_features_are_the_encoders_own(encoder, shown, tmp_path):
    for mirrored in (False, True):
        turned = [(path, View(mirrored=mirrored)) for path, _ in shown[:3]]
        files = features.extract_features(encoder, turned, SIZE, tmp_path)
        pixels = features.load_pixels([path for path, _ in turned], SIZE)
        direct = encoder.predict_on_batch(pixels[:, :, ::-1] if mirrored else pixels)
        stored = features.load(files)
        assert stored.dtype == "float16"
        np.testing.assert_allclose(stored, direct, rtol=2e-3, atol=1e-3)


def test_eyes_with_the_same_weights_and_other_taps_keep_their_features_apart(shown, tmp_path):
    pixels = keras.Input((SIZE, SIZE, 3))
    fine = keras.layers.AveragePooling2D(2)(pixels)
    shapes = []
    for output in (fine, keras.layers.AveragePooling2D(2)(fine)):
        eye = keras.Model(pixels, output, name="eye")
        files = features.extract_features(eye, shown[:1], SIZE, tmp_path)
        shapes.append(features.load(files).shape)
    assert shapes == [(1, 16, 16, 3), (1, 8, 8, 3)]


def test_pixels_are_kept_too(shown, tmp_path):
    files = features.extract_pixels(shown[:3], SIZE, tmp_path)
    pixels = features.load_pixels([path for path, _ in shown[:3]], SIZE)
    np.testing.assert_array_equal(features.load(files), pixels)


def test_other_weights_are_another_cache(shown, tmp_path):
    folders = {
        features.extract_features(encoder, shown[:1], SIZE, tmp_path)[0].parent
        for encoder in (joined(encoder_parts("vgg16", SIZE)) for _ in range(2))
    }
    assert len(folders) == 2
