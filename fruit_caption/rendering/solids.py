"""What fruits are made of: solids to shape them, and plain colors.

A fruit is a few parts, each a signed distance function (negative inside, zero on the skin) with a
skin color. Signed distances can be looked at from any side by sphere tracing (Hart 1996), and the
same function gives normals, ambient occlusion and shadows (Quilez, "Raymarching distance fields").
Coordinates are the fruit's own, (x, y, z) with the stem towards +y; the body is about 1 in radius.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Field = Callable[[Array], Array]
"""Of points (3, points): a distance or relief (points,), or an sRGB color (3, points)."""

Rgb = tuple[float, float, float]
BROWN: Rgb = (0.36, 0.25, 0.14)
STEM_GREEN: Rgb = (0.42, 0.50, 0.18)
LEAF_GREEN: Rgb = (0.28, 0.48, 0.17)

RIM = -0.04
"""Height below which a half shows its skin: a ray may stop a little off the cut."""


@dataclass(frozen=True)
class Part:
    """One solid of a fruit.

    Attributes:
        distance: signed distance to the skin.
        paint: color of the skin.
        gloss: strength of the highlight, 0 (felt) to 1 (lacquer).
        relief: height of bumps too fine for the silhouette.
    """

    distance: Field
    paint: Field
    gloss: float = 0.3
    relief: Field | None = None


@dataclass(frozen=True)
class Kind:
    """How to make one kind of fruit.

    Attributes:
        make: draws a variety by chance; the body comes first among its parts.
        radius_cm: what one unit of the fruit's coordinates measures.
        reach: radius of a ball round the origin that holds the fruit, in units.
        tilts: ranges of the angle between stem and vertical in which it rests, in degrees.
    """

    make: Callable[[np.random.Generator], tuple[Part, ...]]
    radius_cm: float
    reach: float
    tilts: tuple[tuple[float, float], ...]


# Distances -----------------------------------------------------------------------------------


def norm(first: Array, second: Array) -> Array:
    """Length of vectors, from their two coordinates (points,). Five times as fast as `np.hypot`."""
    length: Array = np.sqrt(first * first + second * second)
    return length


def from_axis(points: Array) -> Array:
    """Distance (points,) of points (3, points) from the stem axis."""
    return norm(points[0], points[2])


def longitude(points: Array) -> Array:
    """Angle (points,) round the stem axis, -pi to pi: 0 on the +x side, pi / 2 on the +z side."""
    angle: Array = np.arctan2(points[2], points[0])
    return angle


def ellipsoid(x: float, y: float, z: float) -> Field:
    """Quilez's bound for an ellipsoid with these radii, centerd on the origin."""
    inverse = np.array([[1 / x], [1 / y], [1 / z]], np.float32)

    def distance(points: Array) -> Array:
        scaled = points * inverse
        outward = np.sqrt((scaled * scaled).sum(0)) + 1e-6
        scaled *= inverse
        slope = np.sqrt((scaled * scaled).sum(0)) + 1e-6
        skin: Array = outward * (outward - 1) / slope
        return skin

    return distance


def dimpled(hollow: float, height: float, taper: float = 0.0, lobes: float = 0.0) -> Field:
    """A spindle torus of radius 1: a ball pressed in at both poles by `hollow` (0 to 0.5)."""
    tube = 1 - hollow

    def distance(points: Array) -> Array:
        around = from_axis(points)
        if lobes:
            cosine = points[0] / (around + np.float32(1e-6))
            square = cosine * cosine
            # Of five times the angle, without asking for the angle, which is slow.
            fivefold = cosine * (square * (16 * square - 20) + 5)
            around *= 1 + lobes * fivefold * (0.3 - points[1])
        if taper:
            around /= 1 + taper * points[1]
        skin: Array = (norm(around - hollow, points[1] / height) - tube) * min(height, 1.0)
        return skin

    return distance


def tapered(
    low: float, low_radius: float, high: float, high_radius: float, neck: float = 0.0
) -> Field:
    """Balls on the axis at heights `low` and `high`, joined straight (`neck` 0) or waisted (1)."""

    def distance(points: Array) -> Array:
        along = np.clip((points[1] - low) / (high - low), 0, 1)
        share = along + neck * along * (3 * along - 2 * along * along - 1)
        radius = low_radius + (high_radius - low_radius) * share
        skin: Array = norm(from_axis(points), points[1] - low - along * (high - low)) - radius
        return skin

    return distance


def tipped(body: Field, tip: float, radius: float, softness: float) -> Field:
    """A body with a nipple at both poles: smooth union with a ball at y = +-`tip`."""

    def distance(points: Array) -> Array:
        skin = body(points)
        nipple = norm(from_axis(points), np.abs(points[1]) - tip) - radius
        mix = np.clip(0.5 + 0.5 * (nipple - skin) / softness, 0, 1)
        joined: Array = nipple + (skin - nipple) * mix - softness * mix * (1 - mix)
        return joined

    return distance


def grooved(body: Field, depth: float) -> Field:
    """A body with the seam of a stone fruit down its +x side."""

    def distance(points: Array) -> Array:
        seam = np.exp(-np.square(points[2] / 0.1)) * (points[0] > 0)
        skin: Array = body(points) + depth * seam
        return skin

    return distance


def bent(body: Field, bend: float) -> Field:
    """A body whose ends lean towards -x."""

    def distance(points: Array) -> Array:
        moved = points.copy()
        moved[0] += bend * np.square(points[1])
        return body(moved)

    return distance


def rod(base: float, length: float, radius: float, bend: float) -> Field:
    """A stem that leaves the axis at height `base` and leans towards +x."""

    def distance(points: Array) -> Array:
        rise = np.clip(points[1] - base, 0, length)
        aside = norm(points[0] - bend * rise * rise, points[2])
        skin: Array = (norm(aside, points[1] - base - rise) - radius) * 0.7
        return skin

    return distance


def leaves(
    number: int, length: float, width: float, base: float, lift: float, droop: float, turn: float
) -> Field:
    """A ring of leaves round the axis at height `base`.

    They rise by `lift` degrees and bend down by `droop`.
    """
    sector = 2 * np.pi / number
    cosine, sine = float(np.cos(np.radians(lift))), float(np.sin(np.radians(lift)))
    blade = ellipsoid(length / 2, 0.05 * length + 0.015, width / 2)

    def distance(points: Array) -> Array:
        angle = longitude(points) + np.float32(turn)
        angle -= sector * np.rint(angle / sector)
        around, up = from_axis(points), points[1] - base
        out = around * np.cos(angle)
        along = out * cosine + up * sine
        across = up * cosine - out * sine + droop * along * along
        return blade(np.stack([along - length / 2, across, around * np.sin(angle)])) * 0.7

    return distance


def bounded(field: Field, center: float, radius: float) -> Field:
    """The same solid, worked out only near a ball round (0, center, 0) that holds all of it.

    Elsewhere the distance to the ball, which is never too long, will do. Crowns are dear.
    """

    def distance(points: Array) -> Array:
        beside, above = from_axis(points), points[1] - np.float32(center)
        away = norm(beside, above) - np.float32(radius)
        # Wide enough that ambient occlusion never sees the ball itself.
        near = np.flatnonzero(away < 0.3)
        if near.size:
            away[near] = field(points[:, near])
        return away

    return distance


def halved(part: Part, flesh: Field) -> Part:
    """The lower half of a part, cut across the stem axis; `flesh` is what the cut shows."""

    def distance(points: Array) -> Array:
        skin: Array = np.maximum(part.distance(points), points[1])
        return skin

    def paint(points: Array) -> Array:
        cut = (points[1] > RIM).astype(np.float32)
        return mix(part.paint(points), flesh(points), cut)

    def relief(points: Array) -> Array:
        height: Array = part.relief(points) * (points[1] < RIM) if part.relief else 0 * points[1]
        return height

    return lowered(Part(distance, paint, part.gloss, relief), -0.35)


def lowered(part: Part, by: float) -> Part:
    """A part moved down the axis, so that the middle of a tall fruit is the origin."""

    def moved(field: Field) -> Field:
        return shifted(field, 0, -by, 0)

    relief = None if part.relief is None else moved(part.relief)
    return Part(moved(part.distance), moved(part.paint), part.gloss, relief)


def crescent(bow: float, half_angle: float, thickness: float) -> Field:
    """A banana: a bow in the (x, z) plane, five-sided, thinner towards both ends."""
    middle = bow * (1 + float(np.cos(half_angle))) / 2

    def distance(points: Array) -> Array:
        x, up, z = points[0] + middle, points[1], points[2]
        angle = np.clip(np.arctan2(z, x), -half_angle, half_angle)
        share = angle / half_angle
        radius = thickness * (1 - 0.25 * share**2 - 0.58 * np.abs(share) ** 9)
        # A stalk at one end.
        radius *= 1 - 0.45 * np.clip((share - 0.82) / 0.1, 0, 1)
        out = x * np.cos(angle) + z * np.sin(angle) - bow
        along = z * np.cos(angle) - x * np.sin(angle)
        edge = 1 + 0.045 * np.cos(5 * np.arctan2(up, out))
        skin: Array = (norm(norm(out, up) * edge, along) - radius) * 0.85
        return skin

    return distance


def slab(x: float, y: float, z: float, edge: float) -> Field:
    """A box with these half sides, its edges rounded by `edge`."""
    half = np.array([[x - edge], [y - edge], [z - edge]], np.float32)

    def distance(points: Array) -> Array:
        beyond = np.abs(points) - half
        outside = np.maximum(beyond, 0)
        skin: Array = np.sqrt((outside * outside).sum(0)) + np.minimum(beyond.max(0), 0) - edge
        return skin

    return distance


def drum(radius: float, half_height: float, edge: float) -> Field:
    """A cylinder round the axis, its rims rounded by `edge`."""

    def distance(points: Array) -> Array:
        around = from_axis(points) - np.float32(radius - edge)
        above = np.abs(points[1]) - np.float32(half_height - edge)
        skin: Array = norm(np.maximum(around, 0), np.maximum(above, 0)) - edge
        return skin + np.minimum(np.maximum(around, above), 0)

    return distance


def hollowed(body: Field, hole: Field) -> Field:
    """A body from which another is taken away."""
    return lambda points: np.maximum(body(points), -hole(points))


def ring(x: float, radius: float, thickness: float) -> Field:
    """A ring that stands upright at `x`: the handle of a cup."""
    return lambda points: norm(norm(points[0] - x, points[1]) - radius, points[2]) - thickness


def shifted(body: Field, x: float, y: float, z: float) -> Field:
    """A body whose middle is at (x, y, z)."""
    middle = np.array([[x], [y], [z]], np.float32)
    return lambda points: body(points - middle)


def nearest_ball(centers: Array, points: Array) -> tuple[npt.NDArray[np.intp], Array]:
    """Which of `centers` (3, balls) is nearest to each point, and how far it is (points,)."""
    squared = (centers * centers).sum(0)[:, None] - 2 * (centers.T @ points)
    nearest = squared.argmin(0)
    away = squared[nearest, np.arange(nearest.size)] + (points * points).sum(0)
    return nearest, np.sqrt(np.maximum(away, 0))


# Colors -------------------------------------------------------------------------------------


def pick(rng: np.random.Generator, *choices: Rgb) -> Rgb:
    """One of some colors, slightly off, so that no two fruits are quite alike."""
    red, green, blue = np.array(choices[rng.integers(len(choices))]) * rng.uniform(0.93, 1.07, 3)
    return (float(red), float(green), float(blue))


def _column(color: Rgb | Array) -> Array:
    return np.asarray(color, np.float32).reshape(3, -1)


def mix(first: Rgb | Array, second: Rgb | Array, share: npt.NDArray[np.floating[Any]]) -> Array:
    """Color (3, points) that goes from `first` to `second` as `share` (points,) goes 0 to 1."""
    start = _column(first)
    mixed: Array = start + (_column(second) - start) * np.clip(share, 0, 1)
    return mixed


def plain(color: Rgb) -> Field:
    """A skin of one color."""
    return lambda points: np.broadcast_to(_column(color), points.shape)
