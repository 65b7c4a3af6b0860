"""What lies among fruit in a kitchen or on a desk and is none: look-alikes and clutter."""

from __future__ import annotations

import numpy as np

from fruit_caption.rendering.patterns import cloud_noise, grain_noise, streak_noise
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
    dimpled,
    drum,
    ellipsoid,
    from_axis,
    hollowed,
    mix,
    norm,
    pick,
    plain,
    ring,
    rod,
    shifted,
    slab,
    tapered,
)

BRIGHT: tuple[Rgb, ...] = (
    (0.82, 0.16, 0.16),
    (0.18, 0.36, 0.72),
    (0.93, 0.78, 0.20),
    (0.22, 0.56, 0.32),
    (0.90, 0.48, 0.14),
    (0.60, 0.28, 0.60),
    (0.90, 0.90, 0.88),
)
MUTED: tuple[Rgb, ...] = (
    (0.88, 0.87, 0.83),
    (0.20, 0.21, 0.24),
    (0.36, 0.46, 0.58),
    (0.66, 0.33, 0.28),
    (0.72, 0.62, 0.48),
    (0.45, 0.56, 0.48),
)
STEEL: Rgb = (0.72, 0.73, 0.75)


def _ball(rng: np.random.Generator) -> tuple[Part, ...]:
    """A tennis ball, a basketball, a beach ball or a plain one."""
    sphere = ellipsoid(1, 1, 1)
    form = rng.integers(4)
    first, second = pick(rng, *BRIGHT), pick(rng, *BRIGHT)
    fuzz = grain_noise(rng, 36.0)

    def tennis(points: Array) -> Array:
        felt = mix((0.74, 0.82, 0.22), (0.62, 0.72, 0.18), 0.5 + 0.4 * fuzz(points))
        seam = np.abs(points[1] - 0.9 * (np.square(points[0]) - np.square(points[2])))
        return mix(felt, (0.93, 0.93, 0.88), 2 - 20 * seam)

    def basket(points: Array) -> Array:
        leather = mix((0.78, 0.38, 0.14), (0.66, 0.29, 0.10), 0.5 + 0.3 * fuzz(points))
        arcs = np.abs(np.abs(points[0]) - 0.55 - 0.3 * np.square(points[1]))
        lines = np.minimum(np.minimum(np.abs(points[1]), np.abs(points[2])), arcs)
        return mix(leather, (0.08, 0.06, 0.05), 2 - 40 * lines)

    def beach(points: Array) -> Array:
        return mix(first, second, 0.5 + 9 * np.sin(3 * np.arctan2(points[2], points[0])))

    paints: tuple[Field, ...] = (tennis, basket, beach, plain(first))
    return (Part(sphere, paints[form], (0.03, 0.15, 0.7, 0.6)[form]),)


def _egg(rng: np.random.Generator) -> tuple[Part, ...]:
    shell = pick(rng, (0.93, 0.90, 0.84), (0.82, 0.62, 0.46), (0.88, 0.74, 0.60))
    grain = grain_noise(rng, 30.0)
    smooth = ellipsoid(0.74, 1.0, 0.74)

    def body(points: Array) -> Array:
        narrowed = points.copy()
        narrowed[::2] *= 1 + 0.16 * np.clip(points[1], -1, 1)
        return smooth(narrowed) * 0.9

    return (Part(body, lambda points: mix(shell, (0.7, 0.5, 0.36), 0.06 * grain(points)), 0.12),)


def _potato(rng: np.random.Generator) -> tuple[Part, ...]:
    clouds, spots = cloud_noise(rng, 3.0), cloud_noise(rng, 9.0)
    skin = pick(rng, (0.78, 0.64, 0.40), (0.70, 0.54, 0.34), (0.72, 0.42, 0.36))

    def paint(points: Array) -> Array:
        return mix(skin, (0.46, 0.34, 0.2), 0.3 * clouds(points) + 0.5 * (spots(points) - 0.5))

    smooth = bent(ellipsoid(0.66, 0.95, 0.58), rng.uniform(0, 0.15))
    return (Part(lambda points: smooth(points) + 0.03 * clouds(points), paint, 0.1),)


def _onion(rng: np.random.Generator) -> tuple[Part, ...]:
    skin = pick(rng, (0.78, 0.50, 0.22), (0.52, 0.16, 0.30), (0.92, 0.89, 0.80))
    streaks = streak_noise(rng, 20)
    body = tapered(0.0, 0.85, 0.95, 0.1, 1.0)
    return (Part(body, lambda at: mix(skin, (0.5, 0.3, 0.14), 0.3 * streaks(at)), 0.5),)


def _carrot(rng: np.random.Generator) -> tuple[Part, ...]:
    body = tapered(-1.0, 0.05, 0.7, 0.24)
    rings = cloud_noise(rng, 4.0)

    def paint(points: Array) -> Array:
        line = np.sin(24 * points[1] + 3 * rings(points))
        return mix((0.90, 0.46, 0.12), (0.72, 0.32, 0.06), 0.15 + 0.5 * (line - 0.6))

    return Part(body, paint, 0.15), Part(rod(0.9, 0.4, 0.09, 0.3), plain(LEAF_GREEN), 0.1)


def _pepper(rng: np.random.Generator) -> tuple[Part, ...]:
    skin = pick(rng, (0.78, 0.08, 0.08), (0.92, 0.70, 0.10), (0.24, 0.48, 0.14))
    body = dimpled(0.32, 1.5, 0.18, 0.1)
    return Part(body, plain(skin), 0.9), Part(rod(0.6, 0.6, 0.1, 0.3), plain(STEM_GREEN), 0.2)


def _cup(rng: np.random.Generator) -> tuple[Part, ...]:
    glaze, inside = pick(rng, *BRIGHT, *MUTED), pick(rng, (0.92, 0.91, 0.88), (0.24, 0.13, 0.07))
    tall = rng.uniform(0.65, 0.95)
    # Nearly full: rays that have to go down a deep cup get lost.
    wall = hollowed(drum(0.75, tall, 0.05), shifted(drum(0.66, tall, 0.05), 0, 2 * tall - 0.18, 0))

    def paint(points: Array) -> Array:
        return mix(glaze, inside, (0.70 - from_axis(points)) * 40)

    return Part(wall, paint, 0.6), Part(ring(0.98, 0.29, 0.09), plain(glaze), 0.6)


def _jar(rng: np.random.Generator) -> tuple[Part, ...]:
    content, lid = pick(rng, *BRIGHT, (0.45, 0.14, 0.08)), pick(rng, *BRIGHT, *MUTED, STEEL)
    label = pick(rng, (0.93, 0.92, 0.86), *BRIGHT)

    def paint(points: Array) -> Array:
        return mix(content, label, (0.38 - np.abs(points[1] + 0.1)) * 40)

    return (
        Part(drum(0.6, 0.85, 0.15), paint, 0.8),
        Part(shifted(drum(0.52, 0.14, 0.04), 0, 0.95, 0), plain(lid), 0.5),
    )


def _bottle(rng: np.random.Generator) -> tuple[Part, ...]:
    glass, label = pick(rng, (0.10, 0.22, 0.10), (0.30, 0.16, 0.06), *BRIGHT), pick(rng, *MUTED)

    def paint(points: Array) -> Array:
        return mix(glass, label, (0.3 - np.abs(points[1] + 0.5)) * 40)

    return (
        Part(drum(0.36, 0.8, 0.1), paint, 0.9),
        Part(shifted(tapered(0, 0.34, 0.45, 0.13), 0, 0.45, 0), plain(glass), 0.9),
        Part(shifted(drum(0.13, 0.35, 0.03), 0, 1.15, 0), plain(label), 0.6),
    )


def _box(rng: np.random.Generator) -> tuple[Part, ...]:
    width, height, depth = (float(side) for side in rng.uniform(0.35, 0.7, 3))
    card, print_ = pick(rng, *BRIGHT, *MUTED), pick(rng, *BRIGHT, *MUTED)

    def paint(points: Array) -> Array:
        stripe = np.abs(points[1] - 0.1 * height) < 0.3 * height
        return mix(card, print_, stripe.astype(np.float32))

    return (Part(slab(width, height, depth, 0.02), paint, 0.15),)


def _book(rng: np.random.Generator) -> tuple[Part, ...]:
    """Lies flat: thin along its axis, pages on three sides."""
    cover, title = pick(rng, *BRIGHT, *MUTED), pick(rng, *BRIGHT, *MUTED)
    thick = rng.uniform(0.06, 0.16)

    def paint(points: Array) -> Array:
        label = (np.abs(points[0] + 0.2) < 0.12) & (np.abs(points[2]) < 0.4)
        skin = mix(cover, title, label.astype(np.float32))
        page = (np.abs(points[1]) < thick - 0.03) & (points[2] > -0.7)
        return mix(skin, (0.9, 0.88, 0.8), page.astype(np.float32))

    return (Part(slab(0.95, thick, 0.72, 0.01), paint, 0.25),)


def _keyboard(rng: np.random.Generator) -> tuple[Part, ...]:
    case, key = (
        ((0.10, 0.10, 0.11), (0.17, 0.17, 0.18)),
        ((0.22, 0.22, 0.24), (0.10, 0.10, 0.11)),
        ((0.74, 0.74, 0.75), (0.92, 0.92, 0.92)),
    )[rng.choice(3, p=(0.5, 0.3, 0.2))]

    def paint(points: Array) -> Array:
        column, row = points[0] * 7.0, points[2] * 7.0
        inside = np.maximum(np.abs(column - np.rint(column)), np.abs(row - np.rint(row))) < 0.38
        return mix(case, key, (inside & (points[1] > 0.02)).astype(np.float32))

    return (Part(slab(1.25, 0.04, 0.5, 0.02), paint, 0.15),)


def _phone(rng: np.random.Generator) -> tuple[Part, ...]:
    case = pick(rng, *MUTED)

    def paint(points: Array) -> Array:
        screen = (np.abs(points[0]) < 0.46) & (np.abs(points[2]) < 0.86) & (points[1] > 0)
        return mix(case, (0.04, 0.04, 0.05), screen.astype(np.float32))

    return (Part(slab(0.5, 0.05, 0.98, 0.04), paint, 0.7),)


def _knife(rng: np.random.Generator) -> tuple[Part, ...]:
    grip = pick(rng, BROWN, (0.10, 0.10, 0.11), *BRIGHT)
    blade, handle = ellipsoid(0.85, 0.04, 0.13), slab(0.5, 0.06, 0.09, 0.04)
    return (
        Part(shifted(handle, -0.75, 0, 0), plain(grip), 0.3),
        Part(shifted(blade, 0.5, 0, 0), plain(STEEL), 0.9),
    )


def _spoon(rng: np.random.Generator) -> tuple[Part, ...]:
    metal = pick(rng, STEEL, STEEL, (0.62, 0.44, 0.26))
    return (
        Part(shifted(slab(0.75, 0.03, 0.06, 0.03), -0.4, 0, 0), plain(metal), 0.8),
        Part(shifted(ellipsoid(0.36, 0.06, 0.25), 0.68, 0, 0), plain(metal), 0.9),
    )


def _leaf(rng: np.random.Generator) -> tuple[Part, ...]:
    green = pick(rng, LEAF_GREEN, (0.20, 0.40, 0.16), (0.38, 0.55, 0.22))

    def blade(points: Array) -> Array:
        waist = 0.42 * (1 - np.square(np.clip(points[0], -1, 1)))
        flat = np.abs(points[1] - 0.12 * np.square(points[0])) - 0.04
        skin: Array = np.maximum(flat, (np.abs(points[2]) - waist) * 0.7) * 0.8
        return np.maximum(skin, np.abs(points[0]) - 1)

    def paint(points: Array) -> Array:
        veins = np.abs(np.sin(14 * (points[0] - np.abs(points[2])))) * 9
        vein = np.clip(1.5 - np.minimum(np.abs(points[2]) * 45, veins), 0, 1)
        return mix(green, (0.56, 0.68, 0.36), 0.7 * vein)

    return (Part(blade, paint, 0.3),)


def _coin(rng: np.random.Generator) -> tuple[Part, ...]:
    metal = pick(rng, STEEL, (0.72, 0.58, 0.34), (0.62, 0.40, 0.26))

    def paint(points: Array) -> Array:
        around = from_axis(points)
        face = np.abs(norm(points[0] * 1.4, points[2]) - 0.45) < 0.09
        return mix(metal, (0.36, 0.33, 0.30), 0.5 * ((np.abs(around - 0.88) < 0.05) | face))

    return (Part(drum(1.0, 0.07, 0.02), paint, 0.6),)


FLAT = ((0.0, 0.0),)

LOOK_ALIKES: dict[str, Kind] = {
    "ball": Kind(_ball, 3.5, 1.05, ((0.0, 180.0),)),
    "egg": Kind(_egg, 3.5, 1.1, ((75.0, 100.0),)),
    "onion": Kind(_onion, 4.0, 1.15, ((0.0, 100.0),)),
    "pepper": Kind(_pepper, 4.5, 1.6, ((0.0, 100.0),)),
    "potato": Kind(_potato, 4.5, 1.2, ((75.0, 105.0),)),
}
"""Round things of a fruit's size and colors."""

CLUTTER: dict[str, Kind] = {
    "book": Kind(_book, 12.0, 1.25, FLAT),
    "bottle": Kind(_bottle, 12.0, 1.6, ((0.0, 0.0), (90.0, 90.0))),
    "box": Kind(_box, 9.0, 1.2, FLAT),
    "carrot": Kind(_carrot, 8.0, 1.4, ((90.0, 90.0),)),
    "coin": Kind(_coin, 1.2, 1.05, FLAT),
    "cup": Kind(_cup, 5.0, 1.4, FLAT),
    "jar": Kind(_jar, 6.0, 1.25, FLAT),
    "keyboard": Kind(_keyboard, 14.0, 1.4, FLAT),
    "knife": Kind(_knife, 9.0, 1.35, FLAT),
    "leaf": Kind(_leaf, 5.0, 1.1, FLAT),
    "phone": Kind(_phone, 7.5, 1.15, FLAT),
    "spoon": Kind(_spoon, 8.0, 1.3, FLAT),
}
"""Things that nobody takes for fruit."""
