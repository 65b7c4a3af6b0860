"""Points: from cells of the detector's grid to pixels of the photo."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fruit_caption.data.augmentation import letterbox_boxes
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.inference.points import Point, find_points
from fruit_caption.utils.images import letterbox

CELLS = 40
"""Number of rows and columns of the grid."""

SIZES = [(300, 200), (200, 300), (250, 250), (301, 97), (4000, 3000), (7, 5), (500, 2)]
PLACES = [(0.05, 0.9), (0.3, 0.2), (0.5, 0.5), (0.85, 0.7)]


def grids(side, *peaks):
    """Outputs of the detector, with peaks (row, column, kind, objectness)."""
    objectness, kinds = np.zeros((side, side), "float32"), np.zeros((side, side), "int32")
    for row, column, kind, value in peaks:
        objectness[row, column], kinds[row, column] = value, kind
    return objectness, kinds


@pytest.mark.parametrize(
    ("size", "x", "y"),
    [((300, 200), 225, 75), ((200, 300), 175, 125), ((600, 600), 450, 250)],
)
def test_a_point_is_the_center_of_a_cell_in_the_photo(size, x, y):
    # A cell is a sixth of the longer side; 50 pixels on either side of the shorter are padding.
    points = find_points(*grids(6, (2, 4, 1, 0.75)), ("apple", "pear"), size)
    assert points == (Point("pear", pytest.approx(x), pytest.approx(y), 0.75),)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("place", PLACES)
def test_the_cell_that_training_assigns_to_a_fruit_points_back_within_half_a_cell(size, place):
    x, y = np.multiply(size, place)
    photo = Photo(Path("a.png"), *size, (FruitBox("apple", x - 5, y - 5, 10, 10),), frozenset())
    [(left, top, width, height)] = letterbox_boxes(photo)
    row, column = int((top + height / 2) * CELLS), int((left + width / 2) * CELLS)
    [point] = find_points(*grids(CELLS, (row, column, 0, 0.9)), ["apple"], size)
    assert (point.x, point.y) == pytest.approx((x, y), abs=max(size) / CELLS / 2 + 1e-6)


@pytest.mark.parametrize("size", SIZES[:5], ids=str)
@pytest.mark.parametrize("place", PLACES)
def test_a_blob_is_found_where_it_is_in_the_photo(size, place):
    x, y = (round(side * part) for side, part in zip(size, place, strict=True))
    cell = max(size) / CELLS
    photo, radius = Image.new("RGB", size), round(cell / 2)
    without = letterbox(photo, 8 * CELLS)
    photo.paste("white", (x - radius, y - radius, x + radius, y + radius))
    changed = (letterbox(photo, 8 * CELLS) - without)[:, :, 0]
    masses = changed.reshape(CELLS, 8, CELLS, 8).sum(axis=(1, 3), dtype="int64")
    row, column = np.unravel_index(masses.argmax(), masses.shape)
    [point] = find_points(*grids(CELLS, (row, column, 0, 0.9)), ["apple"], size)
    # The letterbox has whole pixels, of which a cell has eight.
    assert (point.x, point.y) == pytest.approx((x, y), abs=cell / 2 + cell / 8 + 1)


def test_points_are_sorted_by_fruit_then_from_top_to_bottom_and_left_to_right():
    places = [(0, 3, 1), (1, 0, 0), (1, 2, 1), (1, 3, 0), (3, 1, 1), (2, 2, 0)]
    points = find_points(*grids(4, *[(*place, 0.5) for place in places]), ["pear", "apple"], (4, 4))
    assert [(point.fruit, point.y, point.x) for point in points] == [
        ("pear", 1.5, 0.5), ("pear", 1.5, 3.5), ("pear", 2.5, 2.5),
        ("apple", 0.5, 3.5), ("apple", 1.5, 2.5), ("apple", 3.5, 1.5),
    ]  # fmt: skip


def test_points_lie_in_the_photo_even_if_their_cell_is_in_the_padding():
    peaks, kinds = grids(4, (0, 0, 0, 0.9), (3, 3, 0, 0.9))
    points = find_points(peaks, kinds, ["apple"], (100, 50))
    assert [(point.x, point.y) for point in points] == [(12.5, 0), (87.5, 50)]


def test_without_peaks_or_fruits_there_are_no_points():
    assert find_points(*grids(4), ["apple"], (30, 20)) == ()
    # A model without fruits has a kind that is not trained.
    assert find_points(*grids(4, (1, 1, 0, 0.9)), (), (30, 20)) == ()


def test_json_is_rounded():
    point = Point("kiwi", 12.3456, 7.0, 0.987654)
    assert point.to_json() == {"fruit": "kiwi", "x": 12.3, "y": 7.0, "confidence": 0.9877}
