"""Each kind of fruit: its silhouette, relief and colors, in the varieties that shops sell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from fruit_caption.rendering.patterns import (
    cloud_noise,
    dot_noise,
    grain_noise,
    lattice,
    streak_noise,
)
from fruit_caption.rendering.solids import (
    BROWN,
    LEAF_GREEN,
    STEM_GREEN,
    Array,
    Field,
    Kind,
    Part,
    Rgb,
    bent,
    bounded,
    crescent,
    dimpled,
    ellipsoid,
    from_axis,
    grooved,
    halved,
    leaves,
    longitude,
    lowered,
    mix,
    nearest_ball,
    norm,
    pick,
    plain,
    rod,
    tapered,
    tipped,
)


def _stem(rng: np.random.Generator, base: float, length: float, radius: float = 0.045) -> Part:
    return Part(rod(base, length, radius, rng.uniform(-0.5, 0.5)), plain(BROWN), 0.1)


def _apple(rng: np.random.Generator) -> tuple[Part, ...]:
    ground, blush, spread = (
        ((0.80, 0.55, 0.22), (0.66, 0.07, 0.09), rng.uniform(0.9, 1.5)),
        ((0.85, 0.72, 0.30), (0.78, 0.20, 0.13), rng.uniform(0.1, 0.8)),
        ((0.53, 0.71, 0.20), (0.62, 0.76, 0.28), 0.2),
        ((0.86, 0.78, 0.33), (0.88, 0.70, 0.30), 0.0),
    )[rng.choice(4, p=(0.45, 0.2, 0.25, 0.1))]
    clouds, streaks, dots = cloud_noise(rng, 2.0), streak_noise(rng, 36), dot_noise(rng, 7, 0.16)
    ground, blush = pick(rng, ground), pick(rng, blush)

    def paint(points: Array) -> Array:
        skin = mix(ground, blush, spread + 0.45 * clouds(points) + 0.22 * streaks(points))
        skin = mix(skin, (0.93, 0.85, 0.62), 0.5 * dots(points))
        near_stem = 1.25 - from_axis(points) / 0.24
        return mix(skin, (0.55, 0.52, 0.22), near_stem * (points[1] > 0) * 0.8)

    body = dimpled(0.4, rng.uniform(1.25, 1.5), rng.uniform(0.05, 0.16), 0.025)
    return Part(body, paint, 0.6), _stem(rng, 0.55, 0.62)


def _banana(rng: np.random.Generator) -> tuple[Part, ...]:
    skin_color = pick(rng, (0.93, 0.77, 0.18), (0.95, 0.80, 0.25), (0.72, 0.74, 0.22))
    clouds, dots = cloud_noise(rng, 4.0), dot_noise(rng, 6, rng.uniform(0.1, 0.4))
    bow, half_angle = rng.uniform(0.85, 1.15), rng.uniform(0.95, 1.15)
    middle = bow * (1 + float(np.cos(half_angle))) / 2

    def paint(points: Array) -> Array:
        share = np.arctan2(points[2], points[0] + middle) / half_angle
        skin = mix(skin_color, (0.80, 0.60, 0.13), 0.25 + 0.25 * clouds(points))
        skin = mix(skin, (0.38, 0.23, 0.08), 0.7 * dots(points))
        skin = mix(skin, (0.62, 0.66, 0.22), (np.abs(share) - 0.72) * 2.2)
        return mix(skin, (0.22, 0.15, 0.08), (np.abs(share + 0.01) - 0.955) * 25)

    return (Part(crescent(bow, half_angle, rng.uniform(0.2, 0.26)), paint, 0.25),)


def _blueberry(rng: np.random.Generator) -> tuple[Part, ...]:
    clouds, color = cloud_noise(rng, 3.0), pick(rng, (0.22, 0.27, 0.44), (0.15, 0.18, 0.36))

    def paint(points: Array) -> Array:
        skin = mix(color, (0.47, 0.54, 0.70), 0.35 + 0.35 * clouds(points))
        return mix(skin, (0.07, 0.07, 0.14), (0.36 - from_axis(points)) * 9 * (points[1] > 0))

    crown = bounded(leaves(5, 0.44, 0.34, 0.75, 32, 0.0, rng.uniform(0, 1)), 0.85, 0.55)
    return (
        Part(dimpled(0.26, rng.uniform(1.0, 1.15)), paint, 0.12),
        Part(crown, plain((0.20, 0.23, 0.38)), 0.05),
    )


def _cherry(rng: np.random.Generator) -> tuple[Part, ...]:
    color = pick(rng, (0.62, 0.05, 0.09), (0.42, 0.03, 0.08), (0.75, 0.12, 0.10))
    clouds = cloud_noise(rng, 2.0)
    body = grooved(dimpled(0.3, 1.3, 0.06), 0.02)
    stem = rod(0.6, rng.uniform(1.5, 1.9), 0.055, rng.uniform(0.15, 0.4))
    skin = Part(body, lambda points: mix(color, (0.3, 0, 0.05), 0.4 * clouds(points)), 0.95)
    return lowered(skin, 0.7), lowered(Part(stem, plain(STEM_GREEN), 0.1), 0.7)


def _coconut(rng: np.random.Generator) -> tuple[Part, ...]:
    clouds, hairs, fuzz = cloud_noise(rng, 3.0), streak_noise(rng, 34), grain_noise(rng, 30)
    shade = rng.uniform(0.85, 1.15)

    def hair(points: Array) -> Array:
        return hairs(points) * 0.012 + fuzz(points) * 0.006

    def paint(points: Array) -> Array:
        husk = mix(
            (0.26, 0.16, 0.09), (0.60, 0.42, 0.25), 0.45 + 0.2 * hairs(points) + 0.2 * fuzz(points)
        )
        husk = mix(husk, (0.42, 0.28, 0.16), 0.3 + 0.5 * clouds(points)) * np.float32(shade)
        angle = longitude(points)
        angle -= 2 * np.pi / 3 * np.rint(angle * (1.5 / np.pi))
        around = from_axis(points)
        eye = norm(around * np.cos(angle) - 0.3, around * np.sin(angle))
        return mix(husk, (0.08, 0.05, 0.03), (0.16 - eye) * 18 * (points[1] > 0))

    return (Part(ellipsoid(0.95, 1.0, 0.95), paint, 0.05, hair),)


def _cucumber(rng: np.random.Generator) -> tuple[Part, ...]:
    skin = pick(rng, (0.20, 0.38, 0.14), (0.14, 0.30, 0.12), (0.26, 0.46, 0.16))
    streaks, warts, clouds = streak_noise(rng, 12), dot_noise(rng, 7, 0.3), cloud_noise(rng, 2.0)

    def paint(points: Array) -> Array:
        coat = mix(skin, (0.45, 0.60, 0.26), 0.22 * streaks(points) + 0.15 * clouds(points))
        coat = mix(coat, (0.55, 0.66, 0.34), 0.35 * warts(points) + 2.5 * (-points[1] - 0.95))
        return mix(coat, (0.58, 0.62, 0.32), (points[1] - 1.08) * 8)

    body = bent(tapered(-0.95, 0.19, 0.95, 0.17), rng.uniform(-0.15, 0.15))
    return (Part(body, paint, 0.35, lambda points: 0.02 * warts(points)),)


def _grape(rng: np.random.Generator) -> tuple[Part, ...]:
    """A whole bunch: berries crowd round the stalk, fewer towards the tip."""
    berry, glow = (
        ((0.66, 0.74, 0.28), (0.82, 0.82, 0.44)),
        ((0.20, 0.10, 0.24), (0.36, 0.26, 0.44)),
        ((0.52, 0.12, 0.16), (0.70, 0.34, 0.28)),
        ((0.16, 0.16, 0.32), (0.42, 0.42, 0.58)),
    )[rng.choice(4, p=(0.4, 0.25, 0.2, 0.15))]
    berry, radius = pick(rng, berry), np.float32(rng.uniform(0.17, 0.21))
    height, angle = rng.uniform(-1, 0.8, 160), rng.uniform(0, 2 * np.pi, 160)
    out = (0.18 + 0.42 * np.sqrt((1 + height) / 1.8)) * rng.uniform(0.4, 1, 160)
    places = np.stack([out * np.cos(angle), height, 0.75 * out * np.sin(angle)]).astype(np.float32)
    close = np.square(places[:, :, None] - places[:, None]).sum(0) < np.square(1.45 * radius)
    kept: list[int] = []
    for number in range(len(height)):
        if not close[number, kept].any():
            kept.append(number)
    middles = places[:, kept]
    shade, clouds = rng.uniform(-0.2, 0.4, len(kept)), cloud_noise(rng, 5.0)

    def paint(points: Array) -> Array:
        return mix(
            berry, glow, 0.25 + shade[nearest_ball(middles, points)[0]] + 0.2 * clouds(points)
        )

    body = Part(lambda points: nearest_ball(middles, points)[1] - radius, paint, 0.55)
    return body, _stem(rng, 0.6, 0.6, 0.05)


def _kiwi(rng: np.random.Generator) -> tuple[Part, ...]:
    clouds, fuzz = cloud_noise(rng, 3.0), grain_noise(rng, 34.0)
    color = pick(rng, (0.47, 0.36, 0.18), (0.42, 0.33, 0.16))

    def paint(points: Array) -> Array:
        skin = mix(color, (0.58, 0.47, 0.24), 0.3 + 0.3 * clouds(points) + 0.25 * fuzz(points))
        skin = mix(skin, (0.45, 0.46, 0.20), 0.35 * clouds(points[::-1] * 0.8))
        return mix(skin, (0.16, 0.11, 0.06), (0.19 - from_axis(points)) * 12)

    body = tipped(ellipsoid(0.78, 1.0, 0.74), 0.96, 0.09, 0.15)
    return (Part(body, paint, 0.06, lambda points: 0.004 * fuzz(points)),)


def _citrus(
    rng: np.random.Generator, body: Field, color: Rgb, shade: Rgb, pores: float
) -> tuple[Part, ...]:
    """Waxy skin with pores, and the button where the stem was."""
    clouds, pits = cloud_noise(rng, 1.5), dot_noise(rng, 13, 0.36)

    def paint(points: Array) -> Array:
        skin = mix(color, shade, 0.3 + 0.35 * clouds(points) + 0.16 * pits(points))
        return mix(skin, shade, 0.7 - from_axis(points) * 2.5)

    button = ellipsoid(0.11, 0.05, 0.11)
    top = np.array([[0.0], [_pole(body)], [0.0]], np.float32)
    return (
        Part(body, paint, 0.4, lambda points: -pores * pits(points)),
        Part(lambda points: button(points - top), plain((0.40, 0.46, 0.20)), 0.05),
    )


def _pole(body: Field) -> float:
    """Height at which the body's skin meets the stem axis."""
    heights = np.linspace(0, 1.5, 301, dtype=np.float32)
    nothing = np.zeros_like(heights)
    return float(heights[body(np.stack([nothing, heights, nothing])) < 0][-1])


def _lemon(rng: np.random.Generator) -> tuple[Part, ...]:
    body = tipped(ellipsoid(0.74, 0.95, 0.74), 0.98, 0.1, rng.uniform(0.3, 0.4))
    return _citrus(rng, body, pick(rng, (0.96, 0.84, 0.20)), (0.86, 0.72, 0.10), 0.005)


def _lime(rng: np.random.Generator) -> tuple[Part, ...]:
    body = tipped(ellipsoid(0.8, 0.92, 0.8), 0.93, 0.05, 0.22)
    color = pick(rng, (0.38, 0.58, 0.14), (0.28, 0.48, 0.12), (0.50, 0.65, 0.20))
    return _citrus(rng, body, color, (0.24, 0.40, 0.08), 0.004)


def _orange(rng: np.random.Generator) -> tuple[Part, ...]:
    body = dimpled(0.1, rng.uniform(1.0, 1.08))
    return _citrus(rng, body, pick(rng, (0.97, 0.58, 0.10)), (0.90, 0.44, 0.04), 0.005)


def _mandarin(rng: np.random.Generator) -> tuple[Part, ...]:
    body = dimpled(0.32, rng.uniform(1.05, 1.15), 0.04, 0.03)
    parts = _citrus(rng, body, pick(rng, (0.95, 0.47, 0.07)), (0.84, 0.32, 0.03), 0.004)
    leaf = bounded(
        leaves(1, rng.uniform(1.0, 1.3), 0.5, 0.68, rng.uniform(5, 25), 0.12, 0.0), 0.7, 1.35
    )
    return *parts, _stem(rng, 0.6, 0.25), Part(leaf, plain(pick(rng, LEAF_GREEN)), 0.3)


def _lychee(rng: np.random.Generator) -> tuple[Part, ...]:
    cells, clouds = lattice(5.5, 16), cloud_noise(rng, 2.5)
    color = pick(rng, (0.70, 0.20, 0.22), (0.78, 0.32, 0.30), (0.56, 0.22, 0.20))

    def bump(points: Array) -> Array:
        row, column = cells(points)
        height: Array = np.clip(1.1 - 2.2 * norm(row, column), 0, 1)
        return height

    def paint(points: Array) -> Array:
        skin = mix((0.42, 0.12, 0.14), color, 0.3 + 1.2 * bump(points))
        return mix(skin, (0.80, 0.60, 0.38), 0.25 + 0.45 * clouds(points))

    body = ellipsoid(0.92, 1.0, 0.92)
    return Part(body, paint, 0.15, lambda at: 0.06 * bump(at)), _stem(rng, 0.95, 0.25, 0.06)


def _mango(rng: np.random.Generator) -> tuple[Part, ...]:
    ground = pick(rng, (0.93, 0.70, 0.20), (0.62, 0.65, 0.22), (0.90, 0.62, 0.16))
    blush, clouds, dots = (
        pick(rng, (0.80, 0.26, 0.16)),
        cloud_noise(rng, 1.6),
        dot_noise(rng, 8, 0.15),
    )
    strength = rng.uniform(-0.3, 0.5)

    def paint(points: Array) -> Array:
        skin = mix(ground, (0.42, 0.56, 0.20), 0.35 * clouds(points) - 0.5 * points[1])
        skin = mix(skin, blush, strength + 0.8 * points[1] + 0.35 * clouds(points[::-1]))
        return mix(skin, (0.96, 0.88, 0.55), 0.45 * dots(points))

    body = bent(ellipsoid(0.68, 0.98, 0.6), 0.18)
    return Part(body, paint, 0.4), _stem(rng, 0.9, 0.14, 0.05)


def _melon(rng: np.random.Generator) -> tuple[Part, ...]:
    clouds, netting = cloud_noise(rng, 1.5), [cloud_noise(rng, 8.0) for _ in range(3)]
    ground = pick(rng, (0.66, 0.60, 0.33), (0.72, 0.62, 0.32), (0.52, 0.58, 0.30))

    def net(points: Array) -> Array:
        """One on the corky threads: where any noise crosses zero."""
        thread = np.min([np.abs(noise(points)) for noise in netting], axis=0)
        share: Array = np.clip(1.2 - 6 * thread, 0, 1)
        return share

    def relief(points: Array) -> Array:
        grooves = np.exp(-6 * np.abs(np.sin(5 * longitude(points))))
        height: Array = 0.01 * net(points) - 0.05 * grooves
        return height

    def paint(points: Array) -> Array:
        rib = np.abs(np.sin(5 * longitude(points)))
        skin = mix(ground, (0.42, 0.50, 0.24), 1 - 3 * rib + 0.2 * clouds(points))
        return mix(skin, (0.87, 0.81, 0.62), 0.75 * net(points) * np.clip(rib * 4, 0.2, 1))

    body = ellipsoid(0.95, rng.uniform(0.93, 1.1), 0.95)
    return Part(body, paint, 0.08, relief), _stem(rng, 0.95, 0.12, 0.09)


def _peach(rng: np.random.Generator) -> tuple[Part, ...]:
    clouds, fuzz = cloud_noise(rng, 1.7), grain_noise(rng, 40.0)
    ground = pick(rng, (0.96, 0.72, 0.38), (0.97, 0.78, 0.50))
    blush, spread = pick(rng, (0.80, 0.24, 0.20), (0.86, 0.38, 0.26)), rng.uniform(0.2, 0.7)

    def paint(points: Array) -> Array:
        skin = mix(ground, blush, spread + 0.6 * clouds(points) + 0.12 * fuzz(points))
        return mix(skin, (0.75, 0.55, 0.25), 0.9 - from_axis(points) * 4)

    return (Part(grooved(dimpled(0.22, 1.2), 0.09), paint, 0.06),)


def _pear(rng: np.random.Generator) -> tuple[Part, ...]:
    ground = pick(rng, (0.72, 0.74, 0.27), (0.82, 0.76, 0.32), (0.62, 0.66, 0.24))
    blush = pick(rng, (0.78, 0.42, 0.20), (0.60, 0.44, 0.20), (0.70, 0.72, 0.25))
    clouds, dots, spread = cloud_noise(rng, 1.8), dot_noise(rng, 10, 0.22), rng.uniform(-0.3, 0.3)

    def paint(points: Array) -> Array:
        skin = mix(ground, blush, spread + 0.5 * clouds(points) + 0.4 * points[0])
        return mix(skin, (0.48, 0.36, 0.14), 0.5 * dots(points) + (points[1] - 0.95) * 2)

    body = tapered(-0.4, 0.72, rng.uniform(0.62, 0.75), rng.uniform(0.28, 0.34), 1.0)
    return Part(body, paint, 0.25), _stem(rng, 0.95, 0.4, 0.05)


def _pineapple(rng: np.random.Generator) -> tuple[Part, ...]:
    ground = pick(rng, (0.80, 0.55, 0.16), (0.72, 0.56, 0.20), (0.60, 0.52, 0.22))
    cells, clouds = lattice(5.2, 11), cloud_noise(rng, 2.0)

    def scale(points: Array) -> Array:
        row, column = cells(points)
        height: Array = np.clip(1.15 - 2.1 * norm(row, column), 0, 1)
        return height

    def paint(points: Array) -> Array:
        row, column = cells(points)
        skin = mix((0.34, 0.22, 0.08), ground, 2.2 * scale(points) + 0.2 * clouds(points))
        skin = mix(skin, (0.50, 0.54, 0.22), 0.4 * clouds(points) + 0.3 * points[1])
        return mix(skin, (0.30, 0.17, 0.08), 1.3 - 8 * norm(row, column))

    turn = rng.uniform(0, 1, 4)
    rings = ((9, 0.75, 22, 0.25), (8, 0.95, 45, 0.2), (6, 1.15, 64, 0.12), (4, 1.3, 80, 0.05))
    crown = [
        Part(
            bounded(
                leaves(number, length, 0.27, 0.82 + 0.05 * ring, lift, droop, 3 * turn[ring]),
                0.82 + 0.5 * length * np.sin(np.radians(lift)),
                0.62 * length if lift > 60 else length,
            ),
            lambda points: mix(
                LEAF_GREEN, (0.55, 0.65, 0.38), (points[1] - 0.7) * 0.6 + 0.3 * clouds(points)
            ),
            0.2,
        )
        for ring, (number, length, lift, droop) in enumerate(rings)
    ]
    body = Part(ellipsoid(0.66, 1.0, 0.66), paint, 0.15, lambda points: 0.07 * scale(points))
    return tuple(lowered(part, 0.6) for part in (body, *crown))


def _plum(rng: np.random.Generator) -> tuple[Part, ...]:
    clouds = cloud_noise(rng, 2.2)
    color = pick(rng, (0.27, 0.10, 0.26), (0.20, 0.10, 0.28), (0.40, 0.09, 0.18))

    def paint(points: Array) -> Array:
        bloom = 0.18 + 0.3 * clouds(points)
        return mix(color, (0.52, 0.46, 0.66), bloom)

    body = grooved(dimpled(0.12, rng.uniform(1.15, 1.35)), 0.05)
    return Part(body, paint, 0.3), _stem(rng, 0.85, 0.4)


def _pomegranate(rng: np.random.Generator) -> tuple[Part, ...]:
    clouds, dots = cloud_noise(rng, 2.2), dot_noise(rng, 9, 0.25)
    color = pick(rng, (0.72, 0.13, 0.15), (0.62, 0.10, 0.13), (0.80, 0.28, 0.20))

    def paint(points: Array) -> Array:
        skin = mix(color, (0.86, 0.52, 0.33), 0.15 + 0.35 * clouds(points))
        skin = mix(skin, (0.45, 0.22, 0.12), 0.5 * dots(points) * (clouds(points) > 0))
        return mix(skin, (0.78, 0.42, 0.25), (points[1] - 0.95) * 6)

    body = dimpled(0.08, 0.98, 0.0, 0.05)
    rind = plain(pick(rng, (0.74, 0.30, 0.20)))
    tips = bounded(leaves(6, 0.6, 0.42, 0.9, 70, 0.4, 0.0), 1.1, 0.55)
    return (
        Part(body, paint, 0.35),
        Part(tapered(0.7, 0.38, 1.02, 0.2), paint, 0.2),
        Part(tips, rind, 0.1),
    )


def _strawberry(rng: np.random.Generator) -> tuple[Part, ...]:
    color, clouds = pick(rng, (0.82, 0.08, 0.08), (0.72, 0.05, 0.08)), cloud_noise(rng, 2.0)
    cells = lattice(5.2, 15)

    def seed(points: Array) -> Array:
        row, column = cells(points)
        share: Array = np.clip(1.6 - 8 * norm(row * 0.75, column * 1.3), 0, 1)
        return share

    def paint(points: Array) -> Array:
        skin = mix(color, (0.93, 0.40, 0.25), (points[1] - 0.45) * 1.5 + 0.1 * clouds(points))
        return mix(skin, (0.90, 0.66, 0.22), seed(points))

    body = tapered(-0.6, rng.uniform(0.24, 0.36), 0.3, rng.uniform(0.62, 0.74))
    green = pick(rng, (0.30, 0.53, 0.16))
    outer = bounded(leaves(8, 0.78, 0.36, 0.86, 4, 0.32, rng.uniform(0, 1)), 0.8, 0.85)
    inner = bounded(leaves(5, 0.5, 0.25, 0.92, 35, 0.1, rng.uniform(0, 1)), 1.0, 0.6)
    return (
        Part(body, paint, 0.55, lambda points: -0.035 * seed(points)),
        Part(outer, plain(green), 0.15),
        Part(inner, plain(green), 0.15),
        Part(rod(0.85, 0.4, 0.05, rng.uniform(-0.5, 0.5)), plain(STEM_GREEN), 0.1),
    )


def _tomato(rng: np.random.Generator) -> tuple[Part, ...]:
    color, clouds = pick(rng, (0.80, 0.12, 0.07), (0.86, 0.24, 0.10)), cloud_noise(rng, 1.8)

    def paint(points: Array) -> Array:
        skin = mix(color, (0.88, 0.44, 0.14), 0.12 + 0.25 * clouds(points))
        return mix(skin, (0.62, 0.52, 0.16), (0.6 - 2.2 * from_axis(points)) * (points[1] > 0))

    height = rng.uniform(0.95, 1.15)
    body = dimpled(0.25, height, 0.0, rng.uniform(0.0, 0.05))
    green = plain(pick(rng, (0.26, 0.46, 0.14)))
    calyx = bounded(
        leaves(5, 0.62, 0.18, 0.76 * height, 14, 0.25, rng.uniform(0, 1)), 0.8 * height, 0.75
    )
    return (
        Part(body, paint, 0.85),
        Part(calyx, green, 0.1),
        Part(rod(0.65, 0.32, 0.06, rng.uniform(-0.8, 0.8)), green, 0.1),
    )


def _watermelon(rng: np.random.Generator) -> tuple[Part, ...]:
    light = pick(rng, (0.52, 0.66, 0.30), (0.60, 0.70, 0.38), (0.42, 0.58, 0.24))
    dark, number = pick(rng, (0.10, 0.27, 0.10), (0.13, 0.32, 0.12)), int(rng.integers(7, 11))
    ragged, fine, width = cloud_noise(rng, 6.0), cloud_noise(rng, 16.0), rng.uniform(-0.1, 0.5)

    def paint(points: Array) -> Array:
        jagged = 0.3 * ragged(points) + 0.18 * fine(points)
        stripe = np.sin(number * longitude(points) + 1.2 * jagged) + 0.7 * jagged + width
        return mix(mix(light, dark, 0.12 + 0.12 * fine(points)), dark, 0.5 + 2.2 * stripe)

    body = ellipsoid(0.85, rng.uniform(0.85, 1.12), 0.85)
    return Part(body, paint, 0.4), _stem(rng, 0.85, 0.35, 0.05)


# Halves --------------------------------------------------------------------------------------

Maker = Callable[[np.random.Generator], tuple[Part, ...]]
Flesh = Callable[[np.random.Generator, Field], Field]
"""Draws the colors of a cut by chance, given how far out on it a point is."""


def _share_of(body: Field) -> Field:
    """How far out on the cut a point is: 0 at the axis, 1 at the skin."""

    def share(points: Array) -> Array:
        around = from_axis(points)
        rind = np.maximum(-body(points), 0)
        return around / (around + rind + np.float32(1e-6))

    return share


def _half(make: Maker, flesh: Flesh, rng: np.random.Generator) -> tuple[Part, ...]:
    whole = make(rng)[0]
    return (halved(whole, flesh(rng, _share_of(whole.distance))),)


def _citrus_flesh(pulp: Rgb, pith: Rgb) -> Flesh:
    """Segments between thin walls, in a rim of pith."""

    def flesh(rng: np.random.Generator, out: Field) -> Field:
        number, turn = int(rng.integers(9, 12)), rng.uniform(0, 6)
        clouds, color = cloud_noise(rng, 9.0), pick(rng, pulp)

        def paint(points: Array) -> Array:
            share, angle = out(points), longitude(points) * number / 2 + turn
            wall = np.abs(np.sin(angle)) * share * 9
            cell = mix(color, pith, 0.12 + 0.12 * clouds(points))
            cell = mix(pith, cell, np.minimum(wall - 0.5, 12 * (share - 0.09)))
            return mix(cell, pith, (share - 0.85) * 25)

        return paint

    return flesh


def _seeded_flesh(middle: Rgb, pulp: Rgb, rim: Rgb, seed: Rgb, place: float, number: int) -> Flesh:
    """Flesh that changes from the middle to the rim, with seeds in a ring at `place` (0 to 1)."""

    def flesh(rng: np.random.Generator, out: Field) -> Field:
        clouds, turn = cloud_noise(rng, 4.0), rng.uniform(0, 6)

        def paint(points: Array) -> Array:
            share, angle = out(points), longitude(points) + turn
            skin = mix(middle, pulp, (share - 0.55 * place) * 6 + 0.2 * clouds(points))
            skin = mix(skin, rim, (share - 0.85) * 9)
            if not number:
                return skin
            ray = angle * number / (2 * np.pi)
            across = (ray - np.rint(ray)) * 2 * np.pi * place / number
            along = share - place - 0.05 * np.sin(7 * np.rint(ray))
            return mix(skin, seed, 2.2 - norm(across / 0.022, along / 0.05))

        return paint

    return flesh


HALF_SHARE = 0.15
"""How many of the fruits that people cut are shown cut."""

_CUTS: dict[str, Flesh] = {
    "coconut": _seeded_flesh(
        (0.70, 0.69, 0.64), (0.96, 0.95, 0.92), (0.40, 0.27, 0.16), BROWN, 0.9, 0
    ),
    "kiwi": _seeded_flesh(
        (0.86, 0.88, 0.62), (0.48, 0.66, 0.16), (0.60, 0.74, 0.28), (0.08, 0.07, 0.05), 0.42, 22
    ),
    "lemon": _citrus_flesh((0.93, 0.84, 0.36), (0.97, 0.95, 0.80)),
    "lime": _citrus_flesh((0.68, 0.78, 0.34), (0.90, 0.94, 0.74)),
    "mandarin": _citrus_flesh((0.94, 0.52, 0.10), (0.97, 0.82, 0.55)),
    "melon": _seeded_flesh(
        (0.93, 0.74, 0.44), (0.95, 0.66, 0.32), (0.66, 0.72, 0.40), (0.95, 0.88, 0.66), 0.3, 12
    ),
    "orange": _citrus_flesh((0.96, 0.58, 0.10), (0.98, 0.85, 0.58)),
    "watermelon": _seeded_flesh(
        (0.90, 0.34, 0.30), (0.84, 0.20, 0.20), (0.88, 0.92, 0.74), (0.08, 0.05, 0.05), 0.6, 16
    ),
}
"""What the kinds that people cut look like inside."""

ROUND = ((0.0, 35.0), (35.0, 110.0))
LYING = ((70.0, 105.0),)

KINDS: dict[str, Kind] = {
    "apple": Kind(_apple, 4.0, 1.3, ((0.0, 40.0), (40.0, 100.0))),
    "banana": Kind(_banana, 8.0, 1.25, ((0.0, 12.0), (168.0, 180.0))),
    "blueberry": Kind(_blueberry, 0.9, 1.15, ((0.0, 90.0),)),
    "cherry": Kind(_cherry, 1.3, 2.05, ((20.0, 95.0),)),
    "coconut": Kind(_coconut, 6.0, 1.1, ((20.0, 80.0),)),
    "cucumber": Kind(_cucumber, 9.0, 1.25, LYING),
    "grape": Kind(_grape, 9.0, 1.4, ((80.0, 100.0),)),
    "kiwi": Kind(_kiwi, 3.0, 1.15, LYING),
    "lemon": Kind(_lemon, 3.8, 1.25, LYING),
    "lime": Kind(_lime, 3.0, 1.1, LYING),
    "lychee": Kind(_lychee, 1.7, 1.25, ROUND),
    "mandarin": Kind(_mandarin, 3.2, 1.65, ((0.0, 50.0),)),
    "mango": Kind(_mango, 5.5, 1.2, LYING),
    "melon": Kind(_melon, 8.0, 1.25, ((20.0, 100.0),)),
    "orange": Kind(_orange, 4.0, 1.1, ROUND),
    "peach": Kind(_peach, 4.0, 1.1, ROUND),
    "pear": Kind(_pear, 4.5, 1.5, ((0.0, 12.0), (75.0, 105.0))),
    "pineapple": Kind(_pineapple, 8.0, 1.8, ((60.0, 95.0),)),
    "plum": Kind(_plum, 2.7, 1.35, ROUND),
    "pomegranate": Kind(_pomegranate, 5.0, 1.6, ((10.0, 80.0),)),
    "strawberry": Kind(_strawberry, 2.0, 1.4, ((60.0, 110.0),)),
    "tomato": Kind(_tomato, 3.3, 1.2, ROUND),
    "watermelon": Kind(_watermelon, 12.0, 1.35, LYING),
}
"""The kinds that can be drawn, by their canonical names."""

HALVES: dict[str, Kind] = {
    fruit: replace(
        KINDS[fruit],
        make=partial(_half, KINDS[fruit].make, flesh),
        tilts=((0.0, 50.0),),
    )
    for fruit, flesh in _CUTS.items()
}
"""The kinds that people cut, cut across. A half counts as a piece."""


def draw_kind(rng: np.random.Generator, fruit: str) -> Kind:
    """A kind by its name: whole, or now and then a half of those that people cut."""
    if fruit in HALVES and rng.random() < HALF_SHARE:
        return HALVES[fruit]
    return KINDS[fruit]
