"""Augmented photos show every box completely, where the boxes say it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fruit_caption.data.augmentation import (
    IDENTITY,
    MAX_SIDE,
    MIN_SIDE,
    Augmentation,
    augment,
    draw_augmentation,
    letterbox_boxes,
)
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.utils.images import PADDING_COLOR, letterbox

SIZE = 96
PHOTO = Photo(
    Path("a.jpg"),
    width=160,
    height=120,
    boxes=(FruitBox("apple", 20, 30, 32, 24), FruitBox("apple", 90, 70, 40, 40)),
    listed=frozenset({"apple"}),
)


def augmentations(name, photo, number):
    return [draw_augmentation(name, photo, index) for index in range(number)]


@pytest.fixture(scope="module")
def picture():
    """White inside the boxes, black elsewhere."""
    picture = Image.new("RGB", (PHOTO.width, PHOTO.height))
    draw = ImageDraw.Draw(picture)
    for box in PHOTO.boxes:
        right, bottom = box.left + box.width - 1, box.top + box.height - 1
        draw.rectangle((box.left, box.top, right, bottom), fill="white")
    return picture


def test_the_first_augmentation_only_letterboxes(picture):
    first = draw_augmentation("a.jpg", PHOTO, 0)
    assert first == IDENTITY
    np.testing.assert_array_equal(augment(picture, first, SIZE), letterbox(picture, SIZE))


def test_window_mirroring_and_brightness():
    quarters = Image.new("RGB", (2, 2))
    quarters.putdata([(200, 0, 0), (0, 200, 0), (0, 0, 200), (9, 9, 9)])
    quarters = quarters.resize((100, 100), Image.Resampling.NEAREST)
    assert (augment(quarters, Augmentation(0.5, 0.0, 0.5), 50)[5:, :45] == (0, 200, 0)).all()
    padded = augment(quarters, Augmentation(-0.5, -0.5, 2.0), 80)
    assert (padded[:20] == PADDING_COLOR).all()
    assert (padded[22:38, 22:38] == (200, 0, 0)).all()
    mirrored = augment(quarters, Augmentation(mirrored=True), 100)
    assert (mirrored[5:45, 5:45] == (0, 200, 0)).all()
    darker = augment(quarters, Augmentation(brightness=0.5), 100)
    assert (darker[5:45, 5:45] == (100, 0, 0)).all()


def test_no_box_is_cut_and_boxes_move_with_the_pixels(picture):
    sides = set()
    for drawn in augmentations("a.jpg", PHOTO, 60):
        pixels = augment(picture, replace(drawn, brightness=1, contrast=1, saturation=1), SIZE)
        expected = np.zeros((SIZE, SIZE), bool)
        for left, top, width, height in letterbox_boxes(PHOTO):
            x, y = (
                [round((edge - window) / drawn.side * SIZE) for edge in (start, start + length)]
                for start, length, window in ((left, width, drawn.left), (top, height, drawn.top))
            )
            assert 0 <= x[0] < x[1] <= SIZE
            assert 0 <= y[0] < y[1] <= SIZE
            expected[y[0] : y[1], x[0] : x[1]] = True
        white = pixels.min(axis=2) > 190
        white = white[:, ::-1] if drawn.mirrored else white
        # Edges may be off by a pixel or two, because of rounding.
        assert (white != expected).mean() < 0.04
        sides.add(round(drawn.side, 1))
    assert min(sides) < 0.8 < 1.5 < max(sides)
    assert max(sides) <= MAX_SIDE


def test_a_photo_that_may_show_unboxed_fruits_is_never_cut():
    for photo in (None, replace(PHOTO, exhaustive=False), replace(PHOTO, labels=frozenset("a"))):
        for drawn in augmentations("b.jpg", photo, 30):
            assert drawn.left <= 0 <= 1 <= drawn.left + drawn.side
            assert drawn.top <= 0 <= 1 <= drawn.top + drawn.side
    empty = [drawn.side for drawn in augmentations("b.jpg", replace(PHOTO, boxes=()), 30)]
    assert MIN_SIDE <= min(empty) < 0.8


def test_augmentations_depend_on_the_photo_only():
    assert augmentations("a.jpg", PHOTO, 5)[:3] == augmentations("a.jpg", PHOTO, 3)
    assert draw_augmentation("b.jpg", PHOTO, 1) != draw_augmentation("a.jpg", PHOTO, 1)
