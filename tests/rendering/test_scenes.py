"""Rendered scenes: the same from the same seed, with boxes that say exactly what is seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fruit_caption.data.records import FruitBox
from fruit_caption.rendering.arrangement import MOST_HIDDEN, Layout
from fruit_caption.rendering.distractors import CLUTTER, LOOK_ALIKES
from fruit_caption.rendering.drawing import draw_thing, draw_view, scaled
from fruit_caption.rendering.scenes import (
    JPEG_QUALITY,
    POOR_QUALITY,
    SCENE_FRUITS,
    Plan,
    Scene,
    develop,
    lay_out,
    render_scene,
    write_scenes,
)
from fruit_caption.rendering.shapes import HALF_SHARE, HALVES, KINDS, draw_kind
from fruit_caption.rendering.staging import BUNCHED, STRANGERS

SMALL = 64
SERIES = 78
HALF = {f"half {name}": kind for name, kind in HALVES.items()}
THINGS = {**KINDS, **HALF, **LOOK_ALIKES, **CLUTTER}


@pytest.fixture(scope="module")
def plans() -> list[Plan]:
    return [lay_out(3, index, SMALL) for index in range(SERIES)]


@pytest.fixture(scope="module")
def scenes(plans: list[Plan]) -> list[Scene]:
    return [develop(plan) for plan in plans]


def test_a_scene_depends_on_seed_and_number_only(scenes: list[Scene]) -> None:
    for index in (5, 1):
        again = render_scene(3, index, SMALL)
        assert np.array_equal(again.pixels, scenes[index].pixels)
        assert again.boxes == scenes[index].boxes
    assert not np.array_equal(scenes[1].pixels, scenes[5].pixels)
    assert not np.array_equal(render_scene(4, 1, SMALL).pixels, scenes[1].pixels)


def test_pixels_are_a_square_rgb_picture() -> None:
    pixels = render_scene(0, 2, 96).pixels
    assert pixels.shape == (96, 96, 3)
    assert pixels.dtype == np.uint8
    assert pixels.std() > 5


def test_boxes_lie_in_the_picture(scenes: list[Scene]) -> None:
    for scene in scenes:
        for box in scene.boxes:
            assert box.fruit in SCENE_FRUITS
            assert min(box.width, box.height) > 0
            assert min(box.left, box.top) >= 0
            assert max(box.left + box.width, box.top + box.height) <= SMALL


def test_every_count_is_as_frequent(scenes: list[Scene]) -> None:
    counts = Counter(len(scene.boxes) for scene in scenes)
    assert counts == dict.fromkeys(range(13), SERIES // 13)


def test_most_bounds_the_count() -> None:
    assert {len(render_scene(1, index, SMALL, most=1).boxes) for index in range(8)} == {0, 1}


def test_about_half_the_scenes_hold_one_kind(scenes: list[Scene]) -> None:
    kinds = [len({box.fruit for box in scene.boxes}) for scene in scenes if len(scene.boxes) > 3]
    assert 0.3 < np.mean(np.array(kinds) == 1) < 0.7
    assert set(kinds) == {1, 2, 3, 4}


def test_every_kind_turns_up(scenes: list[Scene]) -> None:
    assert {box.fruit for scene in scenes for box in scene.boxes} == set(SCENE_FRUITS)


def test_bunches_are_few(scenes: list[Scene]) -> None:
    bunches = [sum(box.fruit in BUNCHED for box in scene.boxes) for scene in scenes]
    assert 0 < np.count_nonzero(bunches) < SERIES / 6
    assert max(bunches) <= 2


def test_other_things_lie_about_unboxed(plans: list[Plan]) -> None:
    others = [sum(item.fruit is None for item in plan.layout.placed) for plan in plans]
    assert 0.15 < np.count_nonzero(others) / SERIES < 0.6
    assert any(
        number and not plan.layout.boxes() for number, plan in zip(others, plans, strict=True)
    )


def test_fruit_nobody_asks_for_is_not_listed(plans: list[Plan]) -> None:
    missing = [frozenset(SCENE_FRUITS) - plan.listed for plan in plans]
    assert frozenset().union(*missing) <= frozenset(STRANGERS)
    assert 0 < sum(map(bool, missing)) < SERIES / 5
    for strange, plan in zip(missing, plans, strict=True):
        assert not strange & {box.fruit for box in plan.layout.boxes()}
        assert len(strange) <= sum(item.fruit is None for item in plan.layout.placed)


def test_scenes_are_set_in_many_ways(plans: list[Plan]) -> None:
    stages = [plan.stage for plan in plans]
    assert {stage.pattern for stage in stages} == {"scattered", "close", "row", "grid"}
    assert {stage.dish.deep for stage in stages if stage.dish} == {True, False}
    assert 0.15 < np.mean([stage.studio for stage in stages]) < 0.5
    assert 0.1 < np.mean([stage.horizon > 0 for stage in stages]) < 0.7


def test_what_is_farther_looks_smaller(plans: list[Plan]) -> None:
    for plan in plans:
        far, near = plan.stage.scale(plan.stage.horizon), plan.stage.scale(1.0)
        assert 0.3 <= far < 1 < near <= 1.5
    assert min(plan.stage.scale(plan.stage.horizon) for plan in plans) < 0.6


def test_a_scaled_sprite_stays_centerd_and_as_bright() -> None:
    rng = np.random.default_rng(1)
    sprite = draw_thing(rng, KINDS["apple"], draw_view(rng, 50.0), 40.0)
    half = scaled(sprite, 0.5)
    assert len(half.cover) % 2 == len(half.shadow) % 2 == 1
    assert half.cover.sum() == pytest.approx(sprite.cover.sum() / 4, rel=0.05)
    assert half.foot == sprite.foot / 2
    middles = [
        np.average(np.linspace(-1, 1, len(each.cover)), weights=each.cover.sum(0))
        for each in (sprite, half)
    ]
    assert middles[1] == pytest.approx(middles[0], abs=0.02)
    colors = [each.color[each.cover > 0.5].mean(0) for each in (sprite, half)]
    assert colors[1] == pytest.approx(colors[0], rel=0.05)


def test_boxes_are_tight_round_what_is_seen(plans: list[Plan], scenes: list[Scene]) -> None:
    for index in range(20):
        masks = plans[index].layout.visible_masks()
        assert len(masks) == len(scenes[index].boxes)
        for box, mask in zip(scenes[index].boxes, masks, strict=True):
            assert _inside(mask, box).sum() == mask.sum()
            for edge in (
                _inside(mask, box)[0],
                _inside(mask, box)[-1],
                _inside(mask, box)[:, 0],
                _inside(mask, box)[:, -1],
            ):
                assert edge.any()


def test_no_fruit_hides_more_than_the_limit(plans: list[Plan]) -> None:
    hidden = []
    for plan in plans:
        layout = plan.layout
        masks = layout.visible_masks()
        fruits = [item for item in layout.placed if item.fruit]
        assert sum(masks, np.zeros((SMALL, SMALL), int)).max() <= 1, "a pixel shows two fruits"
        hidden += [
            1 - mask.sum() / item.mask.sum() for item, mask in zip(fruits, masks, strict=True)
        ]
    assert max(hidden) <= MOST_HIDDEN + 1e-6
    assert max(hidden) > 0.2, "some fruits should lie behind others"


def test_fruit_is_painted_where_it_is_said_to_be() -> None:
    changed = []
    for index in range(20):
        plan = lay_out(6, index, SMALL)
        full = develop(plan).pixels.astype(float)
        empty = develop(replace(plan, layout=_without_fruit(plan.layout))).pixels.astype(float)
        masks = plan.layout.visible_masks()
        # Shadows only darken: what is of another color is fruit.
        changed += [_hue_shift(full, empty)[mask].mean() > 0.02 for mask in masks]
        ground = ~np.any([np.zeros((SMALL, SMALL), bool), *map(_widened, masks)], axis=0)
        assert (full - empty)[ground].max(initial=0) <= 3, "fruit outside the masks"
    assert len(changed) > 50
    assert np.mean(changed) > 0.95


def test_some_of_the_fruits_that_people_cut_are_halves() -> None:
    rng = np.random.default_rng(5)
    kiwis = [draw_kind(rng, "kiwi") for _ in range(200)]
    assert {id(kind) for kind in kiwis} == {id(KINDS["kiwi"]), id(HALVES["kiwi"])}
    assert np.mean([kind is HALVES["kiwi"] for kind in kiwis]) == pytest.approx(
        HALF_SHARE, abs=0.07
    )
    assert draw_kind(rng, "banana") is KINDS["banana"]


@pytest.mark.parametrize("fruit", HALVES)
def test_a_half_shows_its_flesh(fruit: str) -> None:
    cut, below = np.zeros((3, 50), np.float32), np.zeros((3, 50), np.float32)
    cut[0] = below[0] = np.linspace(0.1, 0.5, 50)
    # The half is moved up the axis, so that its middle is the origin.
    cut[1], below[1] = 0.35, -0.1
    half = HALVES[fruit].make(np.random.default_rng(2))[0]
    assert half.distance(cut) == pytest.approx(0, abs=1e-5)
    assert (half.distance(below) < 0).any()
    flesh, skin = half.paint(cut), half.paint(below)
    assert np.abs(flesh - skin).max() > 0.1


@pytest.mark.parametrize("name", THINGS)
def test_each_kind_is_drawn_whole_and_solid(name: str) -> None:
    rng = np.random.default_rng(11)
    sprite = draw_thing(rng, THINGS[name], draw_view(rng, 60.0), 30.0)
    mask = sprite.cover > 0.5
    assert 0.03 < mask.mean() < 0.85
    assert not np.concatenate([mask[[0, -1]].ravel(), mask[:, [0, -1]].ravel()]).any()
    for across in (0, 1):
        assert (np.diff(np.flatnonzero(mask.any(across))) == 1).all(), "loose specks"
    colors = sprite.color[mask]
    assert np.isfinite(colors).all()
    assert colors.min() >= 0
    assert colors.std(axis=0).max() > 0.01, "no light and shade"
    assert 0 < sprite.shadow.min() < 0.7 < sprite.shadow.max() <= 1


def test_written_scenes_resume(tmp_path: Path) -> None:
    first = write_scenes(tmp_path, 4, seed=9, size=SMALL)
    kept = {photo.path: photo.path.read_bytes() for photo in first.photos}
    times = {path: path.stat().st_mtime_ns for path in kept}
    gone, short = first.photos[1].path, first.photos[2].path
    gone.unlink()
    short.write_bytes(kept[short][:200])

    assert write_scenes(tmp_path, 4, seed=9, size=SMALL) == first
    assert {path: path.read_bytes() for path in kept} == kept
    assert first.photos[0].path.stat().st_mtime_ns == times[first.photos[0].path]
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_a_file_that_shows_something_else_is_not_kept(tmp_path: Path) -> None:
    photo = write_scenes(tmp_path, 2, seed=9, size=SMALL).photos[1]
    right = photo.path.read_bytes()
    for wrong in (render_scene(10, 1, SMALL).pixels, render_scene(9, 0, SMALL).pixels):
        Image.fromarray(wrong).save(photo.path)
        assert write_scenes(tmp_path, 2, seed=9, size=SMALL).photos[1] == photo
        assert photo.path.read_bytes() == right


def test_writing_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[str] = []
    write_scenes(tmp_path, 2, seed=9, size=SMALL, progress=told.append)
    assert told == ["rendering scenes: 0 of 2"]


def test_files_differ_in_quality(scenes: list[Scene]) -> None:
    qualities = {scene.quality for scene in scenes}
    assert POOR_QUALITY <= min(qualities) < max(qualities) <= JPEG_QUALITY
    assert len(qualities) > 10


def test_a_bunch_tells_no_number(scenes: list[Scene], tmp_path: Path) -> None:
    fruits = [{box.fruit for box in scene.boxes} for scene in scenes]
    index = next(index for index, kinds in enumerate(fruits) if "grape" in kinds)
    photo = write_scenes(tmp_path, index + 1, seed=3, size=SMALL).photos[index]
    assert "grape" in photo.fruits
    assert photo.count("grape") is None
    assert photo.total() is None
    others = set(photo.fruits) - {"grape"}
    assert all(photo.count(fruit) for fruit in others)


def test_written_scenes_are_photos_that_prove_their_counts(tmp_path: Path) -> None:
    photos = write_scenes(tmp_path / "new", 3, seed=2, size=SMALL)
    assert photos.listed == frozenset(SCENE_FRUITS)
    for index, photo in enumerate(photos.photos):
        assert photo.path.name == f"scene_2_{index:05d}.jpg"
        assert photo.group == photo.path.stem
        assert (photo.source, photo.license) == ("rendered", "CC0-1.0")
        assert photo.boxes == render_scene(2, index, SMALL).boxes
        assert photo.total() == len(photo.boxes)
        assert photo.listed == lay_out(2, index, SMALL).listed
        with Image.open(photo.path) as picture:
            assert picture.size == (photo.width, photo.height) == (SMALL, SMALL)


def _without_fruit(layout: Layout) -> Layout:
    return replace(layout, placed=tuple(item for item in layout.placed if not item.fruit))


def _hue_shift(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How far the shares of red, green and blue differ (height, width)."""
    shares = [pixels / (pixels.sum(-1, keepdims=True) + 1) for pixels in (first, second)]
    shift: np.ndarray = np.abs(shares[0] - shares[1]).max(-1)
    return shift


def _widened(mask: np.ndarray) -> np.ndarray:
    """The mask and what a soft edge and the blur may reach round it, two pixels."""
    wide = mask.copy()
    for axis in (0, 1):
        wide = np.any([np.roll(wide, shift, axis) for shift in (-2, -1, 0, 1, 2)], axis=0)
    return wide


def _inside(mask: np.ndarray, box: FruitBox) -> np.ndarray:
    rows = slice(int(box.top), int(box.top + box.height))
    return mask[rows, int(box.left) : int(box.left + box.width)]
