"""Tests of cutouts and composed photos."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fruit_caption.data.formats.folders import read_photos
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.data.splits import split_of
from fruit_caption.datagen.composing import (
    MAX_STUDIO_HIDDEN,
    STUDIO_COUNTS,
    STUDIO_PROBABILITY,
    Composition,
    SourcePool,
    compose,
    gather_sources,
    plan_composition,
    render_composition,
)
from fruit_caption.datagen.cutouts import extract_cutout, extract_cutouts, whole_fruit_boxes
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.images import open_picture, upright_size

REAL = Path(__file__).parents[3] / "shared" / "photos" / "boxed"
LISTED = frozenset(["apple", "lime", "plum", "pear"])
COLORS = {"apple": (190, 40, 45), "lime": (90, 170, 50), "plum": (70, 40, 110)}
GROUND = (205, 200, 192)
SIZE, MAX_FRUITS = 96, 6

Ellipse = tuple[str, float, float, float, float]
"""Kind of fruit, center (x, y) and half axes in pixels."""

TWO: tuple[Ellipse, ...] = (("apple", 55, 60, 32, 30), ("lime", 145, 62, 28, 36))


def paint(
    path: Path,
    ellipses: tuple[Ellipse, ...] = TWO,
    ground: tuple[int, ...] = GROUND,
    clutter: bool = False,
) -> tuple[Photo, list[np.ndarray]]:
    """Paint shaded ellipses with soft shadows, 200 x 120 pixels; return the photo and the masks."""
    rng = np.random.default_rng(len(path.name))
    y, x = np.mgrid[:120, :200] + 0.5
    picture = np.ones((120, 200, 3)) * ground * (0.95 + 0.1 * x / 200)[..., None]
    if clutter:
        tiles = rng.choice([*COLORS.values(), GROUND], (15, 25))
        picture = tiles.repeat(8, 0).repeat(8, 1).astype(float)
    masks, boxes = [], []
    for fruit, across, down, wide, high in ellipses:
        shadow = np.hypot((x - across - 5) / wide, (y - down - 5) / high)
        picture *= 1 - 0.3 * np.clip((1.25 - shadow) / 0.4, 0, 1)[..., None]
        far = np.hypot((x - across) / wide, (y - down) / high)
        light = 1.1 - 0.55 * np.hypot((x - across + 9) / wide, (y - down + 9) / high) ** 2 / 2
        skin = np.array(COLORS.get(fruit, ground)) * light[..., None]
        share = np.clip((1 - far) * min(wide, high) + 0.5, 0, 1)[..., None]
        picture += (skin - picture) * share
        masks.append(far < 1)
        boxes.append(FruitBox(fruit, across - wide, down - high, 2 * wide, 2 * high))
    picture += rng.normal(0, 1.5, picture.shape)
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(path)
    about = {"group": "table", "license": "CC0-1.0", "source": "painted"}
    return Photo(path, 200, 120, tuple(boxes), LISTED, **about), masks


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Photo]:
    """Six photos with two fruits each, and one without fruit."""
    folder = tmp_path_factory.mktemp("painted")
    kinds = ["apple", "lime", "plum"]
    made = []
    for number in range(6):
        first, second = kinds[number % 3], kinds[(number + 1) % 3]
        ellipses = ((first, 55, 60, 26 + 2 * number, 30), (second, 145, 62, 28, 36 - number))
        made.append(paint(folder / f"{number}.png", ellipses)[0])
    return [*made, paint(folder / "empty.png", (), (120, 140, 160))[0]]


@pytest.fixture(scope="module")
def pool(photos: list[Photo]) -> SourcePool:
    return gather_sources(photos)


# Cutouts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fruit", COLORS)
@pytest.mark.parametrize("ground", [GROUND, (150, 110, 70), (235, 240, 245)])
def test_cutout_is_the_fruit(tmp_path: Path, fruit: str, ground: tuple[int, ...]) -> None:
    photo, masks = paint(tmp_path / "a.png", ((fruit, 80, 60, 44, 36),), ground)
    cut = extract_cutout(photo, np.asarray(open_picture(photo.path)), photo.boxes[0])
    assert cut is not None
    assert (cut.fruit, cut.photo) == (fruit, photo)
    assert _overlap(cut.cover > 0.5, masks[0]) >= 0.95
    color = cut.pixels[cut.cover > 0.5].mean(0)
    skin = np.asarray(open_picture(photo.path))[masks[0]].mean(0)
    assert np.abs(color - skin).max() < 8
    # The color continues beyond the edge, so that no rim of the old background is pasted.
    rim = (cut.cover > 0.05) & (cut.cover < 0.5)
    assert np.abs(cut.pixels[rim] - skin).mean() < 0.6 * np.abs(ground - skin).mean()


@pytest.mark.parametrize(
    ("ellipses", "clutter"),
    [
        ((("pear", 80, 60, 40, 36),), False),  # has the color of the background
        ((("lime", 80, 60, 40, 36),), True),
    ],
    ids=["camouflaged", "cluttered"],
)
def test_unclear_fruits_are_not_cut_out(
    tmp_path: Path, ellipses: tuple[Ellipse, ...], clutter: bool
) -> None:
    photo, _ = paint(tmp_path / "a.png", ellipses, clutter=clutter)
    assert extract_cutouts([photo]) == ([], 1)


def test_badly_fitting_box_gives_no_cutout(tmp_path: Path) -> None:
    photo, _ = paint(tmp_path / "a.png", (("apple", 100, 60, 30, 30),))
    for box in (FruitBox("apple", 70, 30, 100, 60), FruitBox("apple", 85, 45, 33, 33)):
        assert extract_cutouts([replace(photo, boxes=(box,))]) == ([], 1)


@pytest.mark.parametrize(
    "box",
    [
        FruitBox("lime", 1, 20, 60, 60),
        FruitBox("lime", 20, 20, 60, 99.5),
        FruitBox("lime", 60, 20, 60, 60),
        FruitBox("lime", 20, 20, 31, 60),
        FruitBox("plum", 20, 20, 50, 60),
    ],
    ids=["left edge", "lower edge", "overlap", "small", "bunch"],
)
def test_only_boxes_of_whole_fruits_are_used(box: FruitBox) -> None:
    apple = FruitBox("apple", 100, 10, 60, 60)
    countable = frozenset(["apple", "lime"])
    photo = Photo(Path("a.png"), 200, 120, (apple, box), LISTED, count_ok=countable)
    assert box not in list(whole_fruit_boxes(photo))
    if box.left != 60:
        assert list(whole_fruit_boxes(photo)) == [apple]


def test_unreadable_photos_are_skipped(photos: list[Photo]) -> None:
    gone = replace(photos[0], path=photos[0].path.with_name("gone.png"))
    assert extract_cutouts([gone, photos[1]])[1] == 2


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the shared photos")
def test_real_fruits_are_cut_out(tmp_path: Path) -> None:
    content = json.loads((REAL / "instances.json").read_text())
    content["images"] = content["images"][::60]
    chosen = {image["id"] for image in content["images"]}
    content["annotations"] = [box for box in content["annotations"] if box["image_id"] in chosen]
    (tmp_path / "instances.json").write_text(json.dumps(content))
    for image in content["images"]:
        shutil.copy(REAL / "images" / image["file_name"], tmp_path)
    found, tried = extract_cutouts(read_photos(tmp_path).photos)
    assert tried > 15
    assert len(found) / tried > 0.4


# Composed photos -----------------------------------------------------------------------------


def test_composed_photos_match_their_records(photos: list[Photo], tmp_path: Path) -> None:
    made = compose(photos, tmp_path, 4 * (MAX_FRUITS + 1), seed=1, size=SIZE, max_fruits=MAX_FRUITS)
    kinds = [len(photo.fruits) for photo in made.photos if len(photo.boxes) > 2]
    assert 0.2 < np.mean(np.array(kinds) == 1) < 0.8
    for number, photo in enumerate(made.photos):
        assert photo.path == tmp_path / f"composed_1_{number:05d}.jpg"
        assert (photo.width, photo.height) == upright_size(photo.path) == (SIZE, SIZE)
        assert (photo.exhaustive, photo.count_ok, photo.listed) == (True, None, LISTED)
        assert photo.total() == len(photo.boxes)


def test_composed_photos_name_their_sources(photos: list[Photo], tmp_path: Path) -> None:
    groups = [replace(photo, group=f"table {n}") for n, photo in enumerate(photos)]
    train = [photo for photo in groups if split_of(photo) == "train"]
    made = compose(train, tmp_path, 14, seed=2, size=SIZE, max_fruits=MAX_FRUITS)
    assert {split_of(photo) for photo in made.photos} == {"train"}
    assert {photo.group for photo in made.photos} <= {photo.group for photo in train}
    used = set()
    for photo in made.photos:
        if photo.source != "rendered":
            names = photo.source.removeprefix("composed from ").split(", ")
            used |= set(names)
            kinds = {box.fruit for each in train if each.path.name in names for box in each.boxes}
            assert set(photo.fruits) <= kinds
        assert photo.license == "CC0-1.0"
    assert used <= {photo.path.name for photo in train}
    assert len(used) > 2


def test_boxes_are_tight_around_visible_fruit(pool: SourcePool) -> None:
    hidden = []
    for index in range(10):
        layout = plan_composition(pool, 3, index, SIZE, MAX_FRUITS).layout
        masks = layout.visible_masks()
        assert np.sum(masks, axis=0).max(initial=0) <= 1, "a pixel shows two fruits"
        for item, box, mask in zip(layout.objects, layout.boxes(), masks, strict=True):
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            assert (box.left, box.top) == (columns[0], rows[0])
            assert (box.width, box.height) == (np.ptp(columns) + 1, np.ptp(rows) + 1)
            hidden.append(1 - mask.sum() / item.mask.sum())
    assert 0 < max(hidden) <= MAX_STUDIO_HIDDEN + 1e-6


def test_fruit_is_drawn_inside_its_mask_only(pool: SourcePool) -> None:
    for index in range(8):
        plan = plan_composition(pool, 4, index, SIZE, MAX_FRUITS)
        bare = replace(plan, layout=replace(plan.layout, objects=()))
        full, empty = _pixels(plan), _pixels(bare)
        drawn = np.zeros((SIZE, SIZE), bool)
        for item, mask in zip(plan.layout.objects, plan.layout.visible_masks(), strict=True):
            channel = np.argmax(COLORS[item.fruit])
            assert full[mask].mean(0).argmax() == channel
            drawn |= mask
        for axis in (0, 1):
            drawn = np.any([np.roll(drawn, step, axis) for step in range(-3, 4)], axis=0)
        assert (full - empty)[~drawn].max(initial=0) <= 5, "fruit outside the masks"


def test_distribution_of_counts(pool: SourcePool) -> None:
    plans = [plan_composition(pool, 1, index, SIZE, 12) for index in range(130)]
    counts = Counter((plan.studio, len(plan.layout.objects)) for plan in plans)
    in_studio = sum(counts[True, number] for number in range(13))
    assert in_studio / len(plans) == pytest.approx(STUDIO_PROBABILITY, abs=0.1)
    assert {number for studio, number in counts if studio} == set(STUDIO_COUNTS)
    assert sum(counts[True, number] for number in (2, 3, 4)) > in_studio / 2
    assert len([number for studio, number in counts if not studio]) > 10


def test_studio_photos_show_rows_on_a_plain_background(pool: SourcePool) -> None:
    plans = [plan_composition(pool, 6, index, SIZE, 12) for index in range(30)]
    studio_plans = [plan for plan in plans if plan.studio]
    for plan in studio_plans:
        assert plan.background is None
        empty = _pixels(replace(plan, layout=replace(plan.layout, objects=())))
        assert np.abs(np.diff(empty.mean(2), axis=1)).mean() < 6, "the background is not plain"
    # One or two rows, the farther first, each from left to right.
    rows = [np.diff([item.x for item in plan.layout.objects]) for plan in studio_plans]
    in_rows = [(steps < 0).sum() <= 1 for steps in rows]
    assert np.mean(in_rows) > 0.8


def test_listed_fruits_follow_the_background_photo(photos: list[Photo]) -> None:
    narrow = replace(photos[-1], listed=frozenset(["plum", "pear"]))
    unsure = replace(photos[-1], exhaustive=False)
    elsewhere = replace(photos[-1], listed=frozenset(["pear"]))
    pool = gather_sources([*photos[:-1], narrow, unsure, elsewhere])
    assert pool.backgrounds == [narrow]
    plans = [plan_composition(pool, 0, index, SIZE, 2) for index in range(36)]
    with_photo = [plan for plan in plans if plan.background]
    assert 3 < len(with_photo) < 15
    for plan in with_photo:
        assert plan.listed == narrow.listed
        assert {item.fruit for item in plan.layout.objects} <= {"plum"}
    assert {plan.listed for plan in plans} == {narrow.listed, LISTED}


def test_composing_keeps_finished_files(photos: list[Photo], tmp_path: Path) -> None:
    first = compose(photos, tmp_path, 4, seed=9, size=SIZE)
    kept = {photo.path: photo.path.read_bytes() for photo in first.photos}
    times = {path: path.stat().st_mtime_ns for path in kept}
    gone, short = first.photos[1].path, first.photos[2].path
    gone.unlink()
    short.write_bytes(kept[short][:300])

    assert compose(photos, tmp_path, 4, seed=9, size=SIZE) == first
    assert {path: path.read_bytes() for path in kept} == kept
    assert first.photos[0].path.stat().st_mtime_ns == times[first.photos[0].path]
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_files_composed_from_other_photos_are_replaced(photos: list[Photo], tmp_path: Path) -> None:
    old = compose(photos[:3], tmp_path, 3, seed=9, size=SIZE, max_fruits=2)
    before = [photo.path.read_bytes() for photo in old.photos]
    new = compose(photos[3:], tmp_path, 3, seed=9, size=SIZE, max_fruits=2)
    again = compose(photos[3:], tmp_path / "new", 3, seed=9, size=SIZE, max_fruits=2)
    for made, fresh, bytes_before in zip(new.photos, again.photos, before, strict=True):
        assert made.boxes == fresh.boxes
        if made.boxes:
            assert made.path.read_bytes() == fresh.path.read_bytes() != bytes_before


def test_too_few_cutouts_are_an_error(photos: list[Photo], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^2 of 2 boxed fruits .* 4 are needed: add") as refusal:
        compose(photos[:1], tmp_path, 1, seed=0)
    assert "\n" not in str(refusal.value)


def test_photos_of_several_splits_are_an_error(photos: list[Photo], tmp_path: Path) -> None:
    mixed = [replace(photos[n % 7], group=str(n)) for n in range(60)]
    with pytest.raises(DataError, match="splits test, train, validation"):
        compose(mixed, tmp_path, 1, seed=0)
    assert not list(tmp_path.iterdir())


def _pixels(plan: Composition) -> np.ndarray:
    return np.asarray(render_composition(plan)).astype(float)


def _overlap(cut: np.ndarray, painted: np.ndarray) -> float:
    """Intersection over union of two masks, shifted to where they fit best."""
    sizes = [(np.ptp(np.argwhere(mask), axis=0) + 5) for mask in (cut, painted)]
    height, width = np.maximum(*sizes)
    squares = []
    for mask in (cut, painted):
        top, left = np.argwhere(mask).min(0)
        square = np.zeros((height, width), bool)
        trimmed = mask[top:, left:][: height - 4, : width - 4]
        square[2 : 2 + len(trimmed), 2 : 2 + trimmed.shape[1]] = trimmed
        squares.append(square)
    moves = [np.roll(squares[0], (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return max((move & squares[1]).sum() / (move | squares[1]).sum() for move in moves)
