"""Models of the fruits: shapes and skins, in the varieties that shops sell.

Each function draws the parameters of one example at random. Lengths are relative to the radius of
the fruit's body, and the stem points towards +y.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial, reduce

import numpy as np
import numpy.typing as npt

from fruit_caption.rendering import sdf
from fruit_caption.rendering.objects import ObjectModel, Part, PartMaker, Parts, halved, lowered
from fruit_caption.rendering.sdf import Array, Field, X, Y, Z, axis_distance, longitude, norm
from fruit_caption.rendering.textures import (
    BROWN,
    LEAF_GREEN,
    STEM_GREEN,
    Rgb,
    cloud_noise,
    dot_noise,
    grain_noise,
    lattice,
    mix,
    random_color,
    streak_noise,
    uniform,
)


def _stem(rng: np.random.Generator, base: float, length: float, radius: float = 0.045) -> Part:
    return Part(sdf.stem(base, length, radius, rng.uniform(-0.5, 0.5)), uniform(BROWN), 0.1)


def _apple(rng: np.random.Generator) -> Parts:
    ground, blush, spread = (
        ((0.80, 0.55, 0.22), (0.66, 0.07, 0.09), rng.uniform(0.9, 1.5)),
        ((0.85, 0.72, 0.30), (0.78, 0.20, 0.13), rng.uniform(0.1, 0.8)),
        ((0.53, 0.71, 0.20), (0.62, 0.76, 0.28), 0.2),
        ((0.86, 0.78, 0.33), (0.88, 0.70, 0.30), 0.0),
    )[rng.choice(4, p=(0.45, 0.2, 0.25, 0.1))]
    clouds, streaks, dots = cloud_noise(rng, 2.0), streak_noise(rng, 36), dot_noise(rng, 7, 0.16)
    ground, blush = random_color(rng, ground), random_color(rng, blush)
    skin = mix(ground, blush, spread + 0.45 * clouds + 0.22 * streaks)
    skin = mix(skin, (0.93, 0.85, 0.62), 0.5 * dots)
    near_stem = 1.25 - axis_distance / 0.24
    skin = mix(skin, (0.55, 0.52, 0.22), near_stem * (Y > 0) * 0.8)
    body = sdf.dimpled_ball(0.4, rng.uniform(1.25, 1.5), rng.uniform(0.05, 0.16), 0.025)
    return Part(body, skin, 0.6), _stem(rng, 0.55, 0.62)


def _banana(rng: np.random.Generator) -> Parts:
    color = random_color(rng, (0.93, 0.77, 0.18), (0.95, 0.80, 0.25), (0.72, 0.74, 0.22))
    clouds, dots = cloud_noise(rng, 4.0), dot_noise(rng, 6, rng.uniform(0.1, 0.4))
    bow, half_angle = rng.uniform(0.85, 1.15), rng.uniform(0.95, 1.15)
    middle = bow * (1 + float(np.cos(half_angle))) / 2
    share = np.arctan2(Z, X + middle) / half_angle
    skin = mix(color, (0.80, 0.60, 0.13), 0.25 + 0.25 * clouds)
    skin = mix(skin, (0.38, 0.23, 0.08), 0.7 * dots)
    skin = mix(skin, (0.62, 0.66, 0.22), (np.abs(share) - 0.72) * 2.2)
    skin = mix(skin, (0.22, 0.15, 0.08), (np.abs(share + 0.01) - 0.955) * 25)
    return (Part(sdf.crescent(bow, half_angle, rng.uniform(0.2, 0.26)), skin, 0.25),)


def _blueberry(rng: np.random.Generator) -> Parts:
    clouds, color = cloud_noise(rng, 3.0), random_color(rng, (0.22, 0.27, 0.44), (0.15, 0.18, 0.36))
    skin = mix(color, (0.47, 0.54, 0.70), 0.35 + 0.35 * clouds)
    skin = mix(skin, (0.07, 0.07, 0.14), (0.36 - axis_distance) * 9 * (Y > 0))
    crown = sdf.leaves(
        5, 0.44, 0.34, base=0.75, lift=32, turn=rng.uniform(0, 1), bound=(0.85, 0.55)
    )
    return (
        Part(sdf.dimpled_ball(0.26, rng.uniform(1.0, 1.15)), skin, 0.12),
        Part(crown, uniform((0.20, 0.23, 0.38)), 0.05),
    )


def _cherry(rng: np.random.Generator) -> Parts:
    color = random_color(rng, (0.62, 0.05, 0.09), (0.42, 0.03, 0.08), (0.75, 0.12, 0.10))
    clouds = cloud_noise(rng, 2.0)
    body = sdf.grooved(sdf.dimpled_ball(0.3, 1.3, 0.06), 0.02)
    skin = Part(body, mix(color, (0.3, 0, 0.05), 0.4 * clouds), 0.95)
    stem = sdf.stem(0.6, rng.uniform(1.5, 1.9), 0.055, rng.uniform(0.15, 0.4))
    return lowered(skin, 0.7), lowered(Part(stem, uniform(STEM_GREEN), 0.1), 0.7)


def _coconut(rng: np.random.Generator) -> Parts:
    clouds, hairs, fuzz = cloud_noise(rng, 3.0), streak_noise(rng, 34), grain_noise(rng, 30)
    shade = rng.uniform(0.85, 1.15)
    husk = mix((0.26, 0.16, 0.09), (0.60, 0.42, 0.25), 0.45 + 0.2 * hairs + 0.2 * fuzz)
    husk = mix(husk, (0.42, 0.28, 0.16), 0.3 + 0.5 * clouds) * np.float32(shade)
    # The three pores ("eyes") around the top.
    angle = longitude - 2 * np.pi / 3 * np.rint(longitude * (1.5 / np.pi))
    pore = norm(axis_distance * np.cos(angle) - 0.3, axis_distance * np.sin(angle))
    husk = mix(husk, (0.08, 0.05, 0.03), (0.16 - pore) * 18 * (Y > 0))
    return (Part(sdf.ellipsoid(0.95, 1.0, 0.95), husk, 0.05, hairs * 0.012 + fuzz * 0.006),)


def _cucumber(rng: np.random.Generator) -> Parts:
    color = random_color(rng, (0.20, 0.38, 0.14), (0.14, 0.30, 0.12), (0.26, 0.46, 0.16))
    streaks, warts, clouds = streak_noise(rng, 12), dot_noise(rng, 7, 0.3), cloud_noise(rng, 2.0)
    skin = mix(color, (0.45, 0.60, 0.26), 0.22 * streaks + 0.15 * clouds)
    skin = mix(skin, (0.55, 0.66, 0.34), 0.35 * warts + 2.5 * (-Y - 0.95))
    skin = mix(skin, (0.58, 0.62, 0.32), (Y - 1.08) * 8)
    body = sdf.bent(sdf.tapered(-0.95, 0.19, 0.95, 0.17), rng.uniform(-0.15, 0.15))
    return (Part(body, skin, 0.35, 0.02 * warts),)


def _grape(rng: np.random.Generator) -> Parts:
    """A whole bunch: berries crowd around the stalk, fewer towards the tip."""
    color, glow = (
        ((0.66, 0.74, 0.28), (0.82, 0.82, 0.44)),
        ((0.20, 0.10, 0.24), (0.36, 0.26, 0.44)),
        ((0.52, 0.12, 0.16), (0.70, 0.34, 0.28)),
        ((0.16, 0.16, 0.32), (0.42, 0.42, 0.58)),
    )[rng.choice(4, p=(0.4, 0.25, 0.2, 0.15))]
    color, radius = random_color(rng, color), np.float32(rng.uniform(0.17, 0.21))
    height, angle = rng.uniform(-1, 0.8, 160), rng.uniform(0, 2 * np.pi, 160)
    out = (0.18 + 0.42 * np.sqrt((1 + height) / 1.8)) * rng.uniform(0.4, 1, 160)
    middles = np.stack([out * np.cos(angle), height, 0.75 * out * np.sin(angle)]).astype(np.float32)
    # Leave out berries that overlap earlier ones too much.
    close = np.square(middles[:, :, None] - middles[:, None]).sum(0) < np.square(1.45 * radius)
    kept: list[int] = []
    for number in range(len(height)):
        if not close[number, kept].any():
            kept.append(number)
    middles = middles[:, kept]
    shade, clouds = rng.uniform(-0.2, 0.4, len(kept)), cloud_noise(rng, 5.0)
    berry_shade = Field(lambda points: shade[_nearest_ball(middles, points)[0]])
    distance = Field(lambda points: _nearest_ball(middles, points)[1] - radius)
    skin = mix(color, glow, 0.25 + berry_shade + 0.2 * clouds)
    return Part(distance, skin, 0.55), _stem(rng, 0.6, 0.6, 0.05)


def _nearest_ball(centers: Array, points: Array) -> tuple[npt.NDArray[np.intp], Array]:
    """Return the index of the nearest of `centers` (3, balls) and its distance, per point."""
    squared = (centers * centers).sum(0)[:, None] - 2 * (centers.T @ points)
    nearest = squared.argmin(0)
    distance = squared[nearest, np.arange(nearest.size)] + (points * points).sum(0)
    return nearest, np.sqrt(np.maximum(distance, 0))


def _kiwi(rng: np.random.Generator) -> Parts:
    clouds, fuzz = cloud_noise(rng, 3.0), grain_noise(rng, 34.0)
    color = random_color(rng, (0.47, 0.36, 0.18), (0.42, 0.33, 0.16))
    skin = mix(color, (0.58, 0.47, 0.24), 0.3 + 0.3 * clouds + 0.25 * fuzz)
    skin = mix(skin, (0.45, 0.46, 0.20), 0.35 * sdf.mirrored(clouds, 0.8))
    skin = mix(skin, (0.16, 0.11, 0.06), (0.19 - axis_distance) * 12)
    body = sdf.tipped(sdf.ellipsoid(0.78, 1.0, 0.74), 0.96, 0.09, 0.15)
    return (Part(body, skin, 0.06, 0.004 * fuzz),)


def _citrus(rng: np.random.Generator, body: Field, color: Rgb, shade: Rgb, pores: float) -> Parts:
    """Waxy skin with pores of depth `pores`, and the button where the stem was."""
    clouds, pits = cloud_noise(rng, 1.5), dot_noise(rng, 13, 0.36)
    skin = mix(color, shade, 0.3 + 0.35 * clouds + 0.16 * pits)
    skin = mix(skin, shade, 0.7 - axis_distance * 2.5)
    button = sdf.translated(sdf.ellipsoid(0.11, 0.05, 0.11), 0.0, _pole(body), 0.0)
    return (
        Part(body, skin, 0.4, -pores * pits),
        Part(button, uniform((0.40, 0.46, 0.20)), 0.05),
    )


def _pole(body: Field) -> float:
    """Return the height at which the surface meets the stem axis."""
    heights = np.linspace(0, 1.5, 301, dtype=np.float32)
    zeros = np.zeros_like(heights)
    return float(heights[body(np.stack([zeros, heights, zeros])) < 0][-1])


def _lemon(rng: np.random.Generator) -> Parts:
    body = sdf.tipped(sdf.ellipsoid(0.74, 0.95, 0.74), 0.98, 0.1, rng.uniform(0.3, 0.4))
    return _citrus(rng, body, random_color(rng, (0.96, 0.84, 0.20)), (0.86, 0.72, 0.10), 0.005)


def _lime(rng: np.random.Generator) -> Parts:
    body = sdf.tipped(sdf.ellipsoid(0.8, 0.92, 0.8), 0.93, 0.05, 0.22)
    color = random_color(rng, (0.38, 0.58, 0.14), (0.28, 0.48, 0.12), (0.50, 0.65, 0.20))
    return _citrus(rng, body, color, (0.24, 0.40, 0.08), 0.004)


def _orange(rng: np.random.Generator) -> Parts:
    body = sdf.dimpled_ball(0.1, rng.uniform(1.0, 1.08))
    return _citrus(rng, body, random_color(rng, (0.97, 0.58, 0.10)), (0.90, 0.44, 0.04), 0.005)


def _mandarin(rng: np.random.Generator) -> Parts:
    body = sdf.dimpled_ball(0.32, rng.uniform(1.05, 1.15), 0.04, 0.03)
    color = random_color(rng, (0.95, 0.47, 0.07))
    parts = _citrus(rng, body, color, (0.84, 0.32, 0.03), 0.004)
    length, lift = rng.uniform(1.0, 1.3), rng.uniform(5, 25)
    leaf = sdf.leaves(1, length, 0.5, base=0.68, lift=lift, droop=0.12, bound=(0.7, 1.35))
    return *parts, _stem(rng, 0.6, 0.25), Part(leaf, uniform(random_color(rng, LEAF_GREEN)), 0.3)


def _lychee(rng: np.random.Generator) -> Parts:
    offset, clouds = norm(*lattice(5.5, 16)), cloud_noise(rng, 2.5)
    color = random_color(rng, (0.70, 0.20, 0.22), (0.78, 0.32, 0.30), (0.56, 0.22, 0.20))
    bumps = (1.1 - 2.2 * offset).clip(0, 1)
    skin = mix((0.42, 0.12, 0.14), color, 0.3 + 1.2 * bumps)
    skin = mix(skin, (0.80, 0.60, 0.38), 0.25 + 0.45 * clouds)
    body = sdf.ellipsoid(0.92, 1.0, 0.92)
    return Part(body, skin, 0.15, 0.06 * bumps), _stem(rng, 0.95, 0.25, 0.06)


def _mango(rng: np.random.Generator) -> Parts:
    ground = random_color(rng, (0.93, 0.70, 0.20), (0.62, 0.65, 0.22), (0.90, 0.62, 0.16))
    blush, clouds = random_color(rng, (0.80, 0.26, 0.16)), cloud_noise(rng, 1.6)
    dots, strength = dot_noise(rng, 8, 0.15), rng.uniform(-0.3, 0.5)
    skin = mix(ground, (0.42, 0.56, 0.20), 0.35 * clouds - 0.5 * Y)
    skin = mix(skin, blush, strength + 0.8 * Y + 0.35 * sdf.mirrored(clouds))
    skin = mix(skin, (0.96, 0.88, 0.55), 0.45 * dots)
    body = sdf.bent(sdf.ellipsoid(0.68, 0.98, 0.6), 0.18)
    return Part(body, skin, 0.4), _stem(rng, 0.9, 0.14, 0.05)


def _melon(rng: np.random.Generator) -> Parts:
    clouds, netting = cloud_noise(rng, 1.5), [cloud_noise(rng, 8.0) for _ in range(3)]
    ground = random_color(rng, (0.66, 0.60, 0.33), (0.72, 0.62, 0.32), (0.52, 0.58, 0.30))
    # The net is where any of the noises crosses zero.
    net = (1.2 - 6 * reduce(np.minimum, map(np.abs, netting))).clip(0, 1)
    rib = np.abs(np.sin(5 * longitude))
    skin = mix(ground, (0.42, 0.50, 0.24), 1 - 3 * rib + 0.2 * clouds)
    skin = mix(skin, (0.87, 0.81, 0.62), 0.75 * net * (rib * 4).clip(0.2, 1))
    relief = 0.01 * net - 0.05 * np.exp(-6 * rib)
    body = sdf.ellipsoid(0.95, rng.uniform(0.93, 1.1), 0.95)
    return Part(body, skin, 0.08, relief), _stem(rng, 0.95, 0.12, 0.09)


def _peach(rng: np.random.Generator) -> Parts:
    clouds, fuzz = cloud_noise(rng, 1.7), grain_noise(rng, 40.0)
    ground = random_color(rng, (0.96, 0.72, 0.38), (0.97, 0.78, 0.50))
    blush = random_color(rng, (0.80, 0.24, 0.20), (0.86, 0.38, 0.26))
    spread = rng.uniform(0.2, 0.7)
    skin = mix(ground, blush, spread + 0.6 * clouds + 0.12 * fuzz)
    skin = mix(skin, (0.75, 0.55, 0.25), 0.9 - axis_distance * 4)
    return (Part(sdf.grooved(sdf.dimpled_ball(0.22, 1.2), 0.09), skin, 0.06),)


def _pear(rng: np.random.Generator) -> Parts:
    ground = random_color(rng, (0.72, 0.74, 0.27), (0.82, 0.76, 0.32), (0.62, 0.66, 0.24))
    blush = random_color(rng, (0.78, 0.42, 0.20), (0.60, 0.44, 0.20), (0.70, 0.72, 0.25))
    clouds, dots, spread = cloud_noise(rng, 1.8), dot_noise(rng, 10, 0.22), rng.uniform(-0.3, 0.3)
    skin = mix(ground, blush, spread + 0.5 * clouds + 0.4 * X)
    skin = mix(skin, (0.48, 0.36, 0.14), 0.5 * dots + (Y - 0.95) * 2)
    body = sdf.tapered(-0.4, 0.72, rng.uniform(0.62, 0.75), rng.uniform(0.28, 0.34), neck=1.0)
    return Part(body, skin, 0.25), _stem(rng, 0.95, 0.4, 0.05)


def _pineapple(rng: np.random.Generator) -> Parts:
    ground = random_color(rng, (0.80, 0.55, 0.16), (0.72, 0.56, 0.20), (0.60, 0.52, 0.22))
    offset, clouds = norm(*lattice(5.2, 11)), cloud_noise(rng, 2.0)
    turns = rng.uniform(0, 1, 4)
    scales = (1.15 - 2.1 * offset).clip(0, 1)
    skin = mix((0.34, 0.22, 0.08), ground, 2.2 * scales + 0.2 * clouds)
    skin = mix(skin, (0.50, 0.54, 0.22), 0.4 * clouds + 0.3 * Y)
    skin = mix(skin, (0.30, 0.17, 0.08), 1.3 - 8 * offset)
    green = mix(LEAF_GREEN, (0.55, 0.65, 0.38), (Y - 0.7) * 0.6 + 0.3 * clouds)
    body = sdf.ellipsoid(0.66, 1.0, 0.66)
    parts = [Part(body, skin, 0.15, 0.07 * scales)]
    # From the outer to the inner ring: number, length, lift and droop of the leaves.
    rings = ((9, 0.75, 22, 0.25), (8, 0.95, 45, 0.2), (6, 1.15, 64, 0.12), (4, 1.3, 80, 0.05))
    for ring, (number, length, lift, droop) in enumerate(rings):
        center = 0.82 + 0.5 * length * np.sin(np.radians(lift))
        leaves = sdf.leaves(
            number,
            length,
            0.27,
            base=0.82 + 0.05 * ring,
            lift=lift,
            droop=droop,
            turn=3 * turns[ring],
            bound=(center, 0.62 * length if lift > 60 else length),
        )
        parts.append(Part(leaves, green, 0.2))
    return tuple(lowered(part, 0.6) for part in parts)


def _plum(rng: np.random.Generator) -> Parts:
    clouds = cloud_noise(rng, 2.2)
    color = random_color(rng, (0.27, 0.10, 0.26), (0.20, 0.10, 0.28), (0.40, 0.09, 0.18))
    skin = mix(color, (0.52, 0.46, 0.66), 0.18 + 0.3 * clouds)
    body = sdf.grooved(sdf.dimpled_ball(0.12, rng.uniform(1.15, 1.35)), 0.05)
    return Part(body, skin, 0.3), _stem(rng, 0.85, 0.4)


def _pomegranate(rng: np.random.Generator) -> Parts:
    clouds, dots = cloud_noise(rng, 2.2), dot_noise(rng, 9, 0.25)
    color = random_color(rng, (0.72, 0.13, 0.15), (0.62, 0.10, 0.13), (0.80, 0.28, 0.20))
    skin = mix(color, (0.86, 0.52, 0.33), 0.15 + 0.35 * clouds)
    skin = mix(skin, (0.45, 0.22, 0.12), 0.5 * dots * (clouds > 0))
    skin = mix(skin, (0.78, 0.42, 0.25), (Y - 0.95) * 6)
    tips = sdf.leaves(6, 0.6, 0.42, base=0.9, lift=70, droop=0.4, bound=(1.1, 0.55))
    return (
        Part(sdf.dimpled_ball(0.08, 0.98, lobes=0.05), skin, 0.35),
        Part(sdf.tapered(0.7, 0.38, 1.02, 0.2), skin, 0.2),
        Part(tips, uniform(random_color(rng, (0.74, 0.30, 0.20))), 0.1),
    )


def _strawberry(rng: np.random.Generator) -> Parts:
    color = random_color(rng, (0.82, 0.08, 0.08), (0.72, 0.05, 0.08))
    clouds, (row, column) = cloud_noise(rng, 2.0), lattice(5.2, 15)
    seeds = (1.6 - 8 * norm(row * 0.75, column * 1.3)).clip(0, 1)
    skin = mix(color, (0.93, 0.40, 0.25), (Y - 0.45) * 1.5 + 0.1 * clouds)
    skin = mix(skin, (0.90, 0.66, 0.22), seeds)
    body = sdf.tapered(-0.6, rng.uniform(0.24, 0.36), 0.3, rng.uniform(0.62, 0.74))
    green = uniform(random_color(rng, (0.30, 0.53, 0.16)))
    turns = rng.uniform(0, 1, 2)
    outer = sdf.leaves(
        8, 0.78, 0.36, base=0.86, lift=4, droop=0.32, turn=turns[0], bound=(0.8, 0.85)
    )
    inner = sdf.leaves(5, 0.5, 0.25, base=0.92, lift=35, droop=0.1, turn=turns[1], bound=(1.0, 0.6))
    stem = sdf.stem(0.85, 0.4, 0.05, rng.uniform(-0.5, 0.5))
    return (
        Part(body, skin, 0.55, -0.035 * seeds),
        Part(outer, green, 0.15),
        Part(inner, green, 0.15),
        Part(stem, uniform(STEM_GREEN), 0.1),
    )


def _tomato(rng: np.random.Generator) -> Parts:
    color = random_color(rng, (0.80, 0.12, 0.07), (0.86, 0.24, 0.10))
    clouds, height = cloud_noise(rng, 1.8), rng.uniform(0.95, 1.15)
    skin = mix(color, (0.88, 0.44, 0.14), 0.12 + 0.25 * clouds)
    skin = mix(skin, (0.62, 0.52, 0.16), (0.6 - 2.2 * axis_distance) * (Y > 0))
    body = sdf.dimpled_ball(0.25, height, lobes=rng.uniform(0.0, 0.05))
    green, turn = uniform(random_color(rng, (0.26, 0.46, 0.14))), rng.uniform(0, 1)
    base, bound = 0.76 * height, (0.8 * height, 0.75)
    calyx = sdf.leaves(5, 0.62, 0.18, base=base, lift=14, droop=0.25, turn=turn, bound=bound)
    stem = sdf.stem(0.65, 0.32, 0.06, rng.uniform(-0.8, 0.8))
    return Part(body, skin, 0.85), Part(calyx, green, 0.1), Part(stem, green, 0.1)


def _watermelon(rng: np.random.Generator) -> Parts:
    light = random_color(rng, (0.52, 0.66, 0.30), (0.60, 0.70, 0.38), (0.42, 0.58, 0.24))
    dark = random_color(rng, (0.10, 0.27, 0.10), (0.13, 0.32, 0.12))
    number = int(rng.integers(7, 11))
    ragged, fine, width = cloud_noise(rng, 6.0), cloud_noise(rng, 16.0), rng.uniform(-0.1, 0.5)
    jagged = 0.3 * ragged + 0.18 * fine
    stripe = np.sin(number * longitude + 1.2 * jagged) + 0.7 * jagged + width
    skin = mix(mix(light, dark, 0.12 + 0.12 * fine), dark, 0.5 + 2.2 * stripe)
    body = sdf.ellipsoid(0.85, rng.uniform(0.85, 1.12), 0.85)
    return Part(body, skin, 0.4), _stem(rng, 0.85, 0.35, 0.05)


# Halves --------------------------------------------------------------------------------------

Flesh = Callable[[np.random.Generator, Field], Field]
"""Makes the texture of a cut, given the relative distance of points from the axis: 0 in the middle
of the cut, 1 at the skin."""


def _half(make: PartMaker, flesh: Flesh, rng: np.random.Generator) -> Parts:
    body = make(rng)[0]
    to_skin = np.maximum(-body.distance, 0)
    relative_radius = axis_distance / (axis_distance + to_skin + np.float32(1e-6))
    return (halved(body, flesh(rng, relative_radius)),)


def _citrus_flesh(pulp: Rgb, pith: Rgb, rng: np.random.Generator, radius: Field) -> Field:
    """Segments between thin walls, surrounded by pith."""
    number, turn = int(rng.integers(9, 12)), rng.uniform(0, 6)
    clouds, color = cloud_noise(rng, 9.0), random_color(rng, pulp)
    wall = np.abs(np.sin(longitude * number / 2 + turn)) * radius * 9
    segment = mix(color, pith, 0.12 + 0.12 * clouds)
    segment = mix(pith, segment, np.minimum(wall - 0.5, 12 * (radius - 0.09)))
    return mix(segment, pith, (radius - 0.85) * 25)


def _seeded_flesh(
    middle: Rgb,
    pulp: Rgb,
    rim: Rgb,
    seed: Rgb,
    seed_radius: float,
    seeds: int,
    rng: np.random.Generator,
    radius: Field,
) -> Field:
    """Flesh that changes color from the middle to the rim, with a ring of seeds."""
    clouds, turn = cloud_noise(rng, 4.0), rng.uniform(0, 6)
    flesh = mix(middle, pulp, (radius - 0.55 * seed_radius) * 6 + 0.2 * clouds)
    flesh = mix(flesh, rim, (radius - 0.85) * 9)
    if not seeds:
        return flesh
    ray = (longitude + turn) * seeds / (2 * np.pi)
    across = (ray - np.rint(ray)) * 2 * np.pi * seed_radius / seeds
    along = radius - seed_radius - 0.05 * np.sin(7 * np.rint(ray))
    return mix(flesh, seed, 2.2 - norm(across / 0.022, along / 0.05))


_FLESH: dict[str, Flesh] = {
    "coconut": partial(
        _seeded_flesh,
        (0.70, 0.69, 0.64), (0.96, 0.95, 0.92), (0.40, 0.27, 0.16), BROWN, 0.9, 0,
    ),
    "kiwi": partial(
        _seeded_flesh,
        (0.86, 0.88, 0.62), (0.48, 0.66, 0.16), (0.60, 0.74, 0.28), (0.08, 0.07, 0.05), 0.42, 22,
    ),
    "lemon": partial(_citrus_flesh, (0.93, 0.84, 0.36), (0.97, 0.95, 0.80)),
    "lime": partial(_citrus_flesh, (0.68, 0.78, 0.34), (0.90, 0.94, 0.74)),
    "mandarin": partial(_citrus_flesh, (0.94, 0.52, 0.10), (0.97, 0.82, 0.55)),
    "melon": partial(
        _seeded_flesh,
        (0.93, 0.74, 0.44), (0.95, 0.66, 0.32), (0.66, 0.72, 0.40), (0.95, 0.88, 0.66), 0.3, 12,
    ),
    "orange": partial(_citrus_flesh, (0.96, 0.58, 0.10), (0.98, 0.85, 0.58)),
    "watermelon": partial(
        _seeded_flesh,
        (0.90, 0.34, 0.30), (0.84, 0.20, 0.20), (0.88, 0.92, 0.74), (0.08, 0.05, 0.05), 0.6, 16,
    ),
}  # fmt: skip
"""Flesh of the fruits that are sometimes shown cut in half."""

HALF_PROBABILITY = 0.15
"""Probability that a fruit in `HALVED_FRUITS` is shown cut in half."""

ROUND = ((0.0, 35.0), (35.0, 110.0))
LYING = ((70.0, 105.0),)

FRUIT_MODELS: dict[str, ObjectModel] = {
    "apple": ObjectModel(_apple, 4.0, 1.3, ((0.0, 40.0), (40.0, 100.0))),
    "banana": ObjectModel(_banana, 8.0, 1.25, ((0.0, 12.0), (168.0, 180.0))),
    "blueberry": ObjectModel(_blueberry, 0.9, 1.15, ((0.0, 90.0),)),
    "cherry": ObjectModel(_cherry, 1.3, 2.05, ((20.0, 95.0),)),
    "coconut": ObjectModel(_coconut, 6.0, 1.1, ((20.0, 80.0),)),
    "cucumber": ObjectModel(_cucumber, 9.0, 1.25, LYING),
    "grape": ObjectModel(_grape, 9.0, 1.4, ((80.0, 100.0),)),
    "kiwi": ObjectModel(_kiwi, 3.0, 1.15, LYING),
    "lemon": ObjectModel(_lemon, 3.8, 1.25, LYING),
    "lime": ObjectModel(_lime, 3.0, 1.1, LYING),
    "lychee": ObjectModel(_lychee, 1.7, 1.25, ROUND),
    "mandarin": ObjectModel(_mandarin, 3.2, 1.65, ((0.0, 50.0),)),
    "mango": ObjectModel(_mango, 5.5, 1.2, LYING),
    "melon": ObjectModel(_melon, 8.0, 1.25, ((20.0, 100.0),)),
    "orange": ObjectModel(_orange, 4.0, 1.1, ROUND),
    "peach": ObjectModel(_peach, 4.0, 1.1, ROUND),
    "pear": ObjectModel(_pear, 4.5, 1.5, ((0.0, 12.0), (75.0, 105.0))),
    "pineapple": ObjectModel(_pineapple, 8.0, 1.8, ((60.0, 95.0),)),
    "plum": ObjectModel(_plum, 2.7, 1.35, ROUND),
    "pomegranate": ObjectModel(_pomegranate, 5.0, 1.6, ((10.0, 80.0),)),
    "strawberry": ObjectModel(_strawberry, 2.0, 1.4, ((60.0, 110.0),)),
    "tomato": ObjectModel(_tomato, 3.3, 1.2, ROUND),
    "watermelon": ObjectModel(_watermelon, 12.0, 1.35, LYING),
}
"""Models of all fruits that can be drawn, by their canonical names in alphabetical order."""

HALVED_FRUITS: dict[str, ObjectModel] = {
    fruit: replace(
        FRUIT_MODELS[fruit],
        make=partial(_half, FRUIT_MODELS[fruit].make, flesh),
        tilts=((0.0, 50.0),),
    )
    for fruit, flesh in _FLESH.items()
}
"""Models of halves, cut across. A half counts as one fruit."""


def choose_fruit_model(rng: np.random.Generator, fruit: str) -> ObjectModel:
    """Return the model of a whole fruit or, for some fruits now and then, of a half."""
    if fruit in HALVED_FRUITS and rng.random() < HALF_PROBABILITY:
        return HALVED_FRUITS[fruit]
    return FRUIT_MODELS[fruit]
