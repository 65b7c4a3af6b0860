"""Rendered scenes are reproducible, varied, and have exact boxes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fruit_caption.data.records import FruitBox
from fruit_caption.rendering.distractors import CLUTTER, LOOK_ALIKES
from fruit_caption.rendering.fruits import (
    FRUIT_MODELS,
    HALF_PROBABILITY,
    HALVED_FRUITS,
    choose_fruit_model,
)
from fruit_caption.rendering.layout import MAX_HIDDEN, Layout
from fruit_caption.rendering.scene_plan import (
    BUNCH_FRUITS,
    DISTRACTOR_FRUITS,
    ScenePlan,
    plan_scene,
)
from fruit_caption.rendering.scenes import (
    JPEG_QUALITY,
    MIN_JPEG_QUALITY,
    Scene,
    render_plan,
    render_scene,
    write_scenes,
)
from fruit_caption.rendering.sdf import Field, X, Y
from fruit_caption.rendering.sprites import draw_object, random_viewpoint
from fruit_caption.rendering.textures import mix, uniform

SMALL = 64
SERIES = 78
HALVES = {f"half {name}": model for name, model in HALVED_FRUITS.items()}
MODELS = {**FRUIT_MODELS, **HALVES, **LOOK_ALIKES, **CLUTTER}


@pytest.fixture(scope="module")
def plans() -> list[ScenePlan]:
    return [plan_scene(3, index, SMALL) for index in range(SERIES)]


@pytest.fixture(scope="module")
def scenes(plans: list[ScenePlan]) -> list[Scene]:
    return [render_plan(plan) for plan in plans]


def test_scenes_depend_only_on_seed_and_index(scenes: list[Scene]) -> None:
    for index in (5, 1):
        again = render_scene(3, index, SMALL)
        assert np.array_equal(again.pixels, scenes[index].pixels)
        assert again.boxes == scenes[index].boxes
    assert not np.array_equal(scenes[1].pixels, scenes[5].pixels)
    assert not np.array_equal(render_scene(4, 1, SMALL).pixels, scenes[1].pixels)


def test_pixels_are_square_rgb_uint8() -> None:
    pixels = render_scene(0, 2, 96).pixels
    assert pixels.shape == (96, 96, 3)
    assert pixels.dtype == np.uint8
    assert pixels.std() > 5


def test_boxes_are_inside_the_picture(scenes: list[Scene]) -> None:
    for scene in scenes:
        for box in scene.boxes:
            assert box.fruit in FRUIT_MODELS
            assert min(box.width, box.height) > 0
            assert min(box.left, box.top) >= 0
            assert max(box.left + box.width, box.top + box.height) <= SMALL


def test_all_counts_are_equally_frequent(scenes: list[Scene]) -> None:
    counts = Counter(len(scene.boxes) for scene in scenes)
    assert counts == dict.fromkeys(range(13), SERIES // 13)


def test_max_fruits_limits_the_count() -> None:
    assert {len(render_scene(1, index, SMALL, max_fruits=1).boxes) for index in range(8)} == {0, 1}


def test_about_half_of_the_scenes_show_one_kind(scenes: list[Scene]) -> None:
    kinds = [len({box.fruit for box in scene.boxes}) for scene in scenes if len(scene.boxes) > 3]
    assert 0.3 < np.mean(np.array(kinds) == 1) < 0.7
    assert set(kinds) == {1, 2, 3, 4}


def test_every_fruit_occurs(scenes: list[Scene]) -> None:
    assert {box.fruit for scene in scenes for box in scene.boxes} == set(FRUIT_MODELS)


def test_bunches_are_rare(scenes: list[Scene]) -> None:
    bunches = [sum(box.fruit in BUNCH_FRUITS for box in scene.boxes) for scene in scenes]
    assert 0 < np.count_nonzero(bunches) < SERIES / 6
    assert max(bunches) <= 2


def test_distractors_have_no_boxes(plans: list[ScenePlan]) -> None:
    distractors = [sum(item.fruit is None for item in plan.layout.objects) for plan in plans]
    assert 0.15 < np.count_nonzero(distractors) / SERIES < 0.6
    assert any(
        number and not plan.layout.boxes() for number, plan in zip(distractors, plans, strict=True)
    )


def test_distractor_fruits_are_not_listed(plans: list[ScenePlan]) -> None:
    missing = [frozenset(FRUIT_MODELS) - plan.listed for plan in plans]
    assert frozenset().union(*missing) <= frozenset(DISTRACTOR_FRUITS)
    assert 0 < sum(map(bool, missing)) < SERIES / 5
    for fruits, plan in zip(missing, plans, strict=True):
        assert not fruits & {box.fruit for box in plan.layout.boxes()}
        assert len(fruits) <= sum(item.fruit is None for item in plan.layout.objects)


def test_setups_vary(plans: list[ScenePlan]) -> None:
    setups = [plan.setup for plan in plans]
    assert {setup.pattern for setup in setups} == {"scattered", "close", "row", "grid"}
    assert {setup.dish.is_bowl for setup in setups if setup.dish} == {True, False}
    assert 0.15 < np.mean([setup.studio for setup in setups]) < 0.5
    assert 0.1 < np.mean([setup.horizon > 0 for setup in setups]) < 0.7


def test_farther_objects_look_smaller(plans: list[ScenePlan]) -> None:
    for plan in plans:
        far, near = plan.setup.scale(plan.setup.horizon), plan.setup.scale(1.0)
        assert 0.3 <= far < 1 < near <= 1.5
    assert min(plan.setup.scale(plan.setup.horizon) for plan in plans) < 0.6


def test_scaled_sprites_keep_center_and_brightness() -> None:
    rng = np.random.default_rng(1)
    sprite = draw_object(rng, FRUIT_MODELS["apple"], random_viewpoint(rng, 50.0), 40.0)
    half = sprite.scaled(0.5)
    assert len(half.alpha) % 2 == len(half.shadow) % 2 == 1
    assert half.alpha.sum() == pytest.approx(sprite.alpha.sum() / 4, rel=0.05)
    assert half.ground_offset == sprite.ground_offset / 2
    middles = [
        np.average(np.linspace(-1, 1, len(each.alpha)), weights=each.alpha.sum(0))
        for each in (sprite, half)
    ]
    assert middles[1] == pytest.approx(middles[0], abs=0.02)
    colors = [each.color[each.alpha > 0.5].mean(0) for each in (sprite, half)]
    assert colors[1] == pytest.approx(colors[0], rel=0.05)


def test_boxes_are_tight_around_visible_pixels(plans: list[ScenePlan], scenes: list[Scene]) -> None:
    for index in range(20):
        masks = plans[index].layout.visible_masks()
        assert len(masks) == len(scenes[index].boxes)
        for box, mask in zip(scenes[index].boxes, masks, strict=True):
            assert _inside(mask, box).sum() == mask.sum()
            inside = _inside(mask, box)
            assert all(edge.any() for edge in (*inside[[0, -1]], *inside[:, [0, -1]].T))


def test_no_fruit_hides_more_than_the_limit(plans: list[ScenePlan]) -> None:
    hidden = []
    for plan in plans:
        layout = plan.layout
        masks = layout.visible_masks()
        fruits = [item for item in layout.objects if item.fruit]
        assert sum(masks, np.zeros((SMALL, SMALL), int)).max() <= 1, "a pixel shows two fruits"
        hidden += [
            1 - mask.sum() / item.mask.sum() for item, mask in zip(fruits, masks, strict=True)
        ]
    assert max(hidden) <= MAX_HIDDEN + 1e-6
    assert max(hidden) > 0.2, "some fruits should lie behind others"


def test_fruits_are_painted_inside_their_masks() -> None:
    changed = []
    for index in range(20):
        plan = plan_scene(6, index, SMALL)
        full = render_plan(plan).pixels.astype(float)
        empty = render_plan(replace(plan, layout=_without_fruits(plan.layout))).pixels.astype(float)
        masks = plan.layout.visible_masks()
        # Shadows only darken: pixels with another hue are fruit.
        changed += [_hue_shift(full, empty)[mask].mean() > 0.02 for mask in masks]
        ground = ~np.any([np.zeros((SMALL, SMALL), bool), *map(_dilated, masks)], axis=0)
        assert (full - empty)[ground].max(initial=0) <= 3, "fruit outside the masks"
    assert len(changed) > 50
    assert np.mean(changed) > 0.95


def test_some_fruits_are_halves() -> None:
    rng = np.random.default_rng(5)
    models = [choose_fruit_model(rng, "kiwi") for _ in range(200)]
    assert {id(model) for model in models} == {id(FRUIT_MODELS["kiwi"]), id(HALVED_FRUITS["kiwi"])}
    assert np.mean([model is HALVED_FRUITS["kiwi"] for model in models]) == pytest.approx(
        HALF_PROBABILITY, abs=0.07
    )
    assert choose_fruit_model(rng, "banana") is FRUIT_MODELS["banana"]


@pytest.mark.parametrize("fruit", HALVED_FRUITS)
def test_halves_show_their_flesh(fruit: str) -> None:
    cut, below = np.zeros((3, 50), np.float32), np.zeros((3, 50), np.float32)
    cut[0] = below[0] = np.linspace(0.1, 0.5, 50)
    # The half is moved up the axis by 0.35.
    cut[1], below[1] = 0.35, -0.1
    half = HALVED_FRUITS[fruit].make(np.random.default_rng(2))[0]
    assert half.distance(cut) == pytest.approx(0, abs=1e-5)
    assert (half.distance(below) < 0).any()
    flesh, skin = half.texture(cut), half.texture(below)
    assert np.abs(flesh - skin).max() > 0.1


def test_fields_support_arithmetic() -> None:
    points = np.array([[1.0, 2.0], [3.0, -1.0], [0.0, 0.0]], np.float32)
    field = 0.5 * np.abs(X * Y) - np.maximum(Y, 0)
    assert isinstance(field, Field)
    assert field(points).tolist() == [-1.5, 1.0]
    assert field.clip(-1, 1)(points).tolist() == [-1.0, 1.0]
    colors = mix((0, 0, 0), uniform((1, 0.5, 0)), Y > 0)(points)
    assert colors.T.tolist() == [[1, 0.5, 0], [0, 0, 0]]
    assert colors.dtype == np.float32


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_drawn_whole_and_solid(name: str) -> None:
    rng = np.random.default_rng(11)
    sprite = draw_object(rng, MODELS[name], random_viewpoint(rng, 60.0), 30.0)
    mask = sprite.alpha > 0.5
    assert 0.03 < mask.mean() < 0.85
    assert not np.concatenate([mask[[0, -1]].ravel(), mask[:, [0, -1]].ravel()]).any()
    for across in (0, 1):
        assert (np.diff(np.flatnonzero(mask.any(across))) == 1).all(), "loose specks"
    colors = sprite.color[mask]
    assert np.isfinite(colors).all()
    assert colors.min() >= 0
    assert colors.std(axis=0).max() > 0.01, "no light and shade"
    assert 0 < sprite.shadow.min() < 0.7 < sprite.shadow.max() <= 1


def test_writing_scenes_resumes(tmp_path: Path) -> None:
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


def test_files_with_other_content_are_replaced(tmp_path: Path) -> None:
    photo = write_scenes(tmp_path, 2, seed=9, size=SMALL).photos[1]
    right = photo.path.read_bytes()
    for wrong in (render_scene(10, 1, SMALL).pixels, render_scene(9, 0, SMALL).pixels):
        Image.fromarray(wrong).save(photo.path)
        assert write_scenes(tmp_path, 2, seed=9, size=SMALL).photos[1] == photo
        assert photo.path.read_bytes() == right


def test_writing_scenes_reports_progress(tmp_path: Path) -> None:
    messages: list[str] = []
    write_scenes(tmp_path, 2, seed=9, size=SMALL, progress=messages.append)
    assert messages == ["rendering scenes: 0 of 2"]


def test_jpeg_quality_varies(scenes: list[Scene]) -> None:
    qualities = {scene.quality for scene in scenes}
    assert MIN_JPEG_QUALITY <= min(qualities) < max(qualities) <= JPEG_QUALITY
    assert len(qualities) > 10


def test_bunches_do_not_prove_a_count(scenes: list[Scene], tmp_path: Path) -> None:
    fruits = [{box.fruit for box in scene.boxes} for scene in scenes]
    index = next(index for index, kinds in enumerate(fruits) if "grape" in kinds)
    photo = write_scenes(tmp_path, index + 1, seed=3, size=SMALL).photos[index]
    assert "grape" in photo.fruits
    assert photo.count("grape") is None
    assert photo.total() is None
    others = set(photo.fruits) - {"grape"}
    assert all(photo.count(fruit) for fruit in others)


def test_written_scenes_have_complete_records(tmp_path: Path) -> None:
    photos = write_scenes(tmp_path / "new", 3, seed=2, size=SMALL)
    assert photos.listed == frozenset(FRUIT_MODELS)
    for index, photo in enumerate(photos.photos):
        assert photo.path.name == f"scene_2_{index:05d}.jpg"
        assert photo.group == photo.path.stem
        assert (photo.source, photo.license) == ("rendered", "CC0-1.0")
        assert photo.boxes == render_scene(2, index, SMALL).boxes
        assert photo.total() == len(photo.boxes)
        assert photo.listed == plan_scene(2, index, SMALL).listed
        with Image.open(photo.path) as picture:
            assert picture.size == (photo.width, photo.height) == (SMALL, SMALL)


def _without_fruits(layout: Layout) -> Layout:
    return replace(layout, objects=tuple(item for item in layout.objects if not item.fruit))


def _hue_shift(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the maximum difference of the shares of red, green and blue (height, width)."""
    shares = [pixels / (pixels.sum(-1, keepdims=True) + 1) for pixels in (first, second)]
    shift: np.ndarray = np.abs(shares[0] - shares[1]).max(-1)
    return shift


def _dilated(mask: np.ndarray) -> np.ndarray:
    """Widen a mask by two pixels, for soft edges and blur."""
    wide = mask.copy()
    for axis in (0, 1):
        wide = np.any([np.roll(wide, shift, axis) for shift in (-2, -1, 0, 1, 2)], axis=0)
    return wide


def _inside(mask: np.ndarray, box: FruitBox) -> np.ndarray:
    rows = slice(int(box.top), int(box.top + box.height))
    return mask[rows, int(box.left) : int(box.left + box.width)]
