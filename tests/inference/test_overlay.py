"""Mapping between grid and photo, peaks of density maps, and the drawing."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from fruit_caption.data.batches import density_maps
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.inference import overlay
from fruit_caption.inference.overlay import (
    ATTENTION_NOTE,
    MIN_PEAK_MASS,
    NO_ATTENTION_NOTE,
    Overlay,
    Peak,
    find_peaks,
    undo_letterbox,
)
from fruit_caption.utils.images import letterbox
from fruit_caption.utils.plotting import INK, new_figure

SIZES = {"landscape": (300, 200), "portrait": (200, 300), "square": (250, 250), "odd": (301, 97)}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("place", [(0.2, 0.3), (0.5, 0.5), (0.85, 0.7)])
def test_undo_letterbox_maps_a_blob_to_its_position_in_the_photo(size, place):
    x, y = (round(side * part) for side, part in zip(size, place, strict=True))
    photo = Image.new("RGB", size)
    photo.paste("white", (x - 15, y - 15, x + 15, y + 15))
    cells = letterbox(photo, 320)[:, :, 0].reshape(40, 8, 40, 8).mean(axis=(1, 3))
    upsampled = undo_letterbox(cells, *size)
    assert upsampled.shape == (size[1], size[0])
    rows, columns = np.nonzero(upsampled > 200)
    assert columns.mean() == pytest.approx(x - 0.5, abs=max(size) / 80)
    assert rows.mean() == pytest.approx(y - 0.5, abs=max(size) / 80)


def test_undo_letterbox_keeps_a_linear_ramp():
    cells = np.tile(np.arange(12.0)[:, None], 12)
    # 50 of the square's 300 pixels, 2 of its 12 cells, are padding above the photo.
    expected = (np.arange(200) + 50.5) / 25 - 0.5
    for column in (0, 150, 299):
        assert undo_letterbox(cells, 300, 200)[:, column] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("size", [(1000, 1), (1, 1000), (641, 333), (7, 5)])
def test_undo_letterbox_handles_extreme_aspect_ratios(size):
    cells = np.eye(7)
    upsampled = undo_letterbox(cells, *size)
    assert upsampled.shape == (size[1], size[0])
    assert upsampled.min() >= 0
    assert 0.5 < upsampled.max() <= 1


def test_find_peaks():
    density = np.zeros((5, 5, 2))
    density[1, 1:3, 0] = 0.6, 0.3
    density[4, 0, 0] = MIN_PEAK_MASS - 0.01
    density[4, 3:, 0] = 0.25  # equally high: one peak, not two
    density[0, 4, 1] = 1.0
    assert find_peaks(density) == [
        Peak(1, 1, 0, pytest.approx(0.9)),
        Peak(4, 3, 0, 0.5),
        Peak(0, 4, 1, 1.0),
    ]
    assert find_peaks(np.zeros((3, 4, 2))) == []


def test_touching_fruits_have_one_peak_each():
    density = np.array([0.1, 0.5, 0.3, 0.6, 0.2])[None, :, None]
    assert find_peaks(density) == [
        Peak(0, 1, 0, pytest.approx(0.6)),
        Peak(0, 3, 0, pytest.approx(1.1)),
    ]


def photo_with(tmp_path, size, *boxes):
    path = tmp_path / "photo.png"
    Image.new("RGB", size, "#808080").save(path)
    return Photo(path, *size, boxes, frozenset(["apple", "pear"]), group="photo")


def test_large_and_small_fruits_are_found(tmp_path):
    boxes = FruitBox("apple", 0, 0, 200, 200), FruitBox("apple", 280, 180, 16, 16)
    density = density_maps(photo_with(tmp_path, (300, 200), *boxes), ["apple"], 20, 20)
    peaks = find_peaks(density)
    assert [peak.mass for peak in peaks] == pytest.approx([1, 1], abs=0.05)
    assert density[density > 0].max() > 5 * density[peaks[0].row, peaks[0].column, 0]


@pytest.fixture
def figures(monkeypatch):
    """Collects the figures that are drawn."""
    drawn = []

    @contextmanager
    def recording(path, height):
        with new_figure(path, height) as figure:
            drawn.append(figure)
            yield figure

    monkeypatch.setattr(overlay, "new_figure", recording)
    return drawn


def overlay_of(photo, text="", attention=None, question="how many apples?"):
    """The overlay of a model with perfect density maps."""
    words, fruits = text.split(), ("apple", "pear")
    density = density_maps(photo, fruits, 20, 20)
    return Overlay(
        photo.path, (question, text), density, fruits, words, [0.9] * len(words), attention
    )


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_markers_lie_on_the_fruits_and_attention_on_its_region(tmp_path, figures, size):
    width, height = size
    centers = {"apple": [(0.2, 0.3), (0.8, 0.3)], "pear": [(0.4, 0.7)]}
    boxes = [
        FruitBox(fruit, width * x - 10, height * y - 10, 20, 20)
        for fruit, places in centers.items()
        for x, y in places
    ]
    photo = photo_with(tmp_path, size, *boxes)
    attention = density_maps(photo, ("apple", "pear"), 20, 20)[None, :, :, 0].repeat(6, axis=0)
    attention[:, :, 10:] = 0  # only on the left apple
    overlay_of(photo, "a b c d e f", attention).draw(tmp_path / "overlay.png")

    [figure] = figures
    assert figure.get_suptitle() == "how many apples?\na b c d e f"
    assert figure.get_supxlabel() == ATTENTION_NOTE
    first, *panels = figure.axes
    assert [text.get_text() for text in first.get_legend().texts] == ["apple: 2.0", "pear: 1.0"]
    for markers, places in zip(first.collections, centers.values(), strict=True):
        found = sorted(markers.get_offsets().tolist())
        np.testing.assert_allclose(found, np.multiply(places, size), atol=max(size) / 40 + 1)
    assert [text.get_text() for text in first.texts] == ["1", "2", "1"]
    assert [axes.get_title(loc="left") for axes in panels] == [f"{word}  90 %" for word in "abcdef"]
    for axes in panels:
        gray, heat = (image.get_array() for image in axes.images)
        assert gray.shape == heat.shape == (height, width)
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        assert (column, row) == pytest.approx((0.2 * width, 0.3 * height), abs=max(size) / 20)


def test_a_model_without_attention_has_a_note_instead_of_maps(tmp_path, figures):
    photo = photo_with(tmp_path, (80, 60))
    overlay_of(photo, "there are no apples").draw(tmp_path / "overlay.png")
    assert len(figures[0].axes) == 1
    assert figures[0].get_supxlabel() == NO_ATTENTION_NOTE
    assert figures[0].axes[0].get_legend().get_title().get_text() == "no fruit in the density maps"


def test_a_model_without_fruits_has_no_legend(tmp_path, figures):
    drawing = replace(overlay_of(photo_with(tmp_path, (80, 60)), "circle"), fruits=())
    drawing.draw(tmp_path / "overlay.png")
    assert figures[0].axes[0].get_legend() is None


def test_large_photos_are_scaled_down(tmp_path, figures):
    overlay_of(photo_with(tmp_path, (3000, 1500))).draw(tmp_path / "overlay.png")
    assert figures[0].axes[0].images[0].get_array().shape[:2] == (320, 640)


@pytest.mark.parametrize(
    ("size", "words", "question"),
    [
        ((900, 3), "there are two apples", "how many apples?"),
        ((3, 900), "there are two apples", "how many apples?"),
        ((80, 60), "", "how many $apples_$ \\frac 🍎 are there " + "in the photo " * 100),
    ],
)
def test_unusual_photos_and_texts_are_drawn_on_a_transparent_background(
    tmp_path, size, words, question
):
    attention = np.full((len(words.split()), 4, 4), 1 / 16)
    photo = photo_with(tmp_path, size)
    overlay_of(photo, words, attention, question).draw(tmp_path / "overlay.png")
    with Image.open(tmp_path / "overlay.png") as picture:
        assert picture.width == 1200
        assert picture.getpixel((picture.width - 1, 0))[3] == 0
        pixels = {color for _, color in picture.getcolors(10**6)}
    assert (*(round(255 * part) for part in to_rgb(INK)), 255) in pixels
