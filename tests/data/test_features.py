"""Features are computed once per view of a photo, and are those of the encoder."""

import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest

from fruit_caption.data import features
from fruit_caption.data.augmentation import IDENTITY, View, render_view
from fruit_caption.data.dataset import read_data
from fruit_caption.data.formats.coco import read_coco
from fruit_caption.models.encoders import build_encoder
from fruit_caption.models.fusion import fuse_batch_norm
from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.images import letterbox, open_picture
from tests.models import tiny_network

SIZE = 32
BRIGHT = View(mirrored=True, side=1.5, left=-0.2, top=-0.1, noise=3)


def build():
    with tiny_network.known() as name:
        return build_encoder(name, SIZE)


@pytest.fixture(scope="module")
def encoder():
    return build()


@pytest.fixture
def batch_sizes(monkeypatch):
    """The number of photos in each call of the encoder."""
    sizes = []

    class CountingEncoder:
        def __init__(self, encoder):
            self.encoder = fuse_batch_norm(encoder)

        def predict_on_batch(self, pixels):
            sizes.append(len(pixels))
            return {name: np.asarray(array) for name, array in self.encoder(pixels).items()}

    monkeypatch.setattr(features, "fuse_batch_norm", CountingEncoder)
    return sizes


@pytest.fixture(scope="module")
def views(photos):
    return [(photo.path, IDENTITY) for photo in read_coco(photos).photos][:20]


def test_each_view_is_encoded_once(encoder, batch_sizes, views, tmp_path):
    reports = []
    first = features.cache_features(
        encoder, views[:18], SIZE, tmp_path, progress=lambda *report: reports.append(report)
    )
    assert batch_sizes == [16, 2]
    assert reports == [(16, 18), (18, 18)]
    second = features.cache_features(encoder, views[::-1], SIZE, tmp_path)
    assert batch_sizes == [16, 2, 2]
    assert second[::-1][:18] == first
    path, _ = views[0]
    third = features.cache_features(encoder, [(path, BRIGHT), (path, BRIGHT)], SIZE, tmp_path)
    assert batch_sizes == [16, 2, 2, 1]
    assert third[0] == third[1]
    assert third[0] not in second


def test_an_interrupted_run_continues_where_it_stopped(encoder, batch_sizes, views, tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features.cache_features(encoder, views, SIZE, tmp_path, progress=interrupt)
    assert batch_sizes == [16]
    files = features.cache_features(encoder, views, SIZE, tmp_path)
    assert batch_sizes == [16, 4]
    assert sorted(tmp_path.rglob("*.npz")) == sorted(files)
    # The same photo under another name is in the cache, too.
    copy = shutil.copy(views[0][0], tmp_path / "copy.png")
    assert features.cache_features(encoder, [(copy, IDENTITY)], SIZE, tmp_path) == files[:1]
    assert batch_sizes == [16, 4]


def test_cached_features_are_those_of_the_encoder(encoder, views, tmp_path):
    shown = [(path, view) for view in (IDENTITY, BRIGHT) for path, _ in views[:2]]
    files = features.cache_features(encoder, shown, SIZE, tmp_path)
    pixels = np.stack([render_view(open_picture(path), view, SIZE) for path, view in shown])
    cached = features.load_features(files)
    assert set(cached) == {"coarse", "fine"}
    for name, expected in encoder(pixels).items():
        assert cached[name].dtype == "float32"
        np.testing.assert_allclose(cached[name], expected, rtol=2e-3, atol=1e-3)
    with np.load(files[0]) as arrays:
        assert {arrays[name].dtype.name for name in arrays.files} == {"float16"}


def test_large_features_are_clipped_instead_of_becoming_infinite(views, tmp_path):
    pixels = keras.Input((SIZE, SIZE, 3))
    large = keras.layers.Rescaling(1e6, offset=-100e6)(pixels)
    encoder = keras.Model(pixels, {"coarse": large, "fine": pixels}, name="large")
    files = features.cache_features(encoder, views[:1], SIZE, tmp_path)
    cached = features.load_features(files)
    assert set(np.unique(np.abs(cached["coarse"]))) <= {0, 65504}
    np.testing.assert_array_equal(cached["fine"], features.load_pixels([views[0][0]], SIZE))


def test_encoders_with_other_weights_are_cached_separately(views, tmp_path):
    folders = {
        features.cache_features(build(), views[:1], SIZE, tmp_path)[0].parent for _ in range(2)
    }
    assert len(folders) == 2


def test_a_photo_that_cannot_be_read_is_named(encoder, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    with pytest.raises(PictureError, match=r"broken\.png"):
        features.cache_features(encoder, [(broken, IDENTITY)], SIZE, tmp_path / "cache")


def test_fixed_views_depend_on_the_name_only(data):
    first, second = read_data(data).splits["train"][:2]
    views = features.fixed_views(first, 4)
    assert views[0] == (first.path, IDENTITY)
    assert len(set(views)) == 4
    assert features.fixed_views(first, 2) == views[:2]
    moved = replace(first, path=second.path, qa_pairs=second.qa_pairs)
    assert features.fixed_views(moved, 4) == [(second.path, view) for _, view in views]
    renamed = features.fixed_views(replace(first, name="other.png"), 4)
    assert not {view for _, view in renamed[1:]} & {view for _, view in views}


def test_pixels_are_letterboxed(views):
    paths = [path for path, _ in views[:2]]
    pixels = features.load_pixels(paths, SIZE)
    assert pixels.dtype == "uint8"
    for path, array in zip(paths, pixels, strict=True):
        np.testing.assert_array_equal(array, letterbox(open_picture(path), SIZE))
