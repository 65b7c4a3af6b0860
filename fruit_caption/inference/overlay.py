"""Draws over a photo where a model sees fruit, and where it looks while it says each word.

Show, Attend and Tell (Xu et al. 2015) made such pictures: attention is a grid of weights, and the
grid lies over the photo once the letterbox is undone.
"""

from __future__ import annotations

from itertools import cycle
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple
from warnings import catch_warnings, filterwarnings

import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from fruit_caption.utils.images import letterbox_offset, to_picture
from fruit_caption.utils.plotting import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDTH,
    new_figure,
)

if TYPE_CHECKING:
    from fruit_caption.inference.answer import Answer

LEAST_MASS = 0.4
"""So much of a fruit makes a peak. On validation photos this found 86 % of the fruits, and 90 % of
the peaks lay on one; with 0.3 it was 91 and 83 %, with 0.5 77 and 96 %."""

ACROSS = 5
"""Words beside each other."""

BRIGHTNESS = "The brighter, the more it looked there for the word; one scale for all words."
NO_ATTENTION = "This model has no attention: it looks at the whole photo at once."

_LARGEST = 640
"""Pixels of the photo's longer side: more would not be seen."""
_LOOKS = tuple(zip((VERMILION, BLUE, GREEN, PURPLE, ORANGE, SKY), "osDph8", strict=True))


class Peak(NamedTuple):
    """A cell where density map number `fruit` says that one is, and how much of it lies there."""

    row: int
    column: int
    fruit: int
    mass: float


def undo_letterbox(grid: np.ndarray, width: int, height: int) -> np.ndarray:
    """Lay a grid over the letterboxed square, (rows, columns), over the photo itself.

    Returns:
        float32 (height, width), smoothly upsampled, never above or below what the grid holds.
    """
    longest = max(width, height)
    left, top = letterbox_offset(width, height, longest)
    rows, columns = grid.shape
    box = np.array([left, top, left + width, top + height]) * [columns, rows, columns, rows]
    upsampled = Image.fromarray(grid.astype("float32")).resize(
        (width, height), Image.Resampling.BICUBIC, tuple(box / longest)
    )
    return np.asarray(upsampled).clip(grid.min(), grid.max())


def peaks(density: np.ndarray) -> list[Peak]:
    """Where density maps, (rows, columns, fruits), say that fruits are.

    From every cell one climbs to the largest of its neighbors until none is larger. A summit has
    the mass of all cells from which one comes to it, and is a peak if that is `LEAST_MASS` or more.
    So a large fruit, whose blob covers many cells, is found as well as a small one.
    """
    found = []
    for fruit in range(density.shape[2]):
        grid = density[:, :, fruit]
        masses = np.bincount(_summits(grid), weights=grid.ravel())
        for cell in np.flatnonzero(masses >= LEAST_MASS):
            row, column = divmod(int(cell), grid.shape[1])
            found.append(Peak(row, column, fruit, float(masses[cell])))
    return found


def overlay(answer: Answer) -> Image.Image:
    """The picture that `draw_overlay` draws; raises the same."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "overlay.png"
        draw_overlay(path, answer)
        with Image.open(path) as drawn:
            return drawn.copy()


def draw_overlay(path: Path, answer: Answer) -> None:
    """Draw an answer: the photo with the fruits that are seen, and the photo for each word with
    what was looked at, as a transparent PNG.

    The maps of all words share one scale. Of a model without attention only the fruits are shown.

    Raises:
        PictureError: the photo can't be read any more.
        FruitError: the file can't be written.
    """
    photo = to_picture(answer.picture)
    photo.thumbnail((_LARGEST, _LARGEST))
    attention = answer.attention
    looked = [] if attention is None else list(attention / attention.max(initial=0))
    rows = ceil(len(looked) / ACROSS)
    said = f"{answer.text} ({100 * answer.confidence:.0f} % sure)"
    header = [line for text in (answer.question, said) for line in wrap(text, 70, max_lines=4)]
    shape = min(max(photo.height / photo.width, 0.3), 1.4)
    heights = [0.45 * WIDTH * min(shape, 1.0), *[WIDTH / ACROSS * shape] * rows]
    height = sum(heights) + 0.3 * (len(header) + rows + 1)
    with catch_warnings(), new_figure(path, height) as figure:
        filterwarnings("ignore", "Glyph")  # a question may hold signs that the font lacks
        left = {"x": 0.005, "ha": "left"}
        figure.suptitle("\n".join(header), size=14, parse_math=False, **left)
        figure.supxlabel(NO_ATTENTION if attention is None else BRIGHTNESS, size=10, **left)
        grid = figure.add_gridspec(1 + rows, ACROSS, height_ratios=heights)
        _draw_fruits(figure.add_subplot(grid[0, :]), photo, answer)
        for number, weights in enumerate(looked):
            axes = figure.add_subplot(grid[1 + number // ACROSS, number % ACROSS])
            percent = 100 * answer.probabilities[number]
            axes.set_title(f"{answer.words[number]}  {percent:.0f} %", loc="left")
            _draw_heat(axes, photo, weights)


def _draw_fruits(axes: Axes, photo: Image.Image, answer: Answer) -> None:
    """The photo with a numbered marker on every peak; beside it their kinds and how many."""
    axes.imshow(photo)
    axes.set_anchor("NW")
    axes.set_axis_off()
    if not answer.fruits:
        return
    density = answer.density[:, :, : len(answer.fruits)]
    found = peaks(density)
    kinds = sorted({peak.fruit for peak in found})
    for fruit, (color, marker) in zip(kinds, cycle(_LOOKS), strict=False):
        places = [_place(peak, density.shape, photo.size) for peak in found if peak.fruit == fruit]
        label = f"{answer.fruits[fruit]}: {density[:, :, fruit].sum():.1f}"
        x, y = np.transpose(places)
        marks = axes.scatter(x, y, 170, "#000000b0", marker=marker, linewidths=2, label=label)
        marks.set_edgecolor(color)
        for number, place in enumerate(places, start=1):
            axes.annotate(str(number), place, ha="center", va="center", color="white", size=8)
    title = f"{'counted by' if found else 'nothing in'} its density maps"
    # They are named, for matplotlib warns of a legend that finds none.
    named = axes.get_legend_handles_labels()
    legend = axes.legend(*named, loc="upper left", bbox_to_anchor=(1, 1), labelspacing=0.9)
    legend.set_title(title)
    legend.set_alignment("left")


def _draw_heat(axes: Axes, photo: Image.Image, looked: np.ndarray) -> None:
    """The photo in dark gray, and in the colors of heat where it was looked at, 0 to 1."""
    # The root of the weights shows what was looked at a little, too.
    heat = np.sqrt(undo_letterbox(looked, *photo.size))
    axes.imshow(photo.convert("L"), cmap="gray", vmin=0, vmax=510)
    axes.imshow(heat, cmap="inferno", alpha=heat, vmin=0, vmax=1)
    axes.set_anchor("NW")
    axes.set_axis_off()


def _summits(grid: np.ndarray) -> np.ndarray:
    """For each cell, row by row, the number of the cell that one comes to by climbing."""
    padded = np.pad(grid, 1, constant_values=-np.inf)
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).reshape(-1, 9)
    down, across = np.divmod(around.argmax(axis=1), 3)
    up = np.arange(grid.size) + (down - 1) * grid.shape[1] + across - 1
    while (up != up[up]).any():
        up = up[up]
    return up


def _place(peak: Peak, grid: tuple[int, ...], size: tuple[int, int]) -> tuple[float, float]:
    """The middle of a peak's cell in a photo of some width and height, in its pixels."""
    left, top = letterbox_offset(*size, max(size))
    x, y = (peak.column + 0.5) / grid[1], (peak.row + 0.5) / grid[0]
    return x * max(size) - left - 0.5, y * max(size) - top - 0.5
