"""Style of all graphs: transparent, readable on white and on dark pages, color-blind safe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.figure import Figure

from fruit_caption.utils.files import atomic_write

INK = "#787878"
"""Color of text and lines: contrast above 4:1 on white and on GitHub's dark background #0d1117."""

BLUE, SKY, VERMILION, ORANGE = "#0072b2", "#56b4e9", "#d55e00", "#e69f00"
GREEN, PURPLE = "#009e73", "#cc79a7"
"""The colors of Okabe & Ito (2008) that are visible on both white and black."""

APPROACH_COLORS: Mapping[str, str] = {
    "pretrained + attention": BLUE,
    "pretrained": SKY,
    "scratch + attention": VERMILION,
    "scratch": ORANGE,
    "majority": "#b4b4b4",
    "question alone": "#949494",
    "blind": "#747474",
    "color histogram": "#545454",
}
"""Fixed colors of the compared approaches, the same in all graphs; baselines are gray."""

SPARE_COLORS = (GREEN, PURPLE, BLUE, SKY, VERMILION, ORANGE)
"""Colors for other approaches, in order of preference."""

FIGURE_WIDTH = 8.0
"""Width of figures in inches. Shown 800 pixels wide in a README, 10 points are 14 pixels."""

STYLE = {
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK
    ),
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": INK,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "figure.constrained_layout.wspace": 0.05,
    "savefig.dpi": 150,
    "savefig.transparent": True,
}


def assign_colors(approaches: Iterable[str]) -> dict[str, str]:
    """Map each approach to its fixed color, or to a spare one that no listed approach has."""
    approaches = list(approaches)
    used = {APPROACH_COLORS.get(name) for name in approaches}
    spare = cycle(color for color in SPARE_COLORS if color not in used)
    return {name: APPROACH_COLORS.get(name) or next(spare) for name in approaches}


@contextmanager
def new_figure(path: Path, height: float) -> Iterator[Figure]:
    """Yield a figure to draw on and save it when the block ends.

    Args:
        path: File to write; its suffix determines the format.
        height: Height of the figure in inches.

    Raises:
        FruitError: The file can't be written.
    """
    with style.context(["default", STYLE]):  # "default" overrides the user's own style
        figure = Figure(figsize=(FIGURE_WIDTH, height), layout="constrained")
        yield figure
        with atomic_write(path) as draft:
            figure.savefig(draft)


def bar_style(color: str) -> dict[str, Any]:
    """Keyword arguments for `Axes.bar`: half-transparent, so that lines on it stay visible."""
    return {"facecolor": (color, 0.5), "edgecolor": color, "linewidth": 1}


def percent_ranges(groups: Iterable[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Minimum and maximum in percent of each group of shares, as `Axes.vlines` takes them."""
    groups = list(groups)
    return [100 * min(shares) for shares in groups], [100 * max(shares) for shares in groups]
