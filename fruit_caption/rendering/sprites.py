"""Draws one object as a sprite: traces its shape, shades its surface and casts its shadow.

Camera coordinates are (x right, y up, z towards the camera), in units of the object. The projection
is orthographic, so a sprite looks the same anywhere in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from PIL import Image

from fruit_caption.rendering.objects import ObjectModel, Part, Parts
from fruit_caption.rendering.sdf import Array

Mask = npt.NDArray[np.bool_]

MAX_TRACE_STEPS = 12
"""Maximum number of steps along a ray. Only rays that graze a surface need that many."""

MAX_SHADOW_CELLS = 34
"""Maximum number of points along each side of a shadow. Shadows are soft, so few are enough."""

_AXIS = np.linspace(-1, 1, 13, dtype=np.float32)
HEIGHT_GRID: Array = np.stack([grid.ravel() for grid in np.meshgrid(_AXIS, _AXIS, _AXIS)])
"""Points (3, points) of a cube, used to find the lowest point of a body."""

SHADOW_STEPS = np.array([0.08, 0.25, 0.5, 0.8, 1.15, 1.55, 2.0], np.float32)
"""Distances from the ground, towards the light, at which obstacles are checked for."""

SHADOW_SPREAD = 1.9
"""Half the side of the shadow's square, as a multiple of the object's reach."""


@dataclass(frozen=True)
class Viewpoint:
    """Camera and lighting. All vectors are (3,), in camera coordinates.

    Attributes:
        camera: Rotation (3, 3) from the world (x right, y away, z up) to the camera.
        light: Direction to the light.
        key: Color of the light.
        sky: Color of the ambient light.
        bounce: Color of the light that the ground reflects.
        softness: 0 for a small hard light to 1 for a large soft one.
    """

    camera: Array
    light: Array
    key: Array
    sky: Array
    bounce: Array
    softness: float

    @property
    def up(self) -> Array:
        """Direction away from the ground."""
        return self.camera[:, 2]


@dataclass(frozen=True)
class Sprite:
    """A drawn object. Its origin is in the middle of each of the square arrays.

    Attributes:
        color: Linear light (side, side, 3).
        alpha: Share of each pixel that the object covers (side, side).
        shadow: Share of the light that reaches the ground (shadow side, shadow side).
        ground_offset: Distance from the origin down to the ground, in pixels of the picture.
    """

    color: Array
    alpha: Array
    shadow: Array
    ground_offset: float

    @cached_property
    def mask(self) -> Mask:
        """The pixels (side, side) that the object mostly covers."""
        return self.alpha > 0.5

    @cached_property
    def radius(self) -> float:
        """Radius of a disc with the area of the mask, in pixels."""
        return float(np.sqrt(self.mask.sum() / np.pi))

    def scaled(self, by: float) -> Sprite:
        """Return the sprite `by` times as large, rounded so that its sides stay odd."""
        alpha = _resized(self.alpha, by)
        # Weighted by alpha, so that edges don't turn dark.
        light = [_resized(self.color[..., channel] * self.alpha, by) for channel in range(3)]
        color: Array = np.stack(light).transpose(1, 2, 0)
        color /= np.maximum(alpha, np.float32(0.01))[..., None]
        return Sprite(color, alpha, _resized(self.shadow, by), self.ground_offset * by)


def _resized(plane: Array, by: float) -> Array:
    side = 2 * round((len(plane) * by - 1) / 2) + 1
    return np.asarray(Image.fromarray(plane).resize((side, side), Image.Resampling.BILINEAR))


def random_viewpoint(
    rng: np.random.Generator, elevation: float, min_softness: float = 0.1
) -> Viewpoint:
    """Set up a camera and a random light.

    Args:
        rng: Random generator.
        elevation: Angle at which the camera looks down, in degrees: 90 is from straight above.
        min_softness: Minimum softness of the light.
    """
    sine, cosine = np.sin(np.radians(elevation)), np.cos(np.radians(elevation))
    camera = np.array([[1, 0, 0], [0, sine, cosine], [0, -cosine, sine]], np.float32)
    azimuth, height = rng.uniform(0.1, 0.9) * np.pi, np.radians(rng.uniform(38, 72))
    if rng.random() < 0.3:
        azimuth += np.pi
    flat = np.cos(height)
    world = np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(height)], np.float32)
    warmth = rng.normal(0, 0.06)
    key = rng.uniform(0.75, 1.15) * np.array([1 + warmth, 1, 1 - 1.3 * warmth], np.float32)
    sky = rng.uniform(0.30, 0.52) * np.array([1 - warmth, 1, 1 + warmth], np.float32)
    return Viewpoint(
        camera=camera,
        light=camera @ world,
        key=key.astype(np.float32),
        sky=sky.astype(np.float32),
        bounce=np.full(3, 0.16, np.float32),
        softness=float(rng.uniform(min_softness, 1.0)),
    )


def draw_object(
    rng: np.random.Generator, model: ObjectModel, viewpoint: Viewpoint, reach: float
) -> Sprite:
    """Draw a random example of a model in a random pose.

    Args:
        rng: Random generator.
        model: What to draw.
        viewpoint: Camera and lighting.
        reach: Radius of the circle that the object fits in, in pixels.
    """
    parts = model.make(rng)
    rotation = (viewpoint.camera @ _random_pose(rng, model.tilts)).astype(np.float32)
    unit = reach / model.reach
    half = int(np.ceil(reach)) + 1
    height = _height_above_ground(parts[0], rotation.T @ viewpoint.up, model.reach)

    axis = (np.arange(-half, half + 1, dtype=np.float32)) / np.float32(unit)
    x, y = np.meshgrid(axis, -axis)
    # Rays start on the ball that contains the object.
    depth_squared = model.reach**2 - x.ravel() ** 2 - y.ravel() ** 2
    inside = np.flatnonzero(depth_squared > 0)
    front = np.sqrt(depth_squared[inside])
    origins = rotation.T @ np.stack([x.ravel()[inside], y.ravel()[inside], front])
    hits, gaps = _trace(parts, origins, -rotation[2], 2 * front, 0.3 / unit)

    share = np.clip(1.3 - gaps * unit, 0, 1)
    visible = share > 0
    color = np.zeros((3, x.size), np.float32)
    color[:, inside[visible]] = _shade(parts, hits[:, visible], rotation, viewpoint, height)
    alpha = np.zeros(x.size, np.float32)
    alpha[inside] = share
    return Sprite(
        color=color.reshape(3, *x.shape).transpose(1, 2, 0),
        alpha=alpha.reshape(x.shape),
        shadow=_shadow(parts, rotation, viewpoint, height, model.reach, unit),
        ground_offset=height * float(viewpoint.up[1]) * unit,
    )


def _random_pose(rng: np.random.Generator, tilts: tuple[tuple[float, float], ...]) -> Array:
    """Return a rotation (3, 3) from object coordinates to the world."""
    low, high = tilts[rng.integers(len(tilts))]
    upright = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    spin, azimuth = rng.uniform(0, 2 * np.pi, 2)
    tilt = np.radians(rng.uniform(low, high))
    pose = _rotation(2, azimuth) @ _rotation(0, tilt) @ upright @ _rotation(1, spin)
    return pose.astype(np.float32)


def _rotation(axis: int, angle: float) -> np.ndarray:
    """Return the rotation (3, 3) around a coordinate axis."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    rotation = np.eye(3)
    rotation[first, first] = rotation[second, second] = np.cos(angle)
    rotation[second, first] = np.sin(angle)
    rotation[first, second] = -rotation[second, first]
    return rotation


def _height_above_ground(body: Part, up: Array, reach: float) -> float:
    """Return the height of the origin above the ground that the body rests on, in units.

    Straight above the lowest point, the distance of a point is its height above the ground;
    elsewhere it is less.
    """
    points = HEIGHT_GRID * np.float32(reach)
    distance = body.distance(points)
    near = np.abs(distance) < 0.3
    return float((-(up @ points[:, near]) - distance[near]).max())


def _distance(parts: Parts, points: Array) -> Array:
    """Return the signed distance to the nearest part."""
    nearest = parts[0].distance(points)
    for part in parts[1:]:
        nearest = np.minimum(nearest, part.distance(points))
    return nearest


def _trace(
    parts: Parts, origins: Array, direction: Array, max_depth: Array, tolerance: float
) -> tuple[Array, Array]:
    """Follow parallel rays until they are within `tolerance` of the surface or at `max_depth`.

    Returns:
        The point (3, rays) where each ray is closest to the surface, and its distance (rays,).
    """
    depth = np.zeros_like(max_depth)
    best_depth, best_gap = depth.copy(), np.full_like(max_depth, np.inf)
    active: npt.NDArray[np.intp] = np.arange(depth.size)
    ray = direction[:, None]
    for step in range(MAX_TRACE_STEPS):
        reached = depth.take(active)
        gap = _distance(parts, origins.take(active, axis=1) + ray * reached)
        closer = np.flatnonzero(gap < best_gap.take(active))
        index = active[closer]
        best_gap[index], best_depth[index] = gap[closer], reached[closer]
        # Later steps are at least this long: the rays that are left graze the surface, where they
        # would advance slowly and a long step loses little.
        min_step = np.float32((3 + 0.3 * step * step) * tolerance)
        reached += np.maximum(np.float32(0.95) * gap, min_step)
        depth[active] = reached
        active = active[(gap > tolerance) & (reached < max_depth.take(active))]
        if not active.size:
            break
    # Move points that ended up inside the object back to the surface.
    return origins + ray * (best_depth + np.minimum(best_gap, 0)), np.maximum(best_gap, 0)


def _shade(
    parts: Parts, points: Array, rotation: Array, viewpoint: Viewpoint, height: float
) -> Array:
    """Return the linear light (3, points) that the surface sends to the camera.

    Lambert's diffuse and Blinn's specular reflection, with light from sky and ground.
    """
    nearest = np.argmin(np.stack([part.distance(points) for part in parts]), axis=0)
    normals, color = np.empty_like(points), np.empty_like(points)
    gloss = np.empty(points.shape[1], np.float32)
    for number, part in enumerate(parts):
        index = np.flatnonzero(nearest == number)
        surface = points[:, index]
        normals[:, index] = _normals(part, surface)
        color[:, index] = np.square(np.clip(part.texture(surface), 0, 1))
        gloss[index] = part.gloss
    # Ambient occlusion by the object itself and by the ground.
    openness = np.clip(0.25 + _distance(parts, points + 0.22 * normals) / 0.29, 0.2, 1)
    above_ground = viewpoint.up @ (rotation @ points) + height
    openness *= np.clip(0.45 + above_ground / (2 * height), 0, 1)

    normals = rotation @ normals
    upward = viewpoint.up @ normals
    wrap = 0.1 + 0.25 * viewpoint.softness
    facing = np.clip((viewpoint.light @ normals + wrap) / (1 + wrap), 0, 1)
    halfway = viewpoint.light + np.array([0, 0, 1], np.float32)
    mirrored = np.clip(halfway @ normals / np.linalg.norm(halfway), 0, 1)
    sharpness = 90 - 60 * viewpoint.softness
    highlight = gloss * (0.5 * mirrored**sharpness + 0.10 * mirrored**8)
    rim = 0.22 * gloss * (1 - np.clip(normals[2], 0, 1)) ** 3 * (0.4 + 0.6 * upward)
    key, sky, bounce = (v[:, None] for v in (viewpoint.key, viewpoint.sky, viewpoint.bounce))
    from_sky = 0.5 + 0.5 * upward
    ambient = sky * from_sky + bounce * (1 - from_sky)
    diffuse = key * (facing * np.sqrt(openness)) + ambient * openness
    specular = key * highlight + sky * np.clip(rim, 0, 1) * openness
    return color * diffuse + specular


def _normals(part: Part, points: Array) -> Array:
    """Return outward unit vectors (3, points), including the relief, by finite differences."""
    step = np.float32(0.012)
    samples = np.repeat(points[:, None], 4, axis=1)
    for axis in range(3):
        samples[axis, axis + 1] += step
    # All samples in one call, because few large calls are faster than many small ones.
    samples = samples.reshape(3, -1)
    distance = part.distance(samples)
    if part.relief is not None:
        distance = distance - part.relief(samples)
    distance = distance.reshape(4, -1)
    normals: Array = distance[1:] - distance[0]
    normals /= np.sqrt((normals * normals).sum(0)) + np.float32(1e-9)
    return normals


def _shadow(
    parts: Parts, rotation: Array, viewpoint: Viewpoint, height: float, reach: float, unit: float
) -> Array:
    """Return the share of light that reaches the ground: cast shadow and contact shadow."""
    spread = SHADOW_SPREAD * reach
    side = 2 * int(np.ceil(spread * unit)) + 1
    cells = min(MAX_SHADOW_CELLS, side)
    axis = np.linspace(-spread, spread, cells, dtype=np.float32)
    x, y = (grid.ravel() for grid in np.meshgrid(axis, -axis))
    ground = np.stack([x, y, (-height - y * viewpoint.up[1]) / viewpoint.up[2]])
    start = rotation.T @ ground.astype(np.float32)
    toward_light = (rotation.T @ viewpoint.light)[:, None]
    contact = np.clip(_distance(parts, start) / 0.45, 0, 1)
    hardness = 2.0 + 3 * (1 - viewpoint.softness)
    # All steps in one call, because few large calls are faster than many small ones.
    samples = (start[:, None] + SHADOW_STEPS[:, None] * toward_light[:, None]).reshape(3, -1)
    clearance = np.float32(hardness / 2) * parts[0].distance(samples)
    # Leaves and stems are too thin, and their distances too inexact, for soft shadows.
    for part in parts[1:]:
        clearance = np.minimum(clearance, 12 * part.distance(samples))
    lit = (clearance.reshape(len(SHADOW_STEPS), -1) / SHADOW_STEPS[:, None]).min(0) + 0.5
    lit = np.clip(lit, 0, 1)
    dark = 1 - (0.36 + 0.64 * lit * lit * (3 - 2 * lit)) * (0.45 + 0.55 * contact)
    # Fade out towards the edges of the square.
    dark *= np.clip(4 - 4 * np.maximum(np.abs(x), np.abs(y)) / spread, 0, 1)
    small = Image.fromarray((1 - dark).astype(np.float32).reshape(cells, cells))
    shadow = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))
    return shadow.clip(0, 1)
