"""Draws one thing: traces its solid from where the camera is, lights it, and casts its shadow.

Camera coordinates are (x right, y up, z towards the camera), in units of the fruit; the projection
is orthographic, so that a drawing can be put down anywhere in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from fruit_caption.rendering.solids import Array, Kind, Part

TRACE_STEPS = 12
"""Steps along each ray. Only rays that graze the skin need as many."""

SHADOW_CELLS = 34
"""Points along each side of a shadow, at most. It is soft, so few are enough."""

_AXIS = np.linspace(-1, 1, 13, dtype=np.float32)
HEIGHT_GRID: Array = np.stack([grid.ravel() for grid in np.meshgrid(_AXIS, _AXIS, _AXIS)])
"""Points (3, points) of a cube, from which the lowest spot of a body is looked for."""

SHADOW_STEPS = np.array([0.08, 0.25, 0.5, 0.8, 1.15, 1.55, 2.0], np.float32)
"""Where the way to the light is looked at, in units of the fruit."""

SHADOW_SPREAD = 1.9
"""Half the side of the shadow's square, in multiples of the fruit's reach."""


@dataclass(frozen=True)
class View:
    """Where the camera and the light are. All vectors are (3,), in camera coordinates.

    Attributes:
        camera: rotation (3, 3) from the world (x right, y away, z up) to the camera.
        light: direction to the light.
        key: color of the light.
        sky: color of the light from all round.
        bounce: color of the light that the ground throws back.
        softness: 0 for a small hard light, 1 for a large soft one.
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
    """A drawn thing, its origin in the middle of every square.

    Attributes:
        color: linear light (side, side, 3).
        cover: share of each pixel that it fills (side, side).
        shadow: light that the ground keeps, 0 to 1 (shadow side, shadow side).
        foot: height of the origin above the ground, in pixels of the picture plane.
    """

    color: Array
    cover: Array
    shadow: Array
    foot: float


def draw_view(rng: np.random.Generator, elevation: float, softest: float = 0.1) -> View:
    """A camera that looks down at `elevation` degrees (90 from right above), and some light.

    The light is at least as soft as `softest`.
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
    return View(
        camera=camera,
        light=camera @ world,
        key=key.astype(np.float32),
        sky=sky.astype(np.float32),
        bounce=np.full(3, 0.16, np.float32),
        softness=float(rng.uniform(softest, 1.0)),
    )


def scaled(sprite: Sprite, by: float) -> Sprite:
    """The sprite `by` times as large, up to rounding: its sides stay odd."""
    cover = _resized(sprite.cover, by)
    # Light is averaged over what is covered only, so that no edge turns dark.
    share: Array = np.maximum(cover, np.float32(0.01))
    light = [_resized(sprite.color[..., hue] * sprite.cover, by) for hue in range(3)]
    color: Array = np.stack(light).transpose(1, 2, 0)
    color /= share[..., None]
    return Sprite(
        color=color,
        cover=cover,
        shadow=_resized(sprite.shadow, by),
        foot=sprite.foot * by,
    )


def _resized(plane: Array, by: float) -> Array:
    side = 2 * round((len(plane) * by - 1) / 2) + 1
    return np.asarray(Image.fromarray(plane).resize((side, side), Image.Resampling.BILINEAR))


def draw_thing(rng: np.random.Generator, kind: Kind, view: View, reach: float) -> Sprite:
    """A thing of one kind, turned by chance, that fits in a circle of `reach` pixels."""
    parts = kind.make(rng)
    turn = (view.camera @ _pose(rng, kind.tilts)).astype(np.float32)
    unit = reach / kind.reach
    half = int(np.ceil(reach)) + 1
    height = _height_above_ground(parts[0], turn.T @ view.up, kind.reach)

    axis = (np.arange(-half, half + 1, dtype=np.float32)) / np.float32(unit)
    x, y = np.meshgrid(axis, -axis)
    ball = kind.reach**2 - x.ravel() ** 2 - y.ravel() ** 2
    near = np.flatnonzero(ball > 0)
    front = np.sqrt(ball[near])
    origins = turn.T @ np.stack([x.ravel()[near], y.ravel()[near], front])
    hits, gaps = _trace(parts, origins, -turn[2], 2 * front, 0.3 / unit)

    share = np.clip(1.3 - gaps * unit, 0, 1)
    seen = share > 0
    # Plane by plane, which is how NumPy is fast.
    color = np.zeros((3, x.size), np.float32)
    cover = np.zeros(x.size, np.float32)
    cover[near] = share
    color[:, near[seen]] = _light(parts, hits[:, seen], turn, view, height)
    return Sprite(
        color=color.reshape(3, *x.shape).transpose(1, 2, 0),
        cover=cover.reshape(x.shape),
        shadow=_shadow(parts, turn, view, height, kind.reach, unit),
        foot=height * float(view.up[1]) * unit,
    )


def _pose(rng: np.random.Generator, tilts: tuple[tuple[float, float], ...]) -> Array:
    """Rotation (3, 3) from a fruit's own coordinates to the world's."""
    low, high = tilts[rng.integers(len(tilts))]
    upright = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    spin, azimuth = rng.uniform(0, 2 * np.pi, 2)
    tilt = np.radians(rng.uniform(low, high))
    turned = _about(2, azimuth) @ _about(0, tilt) @ upright @ _about(1, spin)
    pose: Array = turned.astype(np.float32)
    return pose


def _about(axis: int, angle: float) -> np.ndarray:
    """Rotation (3, 3) about a coordinate axis."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = np.cos(angle)
    turn[second, first] = np.sin(angle)
    turn[first, second] = -turn[second, first]
    return turn


def _height_above_ground(body: Part, up: Array, reach: float) -> float:
    """How far the origin of a fruit lies above the ground that its body rests on, in units.

    The skin lies as far below a point as its distance says, if the point is about right above the
    lowest spot, and less far otherwise.
    """
    points = HEIGHT_GRID * np.float32(reach)
    distance = body.distance(points)
    near = np.abs(distance) < 0.3
    return float((-(up @ points[:, near]) - distance[near]).max())


def _distance(parts: tuple[Part, ...], points: Array) -> Array:
    """Signed distance to the nearest part."""
    nearest = parts[0].distance(points)
    for part in parts[1:]:
        nearest = np.minimum(nearest, part.distance(points))
    return nearest


def _trace(
    parts: tuple[Part, ...], origins: Array, direction: Array, far: Array, near: float
) -> tuple[Array, Array]:
    """Follow rays until they are `near` the skin or have gone `far` (rays,).

    Returns:
        the point (3, rays) where each ray hits, or comes closest, and its distance there (rays,).
    """
    depth = np.zeros_like(far)
    best_depth, best_gap = depth.copy(), np.full_like(far, np.inf)
    going: npt.NDArray[np.intp] = np.arange(depth.size)
    ray = direction[:, None]
    for step in range(TRACE_STEPS):
        reached = depth.take(going)
        gap = _distance(parts, origins.take(going, axis=1) + ray * reached)
        closer = np.flatnonzero(gap < best_gap.take(going))
        index = going[closer]
        best_gap[index], best_depth[index] = gap[closer], reached[closer]
        # Only rays that graze go on for long. They would creep, and may well be hurried: across
        # the skin, a long step is a short one.
        reached += np.maximum(np.float32(0.95) * gap, np.float32((3 + 0.3 * step * step) * near))
        depth[going] = reached
        going = going[(gap > near) & (reached < far.take(going))]
        if not going.size:
            break
    # Where a hurried ray went too deep, back to the skin.
    return origins + ray * (best_depth + np.minimum(best_gap, 0)), np.maximum(best_gap, 0)


def _light(parts: tuple[Part, ...], points: Array, turn: Array, view: View, height: float) -> Array:
    """Linear light (3, points) that the skin sends to the camera."""
    owner = np.argmin(np.stack([part.distance(points) for part in parts]), axis=0)
    normals, color = np.empty_like(points), np.empty_like(points)
    gloss = np.empty(points.shape[1], np.float32)
    for number, part in enumerate(parts):
        mine = np.flatnonzero(owner == number)
        skin = points[:, mine]
        normals[:, mine] = _normals(part, skin)
        color[:, mine] = np.square(np.clip(part.paint(skin), 0, 1))
        gloss[mine] = part.gloss
    openness = np.clip(0.25 + _distance(parts, points + 0.22 * normals) / 0.29, 0.2, 1)
    normals = turn @ normals
    upward = view.up @ normals
    above = view.up @ (turn @ points) + height
    openness *= np.clip(0.45 + above / (2 * height), 0, 1)
    return _shade(color, normals, upward, gloss, openness, view)


def _shade(
    color: Array, normals: Array, upward: Array, gloss: Array, openness: Array, view: View
) -> Array:
    """Lambert's diffuse light and Blinn's highlight, with light from the sky and the ground."""
    wrap = 0.1 + 0.25 * view.softness
    facing = np.clip((view.light @ normals + wrap) / (1 + wrap), 0, 1)
    halfway = view.light + np.array([0, 0, 1], np.float32)
    mirrored = np.clip(halfway @ normals / np.linalg.norm(halfway), 0, 1)
    sharp = 90 - 60 * view.softness
    highlight = gloss * (0.5 * mirrored**sharp + 0.10 * mirrored**8)
    rim = 0.22 * gloss * (1 - np.clip(normals[2], 0, 1)) ** 3 * (0.4 + 0.6 * upward)
    around = 0.5 + 0.5 * upward
    ambient = view.sky[:, None] * around + view.bounce[:, None] * (1 - around)
    diffuse = view.key[:, None] * (facing * np.sqrt(openness)) + ambient * openness
    shine = view.key[:, None] * highlight + view.sky[:, None] * np.clip(rim, 0, 1) * openness
    lit: Array = color * diffuse + shine
    return lit


def _normals(part: Part, points: Array) -> Array:
    """Outward unit vectors (3, points), bumps included, from differences of the distance."""
    step = np.float32(0.012)
    moved = np.repeat(points[:, None], 4, axis=1)
    for axis in range(3):
        moved[axis, axis + 1] += step
    # All four at once: many small calls cost more than one large one.
    moved = moved.reshape(3, -1)
    distance = part.distance(moved)
    skin = (distance if part.relief is None else distance - part.relief(moved)).reshape(4, -1)
    normals: Array = skin[1:] - skin[0]
    normals /= np.sqrt((normals * normals).sum(0)) + np.float32(1e-9)
    return normals


def _shadow(
    parts: tuple[Part, ...], turn: Array, view: View, height: float, reach: float, unit: float
) -> Array:
    """How much light the ground keeps round the fruit: cast shadow and darkness at the contact."""
    spread = SHADOW_SPREAD * reach
    side = 2 * int(np.ceil(spread * unit)) + 1
    cells = min(SHADOW_CELLS, side)
    axis = np.linspace(-spread, spread, cells, dtype=np.float32)
    x, y = (grid.ravel() for grid in np.meshgrid(axis, -axis))
    ground = np.stack([x, y, (-height - y * view.up[1]) / view.up[2]])
    start = turn.T @ ground.astype(np.float32)
    toward = (turn.T @ view.light)[:, None]
    close = np.clip(_distance(parts, start) / 0.45, 0, 1)
    hardness = 2.0 + 3 * (1 - view.softness)
    # All the steps at once: many small calls cost more than one large one.
    on_the_way = (start[:, None] + SHADOW_STEPS[:, None] * toward[:, None]).reshape(3, -1)
    softly = np.float32(hardness / 2) * parts[0].distance(on_the_way)
    # Leaves and stems are too thin, and their distances too rough, for a soft edge.
    for part in parts[1:]:
        softly = np.minimum(softly, 12 * part.distance(on_the_way))
    lit = (softly.reshape(len(SHADOW_STEPS), -1) / SHADOW_STEPS[:, None]).min(0) + 0.5
    lit = np.clip(lit, 0, 1)
    dark = 1 - (0.36 + 0.64 * lit * lit * (3 - 2 * lit)) * (0.45 + 0.55 * close)
    # Nothing may end abruptly where the square does.
    dark *= np.clip(4 - 4 * np.maximum(np.abs(x), np.abs(y)) / spread, 0, 1)
    small = Image.fromarray((1 - dark).astype(np.float32).reshape(cells, cells))
    shadow = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))
    return shadow.clip(0, 1)
