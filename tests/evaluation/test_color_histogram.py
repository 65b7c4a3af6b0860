"""Painted discs are counted, named and told of; nothing is made up where there is none."""

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
GROUND = (150, 150, 160)
SIDE = 160
RADIUS = 20


def paint(*discs, ground=GROUND, radius=RADIUS):
    """A square picture with discs, each a fruit and its middle."""
    picture = Image.new("RGB", (SIDE, SIDE), ground)
    draw = ImageDraw.Draw(picture)
    for fruit, x, y in discs:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=COLORS[fruit])
    return picture


def example(path, *discs, items=()):
    """A photo of such discs, saved, and a box round each."""
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
    return ColorHistogram.learn(train)


def test_every_kind_is_counted(counter):
    picture = paint(("apple", 40, 40), ("lemon", 110, 40), ("apple", 80, 120))
    assert counter.count(picture) == {"apple": 2, "lemon": 1}


def test_touching_fruits_are_parted(counter):
    assert counter.count(paint(("apple", 50, 80), ("apple", 88, 80))) == {"apple": 2}
    assert counter.count(paint(("apple", 50, 80), ("lime", 88, 80))) == {"apple": 1, "lime": 1}
    # So near that the outline has no waist, they are one.
    assert counter.count(paint(("apple", 50, 80), ("apple", 58, 80))) == {"apple": 1}


def test_a_fruit_may_be_larger_than_any_before(counter):
    assert counter.count(paint(("lime", 80, 80), radius=60)) == {"lime": 1}


def test_specks_and_other_colors_are_no_fruit(counter):
    assert counter.count(paint()) == {}
    assert counter.count(paint(("apple", 40, 40), ("lemon", 110, 90), radius=8)) == {}
    assert counter.count(paint(ground=(30, 60, 200))) == {}


def test_what_frames_a_photo_is_its_ground(counter):
    assert counter.count(paint(("lemon", 80, 80), ground=COLORS["lime"])) == {"lemon": 1}


@pytest.mark.parametrize("size", [(480, 480), (80, 80), (160, 240)])
def test_the_size_of_the_picture_does_not_matter(counter, size):
    picture = paint(("apple", 40, 40), ("lime", 110, 110)).resize(size)
    assert counter.count(picture) == {"apple": 1, "lime": 1}


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1)])
def test_a_sliver_of_a_picture_shows_nothing(counter, size):
    assert counter.count(Image.new("RGB", size, GROUND)) == {}


def test_what_is_learnt_from_a_box(tmp_path):
    learnt = ColorHistogram.learn([example(tmp_path / "a.png", ("lime", 60, 70))])
    assert learnt.kinds == ("lime",)
    # The ellipse in the box is a disc of pi * 20² pixels of 160².
    disc = np.pi * RADIUS**2 / SIDE**2
    assert learnt.fruit_share == pytest.approx(disc, rel=0.01)
    assert learnt.least_area == pytest.approx(disc / 2, rel=0.01)
    # All inside is of one color; so is what is outside, but for the one pixel of every color.
    assert learnt.colors.max() == 1
    assert learnt.ground.sum() == pytest.approx(1)
    assert learnt.ground.max() > 0.9
    assert learnt.ground[learnt.colors[0].argmax()] < 0.01


def test_of_a_tiny_box_the_middle_pixel_is_learnt(tmp_path):
    one = example(tmp_path / "a.png", ("lime", 60, 70))
    tiny = Photo(one.path, SIDE, SIDE, (FruitBox("lime", 60, 70, 0.1, 0.1),))
    learnt = ColorHistogram.learn([Example(one.path, one.name, (), tiny)])
    assert learnt.colors.sum() == 1


def test_colors_lie_in_steps_of_cielab():
    def step(*rgb):
        color = color_histogram._quantize(Image.new("RGB", (1, 1), rgb))[0, 0]
        return tuple(int(n) for n in np.unravel_index(color, color_histogram.BINS))

    # Steps of 12.5 in L*, from 0 on, and of 12 in a* and b*, from -78 on. Grays have no color.
    assert step(0, 0, 0) == (0, 6, 6)
    assert step(119, 119, 119) == (4, 6, 6)  # L* 50
    assert step(255, 255, 255) == (7, 6, 6)
    # The screen's primaries are (53, 80, 67), (88, -86, 83) and (32, 79, -108), all too colorful.
    assert step(255, 0, 0) == (4, 12, 12)
    assert step(0, 255, 0) == (7, 0, 12)
    assert step(0, 0, 255) == (2, 12, 0)
    # A dull brown is (41, 19, 32).
    assert step(139, 84, 45) == (3, 8, 9)


def asked(kind, fruit=None):
    return QAPair("?", "", kind, fruit, "")


def test_answers_in_words(train, tmp_path):
    items = (
        asked("count", "apple"),
        asked("count", "lemon"),
        asked("total"),
        asked("identify"),
        asked("presence", "lime"),
        asked("presence", "pear"),
        asked("presence"),
        asked("color"),
        asked("caption"),
    )
    seen = (("apple", 40, 40), ("lime", 110, 40), ("apple", 80, 120))
    test = [
        example(tmp_path / "a.png", *seen, items=items),
        example(tmp_path / "b.png", items=(asked("identify"), asked("caption"))),
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
    assert [row.item for row in rows[:7]] == list(items[:7])
    assert {row.confidence for row in rows} == {1.0}


def test_photos_that_nothing_is_learnt_from_or_asked_about_are_not_opened(train, tmp_path):
    gone = tmp_path / "gone.png"
    empty = Photo(gone, SIDE, SIDE)
    mixed = [Example(gone, "gone.png", ()), Example(gone, "gone.png", (), empty), *train]
    assert color_histogram_baseline(mixed, [Example(gone, "gone.png", (asked("color"),))]) == []


def test_without_boxes_nothing_is_answered(tmp_path):
    bare = example(tmp_path / "a.png", items=(asked("total"),))
    unknown = Example(bare.path, bare.name, bare.items)
    assert color_histogram_baseline([bare, unknown], [bare]) == []
    with pytest.raises(DataError, match="has boxes"):
        ColorHistogram.learn([bare, unknown])


def test_no_tensorflow_is_needed():
    code = "import sys, fruit_caption.evaluation.color_histogram; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
