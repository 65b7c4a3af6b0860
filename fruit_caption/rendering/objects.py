"""Models of objects: solid parts with a shape, a texture and a gloss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from fruit_caption.rendering.sdf import Field, Y, intersected, translated
from fruit_caption.rendering.textures import mix

CUT_TOLERANCE = 0.04
"""Depth below the cut of a half that still shows flesh, because rays may stop a little off it."""


@dataclass(frozen=True)
class Part:
    """One solid part of an object.

    Attributes:
        distance: Signed distance to the surface.
        texture: sRGB color of the surface.
        gloss: Strength of the highlight, 0 (felt) to 1 (lacquer).
        relief: Height of bumps too fine to change the silhouette, or None.
    """

    distance: Field
    texture: Field
    gloss: float = 0.3
    relief: Field | None = None


Parts = tuple[Part, ...]

PartMaker = Callable[[np.random.Generator], Parts]
"""Makes a random example of an object; its body is the first part."""


@dataclass(frozen=True)
class ObjectModel:
    """A kind of fruit or other object that can be drawn.

    Attributes:
        make: Makes a random example.
        radius_cm: Real size of one unit of the object's coordinates, in centimeters.
        reach: Radius of a ball around the origin that contains the object, in units.
        tilts: Ranges of the angle between stem and vertical at which the object rests, in degrees.
    """

    make: PartMaker
    radius_cm: float
    reach: float
    tilts: tuple[tuple[float, float], ...]


def lowered(part: Part, by: float) -> Part:
    """Move a part down the axis."""
    move = partial(translated, x=0, y=-by, z=0)
    relief = part.relief and move(part.relief)
    return Part(move(part.distance), move(part.texture), part.gloss, relief)


def halved(part: Part, flesh: Field) -> Part:
    """Return the lower half of a part, cut across the stem axis, with `flesh` on the cut.

    It is moved up so that the middle of its height is near the origin.
    """
    texture = mix(part.texture, flesh, Y > -CUT_TOLERANCE)
    relief = part.relief and part.relief * (Y < -CUT_TOLERANCE)
    return lowered(Part(intersected(part.distance, Y), texture, part.gloss, relief), -0.35)
