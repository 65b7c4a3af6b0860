"""Models of objects that aren't fruit: look-alikes and clutter from kitchens and desks."""

from __future__ import annotations

import numpy as np

from fruit_caption.rendering import sdf
from fruit_caption.rendering.objects import ObjectModel, Part, Parts
from fruit_caption.rendering.sdf import Array, Field, X, Y, Z, axis_distance, longitude, norm
from fruit_caption.rendering.textures import (
    BROWN,
    LEAF_GREEN,
    STEM_GREEN,
    Rgb,
    cloud_noise,
    grain_noise,
    mix,
    random_color,
    streak_noise,
    uniform,
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


def _ball(rng: np.random.Generator) -> Parts:
    """A tennis ball, a basketball, a beach ball or a ball of one color."""
    form = rng.integers(4)
    first, second = random_color(rng, *BRIGHT), random_color(rng, *BRIGHT)
    fuzz = grain_noise(rng, 36.0)
    felt = mix((0.74, 0.82, 0.22), (0.62, 0.72, 0.18), 0.5 + 0.4 * fuzz)
    seam = np.abs(Y - 0.9 * (np.square(X) - np.square(Z)))
    tennis = mix(felt, (0.93, 0.93, 0.88), 2 - 20 * seam)
    leather = mix((0.78, 0.38, 0.14), (0.66, 0.29, 0.10), 0.5 + 0.3 * fuzz)
    arcs = np.abs(np.abs(X) - 0.55 - 0.3 * np.square(Y))
    lines = np.minimum(np.minimum(np.abs(Y), np.abs(Z)), arcs)
    basket = mix(leather, (0.08, 0.06, 0.05), 2 - 40 * lines)
    beach = mix(first, second, 0.5 + 9 * np.sin(3 * longitude))
    forms = ((tennis, 0.03), (basket, 0.15), (beach, 0.7), (uniform(first), 0.6))
    return (Part(sdf.ellipsoid(1, 1, 1), *forms[form]),)


def _egg(rng: np.random.Generator) -> Parts:
    shell = random_color(rng, (0.93, 0.90, 0.84), (0.82, 0.62, 0.46), (0.88, 0.74, 0.60))
    grain = grain_noise(rng, 30.0)
    ellipsoid = sdf.ellipsoid(0.74, 1.0, 0.74)

    @Field
    def body(points: Array) -> Array:
        narrowed = points.copy()
        narrowed[::2] *= 1 + 0.16 * np.clip(points[1], -1, 1)
        return ellipsoid(narrowed) * 0.9

    return (Part(body, mix(shell, (0.7, 0.5, 0.36), 0.06 * grain), 0.12),)


def _potato(rng: np.random.Generator) -> Parts:
    clouds, spots = cloud_noise(rng, 3.0), cloud_noise(rng, 9.0)
    skin = random_color(rng, (0.78, 0.64, 0.40), (0.70, 0.54, 0.34), (0.72, 0.42, 0.36))
    texture = mix(skin, (0.46, 0.34, 0.2), 0.3 * clouds + 0.5 * (spots - 0.5))
    smooth = sdf.bent(sdf.ellipsoid(0.66, 0.95, 0.58), rng.uniform(0, 0.15))
    return (Part(smooth + 0.03 * clouds, texture, 0.1),)


def _onion(rng: np.random.Generator) -> Parts:
    skin = random_color(rng, (0.78, 0.50, 0.22), (0.52, 0.16, 0.30), (0.92, 0.89, 0.80))
    streaks = streak_noise(rng, 20)
    body = sdf.tapered(0.0, 0.85, 0.95, 0.1, neck=1.0)
    return (Part(body, mix(skin, (0.5, 0.3, 0.14), 0.3 * streaks), 0.5),)


def _carrot(rng: np.random.Generator) -> Parts:
    wobble = cloud_noise(rng, 4.0)
    rings = np.sin(24 * Y + 3 * wobble)
    texture = mix((0.90, 0.46, 0.12), (0.72, 0.32, 0.06), 0.15 + 0.5 * (rings - 0.6))
    return (
        Part(sdf.tapered(-1.0, 0.05, 0.7, 0.24), texture, 0.15),
        Part(sdf.stem(0.9, 0.4, 0.09, 0.3), uniform(LEAF_GREEN), 0.1),
    )


def _pepper(rng: np.random.Generator) -> Parts:
    skin = random_color(rng, (0.78, 0.08, 0.08), (0.92, 0.70, 0.10), (0.24, 0.48, 0.14))
    return (
        Part(sdf.dimpled_ball(0.32, 1.5, 0.18, 0.1), uniform(skin), 0.9),
        Part(sdf.stem(0.6, 0.6, 0.1, 0.3), uniform(STEM_GREEN), 0.2),
    )


def _cup(rng: np.random.Generator) -> Parts:
    glaze = random_color(rng, *BRIGHT, *MUTED)
    drink = random_color(rng, (0.92, 0.91, 0.88), (0.24, 0.13, 0.07))
    height = rng.uniform(0.65, 0.95)
    # Nearly full, because sphere tracing handles a deep cup badly.
    hole = sdf.translated(sdf.cylinder(0.66, height, 0.05), 0, 2 * height - 0.18, 0)
    texture = mix(glaze, drink, (0.70 - axis_distance) * 40)
    return (
        Part(sdf.intersected(sdf.cylinder(0.75, height, 0.05), -hole), texture, 0.6),
        Part(sdf.torus(0.98, 0.29, 0.09), uniform(glaze), 0.6),
    )


def _label(ground: Rgb, label: Rgb, height: float, half_height: float) -> Field:
    """Texture with a label around the object, centered at `height`."""
    return mix(ground, label, (half_height - np.abs(Y - height)) * 40)


def _jar(rng: np.random.Generator) -> Parts:
    content = random_color(rng, *BRIGHT, (0.45, 0.14, 0.08))
    lid = random_color(rng, *BRIGHT, *MUTED, STEEL)
    label = random_color(rng, (0.93, 0.92, 0.86), *BRIGHT)
    return (
        Part(sdf.cylinder(0.6, 0.85, 0.15), _label(content, label, -0.1, 0.38), 0.8),
        Part(sdf.translated(sdf.cylinder(0.52, 0.14, 0.04), 0, 0.95, 0), uniform(lid), 0.5),
    )


def _bottle(rng: np.random.Generator) -> Parts:
    glass = random_color(rng, (0.10, 0.22, 0.10), (0.30, 0.16, 0.06), *BRIGHT)
    label = random_color(rng, *MUTED)
    return (
        Part(sdf.cylinder(0.36, 0.8, 0.1), _label(glass, label, -0.5, 0.3), 0.9),
        Part(sdf.translated(sdf.tapered(0, 0.34, 0.45, 0.13), 0, 0.45, 0), uniform(glass), 0.9),
        Part(sdf.translated(sdf.cylinder(0.13, 0.35, 0.03), 0, 1.15, 0), uniform(label), 0.6),
    )


def _box(rng: np.random.Generator) -> Parts:
    width, height, depth = (float(side) for side in rng.uniform(0.35, 0.7, 3))
    card, print_ = random_color(rng, *BRIGHT, *MUTED), random_color(rng, *BRIGHT, *MUTED)
    stripe = np.abs(Y - 0.1 * height) < 0.3 * height
    texture = mix(card, print_, stripe)
    return (Part(sdf.box(width, height, depth, 0.02), texture, 0.15),)


def _book(rng: np.random.Generator) -> Parts:
    """A book that lies flat, with pages visible on three sides."""
    cover, title = random_color(rng, *BRIGHT, *MUTED), random_color(rng, *BRIGHT, *MUTED)
    thickness = rng.uniform(0.06, 0.16)
    label = (np.abs(X + 0.2) < 0.12) & (np.abs(Z) < 0.4)
    pages = (np.abs(Y) < thickness - 0.03) & (Z > -0.7)
    texture = mix(mix(cover, title, label), (0.9, 0.88, 0.8), pages)
    return (Part(sdf.box(0.95, thickness, 0.72, 0.01), texture, 0.25),)


def _keyboard(rng: np.random.Generator) -> Parts:
    case, key = (
        ((0.10, 0.10, 0.11), (0.17, 0.17, 0.18)),
        ((0.22, 0.22, 0.24), (0.10, 0.10, 0.11)),
        ((0.74, 0.74, 0.75), (0.92, 0.92, 0.92)),
    )[rng.choice(3, p=(0.5, 0.3, 0.2))]
    column, row = X * 7.0, Z * 7.0
    inside = np.maximum(np.abs(column - np.rint(column)), np.abs(row - np.rint(row))) < 0.38
    texture = mix(case, key, inside & (Y > 0.02))
    return (Part(sdf.box(1.25, 0.04, 0.5, 0.02), texture, 0.15),)


def _phone(rng: np.random.Generator) -> Parts:
    case = random_color(rng, *MUTED)
    screen = (np.abs(X) < 0.46) & (np.abs(Z) < 0.86) & (Y > 0)
    texture = mix(case, (0.04, 0.04, 0.05), screen)
    return (Part(sdf.box(0.5, 0.05, 0.98, 0.04), texture, 0.7),)


def _knife(rng: np.random.Generator) -> Parts:
    grip = random_color(rng, BROWN, (0.10, 0.10, 0.11), *BRIGHT)
    return (
        Part(sdf.translated(sdf.box(0.5, 0.06, 0.09, 0.04), -0.75, 0, 0), uniform(grip), 0.3),
        Part(sdf.translated(sdf.ellipsoid(0.85, 0.04, 0.13), 0.5, 0, 0), uniform(STEEL), 0.9),
    )


def _spoon(rng: np.random.Generator) -> Parts:
    metal = uniform(random_color(rng, STEEL, STEEL, (0.62, 0.44, 0.26)))
    return (
        Part(sdf.translated(sdf.box(0.75, 0.03, 0.06, 0.03), -0.4, 0, 0), metal, 0.8),
        Part(sdf.translated(sdf.ellipsoid(0.36, 0.06, 0.25), 0.68, 0, 0), metal, 0.9),
    )


def _leaf(rng: np.random.Generator) -> Parts:
    green = random_color(rng, LEAF_GREEN, (0.20, 0.40, 0.16), (0.38, 0.55, 0.22))
    width = 0.42 * (1 - np.square(X.clip(-1, 1)))
    flat = np.abs(Y - 0.12 * np.square(X)) - 0.04
    outline = np.maximum(flat, (np.abs(Z) - width) * 0.7) * 0.8
    blade = np.maximum(outline, np.abs(X) - 1)
    side_veins = np.abs(np.sin(14 * (X - np.abs(Z)))) * 9
    veins = (1.5 - np.minimum(np.abs(Z) * 45, side_veins)).clip(0, 1)
    texture = mix(green, (0.56, 0.68, 0.36), 0.7 * veins)
    return (Part(blade, texture, 0.3),)


def _coin(rng: np.random.Generator) -> Parts:
    metal = random_color(rng, STEEL, (0.72, 0.58, 0.34), (0.62, 0.40, 0.26))
    rim = np.abs(axis_distance - 0.88) < 0.05
    face = np.abs(norm(X * 1.4, Z) - 0.45) < 0.09
    texture = mix(metal, (0.36, 0.33, 0.30), 0.5 * (rim | face))
    return (Part(sdf.cylinder(1.0, 0.07, 0.02), texture, 0.6),)


FLAT = ((0.0, 0.0),)

LOOK_ALIKES: dict[str, ObjectModel] = {
    "ball": ObjectModel(_ball, 3.5, 1.05, ((0.0, 180.0),)),
    "egg": ObjectModel(_egg, 3.5, 1.1, ((75.0, 100.0),)),
    "onion": ObjectModel(_onion, 4.0, 1.15, ((0.0, 100.0),)),
    "pepper": ObjectModel(_pepper, 4.5, 1.6, ((0.0, 100.0),)),
    "potato": ObjectModel(_potato, 4.5, 1.2, ((75.0, 105.0),)),
}
"""Round objects with the size and colors of fruit."""

CLUTTER: dict[str, ObjectModel] = {
    "book": ObjectModel(_book, 12.0, 1.25, FLAT),
    "bottle": ObjectModel(_bottle, 12.0, 1.6, ((0.0, 0.0), (90.0, 90.0))),
    "box": ObjectModel(_box, 9.0, 1.2, FLAT),
    "carrot": ObjectModel(_carrot, 8.0, 1.4, ((90.0, 90.0),)),
    "coin": ObjectModel(_coin, 1.2, 1.05, FLAT),
    "cup": ObjectModel(_cup, 5.0, 1.4, FLAT),
    "jar": ObjectModel(_jar, 6.0, 1.25, FLAT),
    "keyboard": ObjectModel(_keyboard, 14.0, 1.4, FLAT),
    "knife": ObjectModel(_knife, 9.0, 1.35, FLAT),
    "leaf": ObjectModel(_leaf, 5.0, 1.1, FLAT),
    "phone": ObjectModel(_phone, 7.5, 1.15, FLAT),
    "spoon": ObjectModel(_spoon, 8.0, 1.3, FLAT),
}
"""Objects that don't look like fruit."""
