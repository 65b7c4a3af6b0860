"""Signed distance functions: the shapes of fruits and other objects.

A signed distance function gives the distance of points to a surface, negative inside the solid.
Sphere tracing renders it from any direction (Hart 1996); the same function gives surface normals,
ambient occlusion and soft shadows (Quilez, "Raymarching distance fields"). The distances of many
shapes here are approximations.

Points (3, points) have object coordinates (x, y, z). The stem axis is +y, and one unit is about the
radius of the object's body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin

Array = npt.NDArray[np.float32]


class Field(NDArrayOperatorsMixin):
    """A function of points that supports arithmetic: `0.5 * (a + np.sin(b))` is a field, too.

    Args:
        function: Maps points (3, points) to a distance or height (points,), or to an sRGB color
            (3, points).
    """

    def __init__(self, function: Callable[[Array], Any]) -> None:
        self._function = function

    def __call__(self, points: Array) -> Array:
        """Evaluate the field."""
        return self._function(points)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Field:
        @Field
        def field(points: Array) -> Array:
            values = (x(points) if isinstance(x, Field) else x for x in inputs)
            return getattr(ufunc, method)(*values, **kwargs)

        return field

    def clip(self, low: float, high: float) -> Field:
        """Limit the values to a range."""
        return Field(lambda points: np.clip(self(points), low, high))


# The types of NumPy's functions of two arguments don't allow for fields.
X: Any = Field(lambda points: points[0])
Y: Any = Field(lambda points: points[1])
Z: Any = Field(lambda points: points[2])


def norm(first: Any, second: Any) -> Any:
    """Return the length of vectors, from two arrays or fields. Five times as fast as `np.hypot`."""
    return np.sqrt(first * first + second * second)


axis_distance = Field(lambda points: norm(points[0], points[2]))
"""Distance from the stem axis."""

longitude = Field(lambda points: np.arctan2(points[2], points[0]))
"""Angle around the stem axis, -pi to pi: 0 towards +x, pi / 2 towards +z."""


def ellipsoid(x: float, y: float, z: float) -> Field:
    """Ellipsoid with these radii (Quilez's bound of the distance)."""
    inverse = np.array([[1 / x], [1 / y], [1 / z]], np.float32)

    @Field
    def distance(points: Array) -> Array:
        scaled = points * inverse
        length = np.sqrt((scaled * scaled).sum(0)) + 1e-6
        scaled *= inverse
        slope = np.sqrt((scaled * scaled).sum(0)) + 1e-6
        return length * (length - 1) / slope

    return distance


def dimpled_ball(hollow: float, height: float, taper: float = 0.0, lobes: float = 0.0) -> Field:
    """Ball of radius 1, pressed in at both poles (a spindle torus).

    Args:
        hollow: Depth of the dimples, 0 to 0.5.
        height: Height of the ball relative to its width.
        taper: How much narrower the bottom is than the top.
        lobes: Height of the five bumps around the bottom.
    """
    tube = 1 - hollow

    @Field
    def distance(points: Array) -> Array:
        around = axis_distance(points)
        if lobes:
            cosine = points[0] / (around + np.float32(1e-6))
            square = cosine * cosine
            # cos(5 x) from cos(x), because the angle itself is slow to compute.
            fivefold = cosine * (square * (16 * square - 20) + 5)
            around *= 1 + lobes * fivefold * (0.3 - points[1])
        if taper:
            around /= 1 + taper * points[1]
        return (norm(around - hollow, points[1] / height) - tube) * min(height, 1.0)

    return distance


def tapered(
    low: float, low_radius: float, high: float, high_radius: float, neck: float = 0.0
) -> Field:
    """Two balls on the axis and the hull between them.

    Args:
        low: Height of the lower ball.
        low_radius: Radius of the lower ball.
        high: Height of the upper ball.
        high_radius: Radius of the upper ball.
        neck: Shape of the hull: 0 for a straight cone, 1 for a waist like a pear's.
    """

    @Field
    def distance(points: Array) -> Array:
        along = np.clip((points[1] - low) / (high - low), 0, 1)
        share = along + neck * along * (3 * along - 2 * along * along - 1)
        radius = low_radius + (high_radius - low_radius) * share
        return norm(axis_distance(points), points[1] - low - along * (high - low)) - radius

    return distance


def crescent(bow: float, half_angle: float, thickness: float) -> Field:
    """Banana: an arc in the (x, z) plane with a five-sided cross-section and a stalk.

    Args:
        bow: Radius of the arc.
        half_angle: Half the angle that the arc spans, in radians.
        thickness: Radius of the cross-section in the middle.
    """
    middle = bow * (1 + float(np.cos(half_angle))) / 2

    @Field
    def distance(points: Array) -> Array:
        x, up, z = points[0] + middle, points[1], points[2]
        angle = np.clip(np.arctan2(z, x), -half_angle, half_angle)
        share = angle / half_angle
        radius = thickness * (1 - 0.25 * share**2 - 0.58 * np.abs(share) ** 9)
        # The stalk, at one end.
        radius *= 1 - 0.45 * np.clip((share - 0.82) / 0.1, 0, 1)
        out = x * np.cos(angle) + z * np.sin(angle) - bow
        along = z * np.cos(angle) - x * np.sin(angle)
        edge = 1 + 0.045 * np.cos(5 * np.arctan2(up, out))
        return (norm(norm(out, up) * edge, along) - radius) * 0.85

    return distance


def stem(base: float, length: float, radius: float, bend: float) -> Field:
    """Stem that leaves the axis at height `base` and bends towards +x."""

    @Field
    def distance(points: Array) -> Array:
        rise = np.clip(points[1] - base, 0, length)
        aside = norm(points[0] - bend * rise * rise, points[2])
        return (norm(aside, points[1] - base - rise) - radius) * 0.7

    return distance


def leaves(
    number: int,
    length: float,
    width: float,
    *,
    base: float,
    lift: float,
    droop: float = 0.0,
    turn: float = 0.0,
    bound: tuple[float, float],
) -> Field:
    """Ring of leaves around the axis.

    Args:
        number: Number of leaves.
        length: Length of a leaf.
        width: Width of a leaf.
        base: Height at which the leaves are attached.
        lift: Angle between the leaves and the horizontal plane, in degrees.
        droop: How strongly the leaves bend downwards.
        turn: Rotation of the ring, in radians.
        bound: Height of the center and radius of a ball that contains all leaves. Leaves are
            expensive: away from the ball, the distance to the ball is returned instead.
    """
    sector = 2 * np.pi / number
    cosine, sine = float(np.cos(np.radians(lift))), float(np.sin(np.radians(lift)))
    blade = ellipsoid(length / 2, 0.05 * length + 0.015, width / 2)
    center, radius = np.float32(bound[0]), np.float32(bound[1])

    def nearby(points: Array) -> Array:
        angle = longitude(points) + np.float32(turn)
        angle -= sector * np.rint(angle / sector)
        around, up = axis_distance(points), points[1] - base
        out = around * np.cos(angle)
        along = out * cosine + up * sine
        across = up * cosine - out * sine + droop * along * along
        return blade(np.stack([along - length / 2, across, around * np.sin(angle)])) * 0.7

    @Field
    def distance(points: Array) -> Array:
        result = norm(axis_distance(points), points[1] - center) - radius
        # The margin keeps the ball itself out of the ambient occlusion.
        near = np.flatnonzero(result < 0.3)
        if near.size:
            result[near] = nearby(points[:, near])
        return result

    return distance


def box(x: float, y: float, z: float, edge: float) -> Field:
    """Box with these half sides and edges rounded by the radius `edge`."""
    half = np.array([[x - edge], [y - edge], [z - edge]], np.float32)

    @Field
    def distance(points: Array) -> Array:
        beyond = np.abs(points) - half
        outside = np.maximum(beyond, 0)
        return np.sqrt((outside * outside).sum(0)) + np.minimum(beyond.max(0), 0) - edge

    return distance


def cylinder(radius: float, half_height: float, edge: float) -> Field:
    """Cylinder around the axis with rims rounded by the radius `edge`."""

    @Field
    def distance(points: Array) -> Array:
        around = axis_distance(points) - np.float32(radius - edge)
        above = np.abs(points[1]) - np.float32(half_height - edge)
        rounded = norm(np.maximum(around, 0), np.maximum(above, 0)) - edge
        return rounded + np.minimum(np.maximum(around, above), 0)

    return distance


def torus(x: float, radius: float, thickness: float) -> Field:
    """Upright torus centered at (x, 0, 0), such as the handle of a cup."""
    return norm(norm(X - x, Y) - radius, Z) - thickness


# Operations on shapes ------------------------------------------------------------------------


def intersected(first: Any, second: Any) -> Field:
    """Keep the intersection of two shapes; with the negative of a shape, cut that shape out."""
    return np.maximum(first, second)


def tipped(body: Field, tip: float, radius: float, softness: float) -> Field:
    """Add a nipple at both poles: a smooth union with balls at y = `tip` and y = -`tip`."""

    @Field
    def distance(points: Array) -> Array:
        skin = body(points)
        nipple = norm(axis_distance(points), np.abs(points[1]) - tip) - radius
        mix = np.clip(0.5 + 0.5 * (nipple - skin) / softness, 0, 1)
        return nipple + (skin - nipple) * mix - softness * mix * (1 - mix)

    return distance


def grooved(body: Field, depth: float) -> Field:
    """Add the seam of a stone fruit on the +x side."""
    return body + depth * (np.exp(-np.square(Z / 0.1)) * (X > 0))


def bent(body: Field, bend: float) -> Field:
    """Bend both ends towards -x."""
    return Field(lambda p: body(np.stack([p[0] + bend * np.square(p[1]), p[1], p[2]])))


def translated(field: Field, x: float, y: float, z: float) -> Field:
    """Move a shape, or any other field, by (x, y, z)."""
    offset = np.array([[x], [y], [z]], np.float32)
    return Field(lambda points: field(points - offset))


def mirrored(field: Field, scale: float = 1.0) -> Field:
    """Scale a field and swap x and z, to use the same noise a second time."""
    return Field(lambda points: field(points[::-1] * np.float32(scale)))
