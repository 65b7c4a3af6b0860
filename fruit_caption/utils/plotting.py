"""How graphs look: transparent, in colors that the color-blind can tell apart.

They can be seen on a white page as on a dark one.
"""

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
"""Of text and lines: a contrast of more than 4 to 1 to white and to GitHub's dark #0d1117."""

BLUE, SKY, VERMILION, ORANGE = "#0072b2", "#56b4e9", "#d55e00", "#e69f00"
GREEN, PURPLE = "#009e73", "#cc79a7"
"""Those of Okabe & Ito (2008) that can be seen on white and on black."""

COLORS: Mapping[str, str] = {
    "pretrained + attention": BLUE,
    "pretrained": SKY,
    "scratch + attention": VERMILION,
    "scratch": ORANGE,
    "majority": "#b4b4b4",
    "question alone": "#949494",
    "blind": "#747474",
    "color histogram": "#545454",
}
"""Every approach has the same color everywhere; baselines are gray."""

_SPARE = (GREEN, PURPLE, BLUE, SKY, VERMILION, ORANGE)
WIDTH = 8.0
"""Inches; at 800 pixels, the width of a README, 10 points are 14 pixels."""
_STYLE = {
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


def colors_of(names: Iterable[str]) -> dict[str, str]:
    """The color of each approach: its own, or one that no other has."""
    names = list(names)
    known = {COLORS.get(name) for name in names}
    spare = cycle(color for color in _SPARE if color not in known)
    return {name: COLORS.get(name) or next(spare) for name in names}


@contextmanager
def new_figure(path: Path, height: float) -> Iterator[Figure]:
    """A figure so many inches high, to draw on; then it is saved; raises as `atomic_write` does."""
    # Nothing is left of a style that the user has set.
    with style.context(["default", _STYLE]):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        yield figure
        with atomic_write(path) as draft:
            figure.savefig(draft)


def filled(color: str) -> dict[str, Any]:
    """How a bar is drawn, so that a line of its color is seen on it."""
    return {"facecolor": (color, 0.5), "edgecolor": color, "linewidth": 1}


def spreads(shares: Iterable[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Where the lines from the lowest to the highest of some shares begin and end, in %."""
    shares = list(shares)
    return [100 * min(each) for each in shares], [100 * max(each) for each in shares]
