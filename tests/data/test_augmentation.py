"""Random views show every box completely, where `view_box` says it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from fruit_caption.data.augmentation import (
    IDENTITY,
    LABELED_REGION,
    MAX_NOISE,
    MAX_SIDE,
    MIN_SIDE,
    View,
    draw_view,
    letterbox_boxes,
    render_view,
    view_box,
)
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.utils.images import PADDING_COLOR, letterbox

SIZE = 96
COLORS = {"apple": (250, 0, 0), "lime": (0, 0, 250)}
LANDSCAPE = Photo(
    Path("a.jpg"),
    width=160,
    height=120,
    boxes=(FruitBox("apple", 20, 30, 32, 24), FruitBox("lime", 90, 70, 40, 20)),
    listed=frozenset(COLORS),
)
PORTRAIT = replace(
    LANDSCAPE,
    width=70,
    height=200,
    boxes=(FruitBox("apple", 5, 100, 20, 40), FruitBox("lime", 40, 40, 25, 30)),
)
SEEDS = st.integers(0, 2**32 - 1)


def paint(photo):
    """A gray picture with a rectangle in the fruit's color for each box."""
    picture = Image.new("RGB", (photo.width, photo.height), (128, 128, 128))
    draw = ImageDraw.Draw(picture)
    for box in photo.boxes:
        corners = (box.left, box.top, box.left + box.width - 1, box.top + box.height - 1)
        draw.rectangle(corners, fill=COLORS[box.fruit])
    return picture


def found(pixels, color):
    """Left, top, right and bottom of the pixels of a color, as shares of the side."""
    is_color = np.abs(pixels.astype(int) - color).max(axis=2) < 100
    rows, columns = np.flatnonzero(is_color.any(axis=1)), np.flatnonzero(is_color.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / len(pixels)


def check_boxes(photo, view):
    """Compare where `view_box` says that fruits are with where they are drawn."""
    pixels = render_view(paint(photo), replace(view, colors=None, blurred=False, noise=0), SIZE)
    for box, place in zip(photo.boxes, letterbox_boxes(photo), strict=True):
        left, top, width, height = view_box(place, view)
        expected = [left, top, left + width, top + height]
        np.testing.assert_allclose(found(pixels, COLORS[box.fruit]), expected, atol=2 / SIZE)


@pytest.mark.parametrize("photo", [LANDSCAPE, PORTRAIT], ids=["landscape", "portrait"])
@pytest.mark.parametrize(
    "view",
    [
        View(mirrored=True),
        View(turns=1),
        View(turns=2),
        View(turns=3),
        View(mirrored=True, turns=1),
        View(left=0.05, top=0.15, side=0.85),
        View(left=-0.6, top=-0.2, side=1.7),
        View(left=-0.6, top=-0.2, side=1.7, mirrored=True, turns=3),
    ],
    ids=repr,
)
def test_boxes_move_with_the_pixels(photo, view):
    check_boxes(photo, IDENTITY)
    check_boxes(photo, view)


@given(SEEDS, st.sampled_from([LANDSCAPE, PORTRAIT]))
@settings(max_examples=60, deadline=None)
def test_boxes_move_with_the_pixels_in_random_views(seed, photo):
    check_boxes(photo, draw_view(photo, np.random.default_rng(seed)))


@st.composite
def annotated_photos(draw):
    """Photos with boxes that may stick out by a fifth of the photo."""
    width, height = draw(st.integers(8, 300)), draw(st.integers(8, 300))
    boxes = []
    for _ in range(draw(st.integers(1, 4))):
        (left, right), (top, bottom) = (
            sorted(draw(st.lists(st.floats(-0.2, 1.2), min_size=2, max_size=2))) for _ in range(2)
        )
        box = FruitBox("apple", left * width, top * height, (right - left) * width,
                       (bottom - top) * height)  # fmt: skip
        # The center of a fruit lies in the photo.
        if 0 <= (left + right) / 2 <= 1 and 0 <= (top + bottom) / 2 <= 1:
            boxes.append(box)
    return replace(LANDSCAPE, width=width, height=height, boxes=tuple(boxes))


@given(annotated_photos(), SEEDS)
@settings(max_examples=300, deadline=None)
def test_no_view_cuts_a_box(photo, seed):
    view = draw_view(photo, np.random.default_rng(seed))
    assert MIN_SIDE - 1e-9 <= view.side <= MAX_SIDE + 1e-9
    for left, top, width, height in letterbox_boxes(photo):
        # Nobody can see what sticks out of the photo.
        right, bottom = min(left + width, 1), min(top + height, 1)
        left, top = max(left, 0), max(top, 0)
        shown = view_box((left, top, right - left, bottom - top), view)
        assert min(shown[0], shown[1]) > -1e-9
        assert max(shown[0] + shown[2], shown[1] + shown[3]) < 1 + 1e-9


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 64))
@settings(max_examples=30, deadline=None)
def test_identity_only_letterboxes(width, height, size):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), "uint8")
    picture = Image.fromarray(pixels)
    np.testing.assert_array_equal(render_view(picture, IDENTITY, size), letterbox(picture, size))


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (View(mirrored=True), lambda pixels: pixels[:, ::-1]),
        (View(turns=1), lambda pixels: np.rot90(pixels, 1)),
        (View(mirrored=True, turns=3), lambda pixels: np.rot90(pixels[:, ::-1], 3)),
        (View(left=0.25, top=0.5, side=0.5), lambda pixels: pixels[16:, 8:24]),
    ],
)
def test_views_of_a_picture_of_the_same_size_keep_its_pixels(view, expected):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), "uint8")
    shown = render_view(Image.fromarray(pixels), view, round(32 * view.side))
    np.testing.assert_array_equal(shown, expected(pixels))


def test_a_window_beyond_the_photo_is_padded_and_padding_keeps_its_color():
    picture = Image.new("RGB", (50, 50), (200, 0, 0))
    darker = tuple(np.hstack([np.eye(3) / 2, np.zeros((3, 1))]).ravel())
    pixels = render_view(picture, View(left=-0.5, top=-0.5, side=2.0, colors=darker), 80)
    inside = np.zeros((80, 80), bool)
    inside[20:60, 20:60] = True
    assert (pixels[inside] == (100, 0, 0)).all()
    assert (pixels[~inside] == PADDING_COLOR).all()


def test_a_window_beside_the_photo_shows_only_padding():
    pixels = render_view(Image.new("RGB", (100, 10)), View(top=0.8, side=0.2), 32)
    assert (pixels == PADDING_COLOR).all()


def test_colors_are_kept_or_changed_by_the_matrix():
    color = (200, 40, 90)
    picture = Image.new("RGB", (64, 64), color)
    assert (render_view(picture, View(side=0.5), SIZE) == color).all()
    swapped = (0.0, 0.0, 1.0, 5.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, -5.0)
    assert (render_view(picture, View(side=0.5, colors=swapped), SIZE) == (95, 40, 195)).all()


def test_noise_is_bounded_and_blur_halves_the_resolution():
    picture = Image.fromarray(np.indices((SIZE, SIZE)).sum(0).astype("uint8") % 2 * 200)
    picture = picture.convert("RGB")
    sharp = render_view(picture, IDENTITY, SIZE)
    assert (render_view(picture, View(blurred=True), SIZE)[2:-2, 2:-2] == 100).all()
    noisy = render_view(picture, View(noise=9, noise_seed=1), SIZE).astype(int)
    difference = noisy - sharp
    assert set(np.unique(difference)) <= set(range(-9, 10))
    assert (difference.min(), difference.max()) == (-9, 9)
    assert not np.array_equal(noisy, render_view(picture, View(noise=9, noise_seed=2), SIZE))


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_same_seed_gives_the_same_pixels(seed):
    views = [draw_view(LANDSCAPE, np.random.default_rng(seed)) for _ in range(2)]
    assert views[0] == views[1]
    first, second = (render_view(paint(LANDSCAPE), view, SIZE) for view in views)
    np.testing.assert_array_equal(first, second)


def test_views_vary_in_every_respect():
    rng = np.random.default_rng(0)
    views = [draw_view(replace(LANDSCAPE, boxes=()), rng) for _ in range(300)]
    assert MIN_SIDE <= min(view.side for view in views) < 0.5
    assert 1.8 < max(view.side for view in views) <= MAX_SIDE
    assert {view.turns for view in views} == {0, 1, 2, 3}
    assert 0.7 < np.mean([view.turns == 0 for view in views]) < 0.95
    assert {view.noise for view in views} == set(range(MAX_NOISE + 1))
    for name in ("mirrored", "blurred"):
        assert {getattr(view, name) for view in views} == {True, False}
    for name in ("left", "top", "colors", "noise_seed"):
        assert len({getattr(view, name) for view in views}) == len(views)


@given(SEEDS)
@settings(max_examples=50, deadline=None)
def test_light_keeps_a_gray_pixel_nearly_gray(seed):
    matrix = np.reshape(draw_view(LANDSCAPE, np.random.default_rng(seed)).colors, (3, 4))
    red, green, blue = matrix @ (128, 128, 128, 1)
    assert 60 < min(red, green, blue) <= max(red, green, blue) < 240
    assert max(red, green, blue) / min(red, green, blue) < 1.35


@given(SEEDS)
@settings(max_examples=50, deadline=None)
def test_a_photo_without_boxes_is_cut_only_where_that_does_no_harm(seed):
    for photo, region in (
        (None, (0.0, 0.0, 1.0, 1.0)),
        (replace(LANDSCAPE, boxes=(), labels=frozenset({"apple"})), LABELED_REGION),
    ):
        view = draw_view(photo, np.random.default_rng(seed))
        left, top, right, bottom = region
        assert view.left <= left + 1e-9
        assert view.top <= top + 1e-9
        assert view.left + view.side >= right - 1e-9
        assert view.top + view.side >= bottom - 1e-9
