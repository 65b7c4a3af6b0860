"""The color histogram baseline on pictures of painted discs."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fruit_caption.data.dataset import Example
from fruit_caption.data.qa import QAPair
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.evaluation import color_histogram
from fruit_caption.evaluation.color_histogram import ColorHistogram, color_histogram_baseline
from fruit_caption.utils.errors import DataError

COLORS = {"apple": (200, 30, 40), "lemon": (240, 220, 60), "lime": (60, 150, 50)}
BACKGROUND = (150, 150, 160)
SIDE = 160
RADIUS = 20


def paint(*discs, background=BACKGROUND, radius=RADIUS):
    """A square picture with discs, each given by a fruit and the center (x, y)."""
    picture = Image.new("RGB", (SIDE, SIDE), background)
    draw = ImageDraw.Draw(picture)
    for fruit, x, y in discs:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=COLORS[fruit])
    return picture


def example(path, *discs, items=()):
    """A saved picture with discs, and a box around each."""
    paint(*discs).save(path)
    boxes = [FruitBox(f, x - RADIUS, y - RADIUS, 2 * RADIUS, 2 * RADIUS) for f, x, y in discs]
    return Example(path, path.name, items, Photo(path, SIDE, SIDE, tuple(boxes)))


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    folder = tmp_path_factory.mktemp("painted")
    return [
        example(folder / f"{fruit}-{n}.png", (fruit, 40 + n, 50), (fruit, 100, 90 + n))
        for fruit in COLORS
        for n in range(3)
    ]


@pytest.fixture(scope="module")
def counter(train):
    return ColorHistogram.fit(train)


def test_fruits_are_counted_by_kind(counter):
    picture = paint(("apple", 40, 40), ("lemon", 110, 40), ("apple", 80, 120))
    assert counter.count(picture) == {"apple": 2, "lemon": 1}


def test_touching_fruits_are_separated(counter):
    assert counter.count(paint(("apple", 50, 80), ("apple", 88, 80))) == {"apple": 2}
    assert counter.count(paint(("apple", 50, 80), ("lime", 88, 80))) == {"apple": 1, "lime": 1}
    # Without a narrow place in the outline, they count as one.
    assert counter.count(paint(("apple", 50, 80), ("apple", 58, 80))) == {"apple": 1}


def test_fruits_may_be_larger_than_in_training(counter):
    assert counter.count(paint(("lime", 80, 80), radius=60)) == {"lime": 1}


def test_small_regions_and_other_colors_are_ignored(counter):
    assert counter.count(paint()) == {}
    assert counter.count(paint(("apple", 40, 40), ("lemon", 110, 90), radius=8)) == {}
    assert counter.count(paint(background=(30, 60, 200))) == {}


def test_the_border_shows_the_background(counter):
    assert counter.count(paint(("lemon", 80, 80), background=COLORS["lime"])) == {"lemon": 1}


@pytest.mark.parametrize("size", [(480, 480), (80, 80), (160, 240)])
def test_the_size_of_the_picture_does_not_matter(counter, size):
    picture = paint(("apple", 40, 40), ("lime", 110, 110)).resize(size)
    assert counter.count(picture) == {"apple": 1, "lime": 1}


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1)])
def test_tiny_pictures_show_nothing(counter, size):
    assert counter.count(Image.new("RGB", size, BACKGROUND)) == {}


def test_statistics_of_a_box(tmp_path):
    fitted = ColorHistogram.fit([example(tmp_path / "a.png", ("lime", 60, 70))])
    assert fitted.kinds == ("lime",)
    # The ellipse in the box is a disc with pi * 20² of 160² pixels.
    disc = np.pi * RADIUS**2 / SIDE**2
    assert fitted.fruit_share == pytest.approx(disc, rel=0.01)
    assert fitted.min_area == pytest.approx(disc / 2, rel=0.01)
    # Inside and background have one color each; smoothing adds one pixel of every color.
    assert fitted.colors.max() == 1
    assert fitted.background.sum() == pytest.approx(1)
    assert fitted.background.max() > 0.9
    assert fitted.background[fitted.colors[0].argmax()] < 0.01


def test_a_tiny_box_uses_its_center_pixel(tmp_path):
    one = example(tmp_path / "a.png", ("lime", 60, 70))
    tiny = Photo(one.path, SIDE, SIDE, (FruitBox("lime", 60, 70, 0.1, 0.1),))
    fitted = ColorHistogram.fit([Example(one.path, one.name, (), tiny)])
    assert fitted.colors.sum() == 1


def test_histogram_bins_of_colors():
    def bins(*rgb):
        color = color_histogram._quantize(Image.new("RGB", (1, 1), rgb))[0, 0]
        return tuple(int(n) for n in np.unravel_index(color, color_histogram.BINS))

    # Bins are 12.5 wide in L*, from 0, and 12 wide in a* and b*, from -78. Grays have a* = b* = 0.
    assert bins(0, 0, 0) == (0, 6, 6)
    assert bins(119, 119, 119) == (4, 6, 6)  # L* 50
    assert bins(255, 255, 255) == (7, 6, 6)
    # The screen's primaries are (53, 80, 67), (88, -86, 83) and (32, 79, -108), beyond the range.
    assert bins(255, 0, 0) == (4, 12, 12)
    assert bins(0, 255, 0) == (7, 0, 12)
    assert bins(0, 0, 255) == (2, 12, 0)
    # A dull brown is (41, 19, 32).
    assert bins(139, 84, 45) == (3, 8, 9)


def question(kind, fruit=None):
    return QAPair("?", "", kind, fruit, "")


def test_answers_to_all_kinds_of_question(train, tmp_path):
    items = (
        question("count", "apple"),
        question("count", "lemon"),
        question("total"),
        question("identify"),
        question("presence", "lime"),
        question("presence", "pear"),
        question("presence"),
        question("color"),
        question("caption"),
    )
    discs = (("apple", 40, 40), ("lime", 110, 40), ("apple", 80, 120))
    test = [
        example(tmp_path / "a.png", *discs, items=items),
        example(tmp_path / "b.png", items=(question("identify"), question("caption"))),
    ]
    rows = color_histogram_baseline(train, test)
    assert [(row.photo, row.answer) for row in rows] == [
        ("a.png", "there are two apples"),
        ("a.png", "there are no lemons"),
        ("a.png", "there are three fruits"),
        ("a.png", "it shows apple and lime"),
        ("a.png", "yes, there is a lime"),
        ("a.png", "no, there is no pear"),
        ("a.png", "yes, there is fruit"),
        ("a.png", "a photo of two apples and one lime"),
        ("b.png", "it shows no fruit"),
        ("b.png", "a photo with no fruit"),
    ]
    assert [row.qa_pair for row in rows[:7]] == list(items[:7])
    assert {row.confidence for row in rows} == {1.0}


def test_photos_without_boxes_or_questions_are_not_opened(train, tmp_path):
    gone = tmp_path / "gone.png"
    empty = Photo(gone, SIDE, SIDE)
    mixed = [Example(gone, "gone.png", ()), Example(gone, "gone.png", (), empty), *train]
    assert color_histogram_baseline(mixed, [Example(gone, "gone.png", (question("color"),))]) == []


def test_without_training_boxes_there_are_no_answers(tmp_path):
    bare = example(tmp_path / "a.png", items=(question("total"),))
    unknown = Example(bare.path, bare.name, bare.qa_pairs)
    assert color_histogram_baseline([bare, unknown], [bare]) == []
    with pytest.raises(DataError, match="boxes"):
        ColorHistogram.fit([bare, unknown])


def test_it_does_not_import_tensorflow():
    code = "import sys, fruit_caption.evaluation.color_histogram; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
