"""Every view shows all the fruit that the photo shows, where the boxes say it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fruit_caption.data.augmentation import (
    FARTHEST,
    NEAREST,
    PLAIN,
    View,
    letterboxed,
    show,
    views_of,
)
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.utils.images import PADDING, letterbox

SIZE = 96
PHOTO = Photo(
    Path("a.jpg"),
    width=160,
    height=120,
    boxes=(FruitBox("apple", 20, 30, 32, 24), FruitBox("apple", 90, 70, 40, 40)),
    listed=frozenset({"apple"}),
)


@pytest.fixture(scope="module")
def picture():
    """White where a box is, black elsewhere."""
    drawn = Image.new("RGB", (PHOTO.width, PHOTO.height))
    draw = ImageDraw.Draw(drawn)
    for box in PHOTO.boxes:
        right, bottom = box.left + box.width - 1, box.top + box.height - 1
        draw.rectangle((box.left, box.top, right, bottom), fill="white")
    return drawn


def test_the_plain_view_is_the_letterboxed_photo(picture):
    [plain] = views_of("a.jpg", PHOTO, 1)
    assert plain == PLAIN
    np.testing.assert_array_equal(show(picture, plain, SIZE), letterbox(picture, SIZE))


def test_a_view_shows_its_window():
    quarters = Image.new("RGB", (2, 2))
    quarters.putdata([(200, 0, 0), (0, 200, 0), (0, 0, 200), (9, 9, 9)])
    quarters = quarters.resize((100, 100), Image.Resampling.NEAREST)
    assert (show(quarters, View(0.5, 0.0, 0.5), 50)[5:, :45] == (0, 200, 0)).all()
    beyond = show(quarters, View(-0.5, -0.5, 2.0), 80)
    assert (beyond[:20] == PADDING).all()
    assert (beyond[22:38, 22:38] == (200, 0, 0)).all()
    swapped = show(quarters, View(mirrored=True), 100)
    assert (swapped[5:45, 5:45] == (0, 200, 0)).all()
    darker = show(quarters, View(brightness=0.5), 100)
    assert (darker[5:45, 5:45] == (100, 0, 0)).all()


def test_no_view_cuts_a_fruit_and_boxes_move_with_it(picture):
    sides = set()
    for view in views_of("a.jpg", PHOTO, 60):
        pixels = show(picture, replace(view, brightness=1, contrast=1, saturation=1), SIZE)
        expected = np.zeros((SIZE, SIZE), bool)
        for left, top, width, height in letterboxed(PHOTO):
            across, down = (
                [round((start - edge) / view.side * SIZE) for start in (first, first + length)]
                for first, length, edge in ((left, width, view.left), (top, height, view.top))
            )
            assert 0 <= across[0] < across[1] <= SIZE
            assert 0 <= down[0] < down[1] <= SIZE
            expected[down[0] : down[1], across[0] : across[1]] = True
        seen = pixels.min(axis=2) > 190
        seen = seen[:, ::-1] if view.mirrored else seen
        # Edges may be off by the rounding of a pixel or two.
        assert (seen != expected).mean() < 0.04
        sides.add(round(view.side, 1))
    assert min(sides) < 0.8 < 1.5 < max(sides)
    assert max(sides) <= FARTHEST


def test_a_photo_without_all_boxes_is_never_cut():
    for photo in (None, replace(PHOTO, exhaustive=False), replace(PHOTO, labels=frozenset("a"))):
        for view in views_of("b.jpg", photo, 30):
            assert view.left <= 0 <= 1 <= view.left + view.side
            assert view.top <= 0 <= 1 <= view.top + view.side
    empty = [view.side for view in views_of("b.jpg", replace(PHOTO, boxes=()), 30)]
    assert NEAREST <= min(empty) < 0.8


def test_views_depend_on_the_photo_alone():
    assert views_of("a.jpg", PHOTO, 5)[:3] == views_of("a.jpg", PHOTO, 3)
    assert views_of("b.jpg", PHOTO, 2)[1] != views_of("a.jpg", PHOTO, 2)[1]
