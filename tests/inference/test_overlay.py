"""Mapping between grid and photo, and the drawing."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from fruit_caption.inference import overlay
from fruit_caption.inference.overlay import (
    ATTENTION_NOTE,
    NO_ATTENTION_NOTE,
    Overlay,
    undo_letterbox,
)
from fruit_caption.inference.points import Point
from fruit_caption.utils.images import letterbox, letterbox_offset
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


def photo_of(tmp_path, size):
    path = tmp_path / "photo.png"
    Image.new("RGB", size, "#808080").save(path)
    return path


def overlay_of(photo, text="", attention=None, points=(), asked=None, question="which fruits?"):
    words, fruits = text.split(), ("apple", "pear")
    return Overlay(
        photo, (question, text), points, fruits, asked, words, [0.9] * len(words), attention
    )


def attention_at(x, y, size):
    """Attention of one word to the place (x, y) of a photo."""
    longest = max(size)
    left, top = letterbox_offset(*size, longest)
    attention = np.zeros((1, 20, 20), "float32")
    attention[0, int((y + top) / longest * 20), int((x + left) / longest * 20)] = 1
    return attention


def marks_of(axes):
    """Coordinates, area and color of the marks of each fruit."""
    return [
        (marks.get_offsets().tolist(), marks.get_sizes()[0], marks.get_edgecolor().tolist())
        for marks in axes.collections
    ]


@pytest.mark.parametrize("size", [*SIZES.values(), (1600, 1000)], ids=[*SIZES, "large"])
def test_marks_lie_on_the_fruits_and_attention_on_its_region(tmp_path, figures, size):
    width, height = size
    places = {"apple": [(0.2, 0.3), (0.8, 0.3)], "pear": [(0.4, 0.7)]}
    points = [
        Point(fruit, width * x, height * y, 0.9) for fruit, some in places.items() for x, y in some
    ]
    attention = attention_at(points[0].x, points[0].y, size).repeat(6, axis=0)
    overlay_of(photo_of(tmp_path, size), "a b c d e f", attention, points).draw(tmp_path / "o.png")

    [figure] = figures
    assert figure.get_suptitle() == "which fruits?\na b c d e f"
    assert figure.get_supxlabel() == ATTENTION_NOTE
    first, *panels = figure.axes
    assert first.images[0].get_extent() == [0, width, height, 0]
    assert (first.get_xlim(), first.get_ylim()) == ((0, width), (height, 0))
    assert [text.get_text() for text in first.get_legend().texts] == ["apple: 2", "pear: 1"]
    apples, pears = marks_of(first)
    np.testing.assert_allclose(apples[0], np.multiply(places["apple"], size))
    np.testing.assert_allclose(pears[0], np.multiply(places["pear"], size))
    assert apples[1] == pears[1]
    assert apples[2] != pears[2]
    assert [text.get_text() for text in first.texts] == ["1", "2", "1"]
    assert [axes.get_title(loc="left") for axes in panels] == [f"{word}  90 %" for word in "abcdef"]
    for axes in panels:
        gray, heat = (image.get_array() for image in axes.images)
        assert gray.shape == heat.shape
        scale = gray.shape[1] / width
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        expected = (points[0].x * scale, points[0].y * scale)
        assert (column, row) == pytest.approx(expected, abs=scale * max(size) / 20)


def test_fruits_that_are_not_asked_about_have_small_marks_without_numbers(tmp_path, figures):
    points = [Point("apple", 20, 30, 0.9), Point("pear", 40, 30, 0.9), Point("pear", 60, 30, 0.9)]
    drawing = overlay_of(photo_of(tmp_path, (80, 60)), points=points, asked="pear")
    drawing.draw(tmp_path / "overlay.png")
    [axes] = figures[0].axes
    apples, pears = marks_of(axes)
    assert apples[1] < pears[1] / 2
    assert [text.get_text() for text in axes.texts] == ["1", "2"]
    assert [text.xy for text in axes.texts] == [(40, 30), (60, 30)]
    assert [text.get_text() for text in axes.get_legend().texts] == ["apple: 1", "pear: 2"]


@pytest.mark.parametrize("color", ["black", "white", "#d55e00", "#808080"])
def test_marks_stand_out_from_any_photo_and_do_not_cover_the_fruit(figures, color):
    photo = Image.new("RGB", (300, 300), color)
    points = [Point("apple", 150, 150, 0.9)]
    plain, marked = (
        np.asarray(overlay_of(photo, points=some).image().convert("RGB")).astype(int)
        for some in ((), points)
    )
    axes = figures[1].axes[0]
    # Figures have 100 pixels per inch, saved pictures 150.
    (left, bottom), (right, top) = axes.transAxes.transform([(0, 0), (1, 1)]) * 1.5
    rows = slice(round(len(plain) - top), round(len(plain) - bottom))
    changed = np.abs(marked - plain).max(axis=2)[rows, round(left) : round(right)]
    assert (changed > 100).sum() > 100
    middle = tuple(slice(side // 2 - 4, side // 2 + 4) for side in changed.shape)
    assert changed[middle].max() == 0


def test_a_model_without_attention_has_a_note_instead_of_maps(tmp_path, figures):
    overlay_of(photo_of(tmp_path, (80, 60)), "there are no apples").draw(tmp_path / "overlay.png")
    assert len(figures[0].axes) == 1
    assert figures[0].get_supxlabel() == NO_ATTENTION_NOTE


def test_a_photo_without_detected_fruit_says_so(tmp_path, figures):
    overlay_of(photo_of(tmp_path, (80, 60)), asked="apple").draw(tmp_path / "overlay.png")
    legend = figures[0].axes[0].get_legend()
    assert (legend.get_title().get_text(), legend.texts) == ("no fruit detected", [])


def test_a_model_without_fruits_has_no_legend(tmp_path, figures):
    drawing = replace(overlay_of(photo_of(tmp_path, (80, 60)), "circle"), fruits=())
    drawing.draw(tmp_path / "overlay.png")
    assert figures[0].axes[0].get_legend() is None


def test_large_photos_are_scaled_down(tmp_path, figures):
    overlay_of(photo_of(tmp_path, (3000, 1500))).draw(tmp_path / "overlay.png")
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
    points = [Point("apple", size[0], size[1], 0.9)]  # in a corner
    photo = photo_of(tmp_path, size)
    drawing = overlay_of(photo, words, attention, points, question=question)
    drawing.draw(tmp_path / "overlay.png")
    with Image.open(tmp_path / "overlay.png") as picture:
        assert picture.width == 1200
        assert picture.getpixel((picture.width - 1, 0))[3] == 0
        pixels = {color for _, color in picture.getcolors(10**6)}
    assert (*(round(255 * part) for part in to_rgb(INK)), 255) in pixels
