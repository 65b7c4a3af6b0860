"""Numbered marks on the detected fruits, as a drawing that lies on top of the photo."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape
from itertools import combinations, cycle
from math import dist

from fruit_caption.inference.points import Point

COLORS = (
    "#c2410c", "#1d4ed8", "#047857", "#a21caf", "#0e7490", "#be123c", "#4d7c0f", "#92400e",
)  # fmt: skip
"""Colors of the kinds of fruit; white numbers are legible on all of them."""

MAX_RADIUS, MIN_RADIUS = 0.03, 0.015
"""Radius of a numbered mark, as a share of the photo's longer side: smaller on dense fruit."""


def kind_colors(fruits: Iterable[str]) -> dict[str, str]:
    """Return a color for each kind of fruit."""
    return dict(zip(dict.fromkeys(fruits), cycle(COLORS), strict=False))


def draw_marks(
    points: Sequence[Point],
    size: tuple[int, int],
    asked: Collection[str],
    one_series: bool = False,
) -> str:
    """Draw a mark on each detected fruit.

    Args:
        points: The detected fruits.
        size: Width and height of the photo in pixels.
        asked: Kinds that the question is about. Their marks have numbers; others are small.
        one_series: Whether the numbers go on from kind to kind instead of starting at 1 again.

    Returns:
        An SVG element in the coordinates of the photo.
    """
    width, height = size
    radius = _radius(points, max(size))
    colors = kind_colors(point.fruit for point in points)
    numbers: dict[str, int] = {}
    marks = []
    for point in points:
        x, y, color = f"{point.x:.1f}", f"{point.y:.1f}", colors[point.fruit]
        name = f"<title>{escape(point.fruit)}</title>"
        if point.fruit not in asked:
            marks.append(
                f'<circle class="other" cx="{x}" cy="{y}" r="{radius * 0.35:.1f}" '
                f'fill="{color}">{name}</circle>'
            )
            continue
        series = "" if one_series else point.fruit
        numbers[series] = numbers.get(series, 0) + 1
        marks.append(
            f'<g><circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="{color}">{name}</circle>'
            f'<text x="{x}" y="{y}" font-size="{radius * 1.3:.1f}">{numbers[series]}</text></g>'
        )
    return (
        f'<svg viewBox="0 0 {width} {height}" stroke-width="{radius * 0.18:.1f}" role="img" '
        f'aria-label="marks on the detected fruits">{"".join(marks)}</svg>'
    )


def _radius(points: Sequence[Point], side: int) -> float:
    """Return a radius with which the marks of neighbors hardly overlap."""
    distances = [dist((a.x, a.y), (b.x, b.y)) for a, b in combinations(points, 2)]
    nearest = min(distances, default=side)
    return min(max(0.5 * nearest, MIN_RADIUS * side), MAX_RADIUS * side)
