"""Draws an answer over its photo: where the model finds fruit, and its attention for each word.

The attention maps follow Show, Attend and Tell (Xu et al. 2015): the grid of weights is upsampled
and laid over the photo. Fruits are the peaks of the density maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap
from typing import NamedTuple
from warnings import catch_warnings, filterwarnings

import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from fruit_caption.utils.images import PictureInput, letterbox_offset, to_picture
from fruit_caption.utils.plotting import (
    BLUE,
    FIGURE_WIDTH,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    new_figure,
)

MIN_PEAK_MASS = 0.4
"""Minimum mass of a peak, in fruits. On validation photos, 0.4 finds 86 % of the fruits and 90 % of
the peaks lie on one; 0.3 gives 91 and 83 %, 0.5 gives 77 and 96 %."""

COLUMNS = 5
"""Number of attention maps in a row."""

MAX_PHOTO_SIDE = 640
"""Maximum length of the photo's longer side in the drawing, in pixels."""

ATTENTION_NOTE = "Brighter: more attention while generating the word; one scale for all words."
NO_ATTENTION_NOTE = "This model has no attention: every word is generated from the whole photo."

_MARKERS = tuple(zip((VERMILION, BLUE, GREEN, PURPLE, ORANGE, SKY), "osDph8", strict=True))


class Peak(NamedTuple):
    """A peak of a density map.

    Attributes:
        row: Row of the cell.
        column: Column of the cell.
        fruit: Number of the density map.
        mass: Sum of the density that belongs to the peak, in fruits.
    """

    row: int
    column: int
    fruit: int
    mass: float


@dataclass(frozen=True, eq=False)
class Overlay:
    """What to draw over a photo.

    Attributes:
        picture: The photo.
        title: Texts above the drawing, such as the question and the answer; long ones are wrapped.
        density: Density maps, (rows, columns, fruits).
        fruits: Name of each density map.
        words: Words of the answer.
        probabilities: Probability of each word, 0 to 1.
        attention: Attention weights of each word, (words, rows, columns), or None for a model
            without attention.
    """

    picture: PictureInput
    title: Sequence[str]
    density: np.ndarray
    fruits: Sequence[str]
    words: Sequence[str]
    probabilities: Sequence[float]
    attention: np.ndarray | None

    def image(self) -> Image.Image:
        """Return the drawing as an image; raises the same errors as `draw`."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "overlay.png"
            self.draw(path)
            with Image.open(path) as image:
                return image.copy()

    def draw(self, path: Path) -> None:
        """Write the drawing as a transparent PNG.

        The photo with a marker on each fruit comes first, then one attention map for each word, all
        on the same scale.

        Args:
            path: The PNG file to write.

        Raises:
            PictureError: The photo can't be read.
            FruitError: The file can't be written.
        """
        photo = to_picture(self.picture)
        photo.thumbnail((MAX_PHOTO_SIDE, MAX_PHOTO_SIDE))
        attention = self.attention
        maps = [] if attention is None else list(attention / attention.max(initial=0))
        rows = ceil(len(maps) / COLUMNS)
        header = [line for text in self.title for line in wrap(text, 70, max_lines=4)]
        shape = min(max(photo.height / photo.width, 0.3), 1.4)
        heights = [0.45 * FIGURE_WIDTH * min(shape, 1.0), *[FIGURE_WIDTH / COLUMNS * shape] * rows]
        height = sum(heights) + 0.3 * (len(header) + rows + 1)
        with catch_warnings(), new_figure(path, height) as figure:
            filterwarnings("ignore", "Glyph")  # the question may hold characters the font lacks
            left = {"x": 0.005, "ha": "left"}
            figure.suptitle("\n".join(header), size=14, parse_math=False, **left)
            note = NO_ATTENTION_NOTE if attention is None else ATTENTION_NOTE
            figure.supxlabel(note, size=10, **left)
            grid = figure.add_gridspec(1 + rows, COLUMNS, height_ratios=heights)
            self._draw_fruits(figure.add_subplot(grid[0, :]), photo)
            for number, weights in enumerate(maps):
                axes = figure.add_subplot(grid[1 + number // COLUMNS, number % COLUMNS])
                percent = 100 * self.probabilities[number]
                axes.set_title(f"{self.words[number]}  {percent:.0f} %", loc="left")
                _draw_attention(axes, photo, weights)

    def _draw_fruits(self, axes: Axes, photo: Image.Image) -> None:
        """Draw the photo, a numbered marker on every peak, and a legend with the counts."""
        axes.imshow(photo)
        axes.set_anchor("NW")
        axes.set_axis_off()
        if not self.fruits:
            return
        density = self.density[:, :, : len(self.fruits)]
        peaks = find_peaks(density)
        fruits = sorted({peak.fruit for peak in peaks})
        for fruit, (color, marker) in zip(fruits, cycle(_MARKERS), strict=False):
            points = [
                _center(peak, density.shape, photo.size) for peak in peaks if peak.fruit == fruit
            ]
            label = f"{self.fruits[fruit]}: {density[:, :, fruit].sum():.1f}"
            x, y = np.transpose(points)
            markers = axes.scatter(x, y, 170, "#000000b0", marker=marker, linewidths=2, label=label)
            markers.set_edgecolor(color)
            for number, point in enumerate(points, start=1):
                axes.annotate(str(number), point, ha="center", va="center", color="white", size=8)
        # Passing the handles keeps matplotlib from warning about an empty legend.
        handles = axes.get_legend_handles_labels()
        legend = axes.legend(*handles, loc="upper left", bbox_to_anchor=(1, 1), labelspacing=0.9)
        legend.set_title("sum of each density map" if peaks else "no fruit in the density maps")
        legend.set_alignment("left")


def undo_letterbox(grid: np.ndarray, width: int, height: int) -> np.ndarray:
    """Map a grid over the letterboxed square back to the photo.

    Args:
        grid: Values over the square, (rows, columns).
        width: Width of the photo in pixels.
        height: Height of the photo in pixels.

    Returns:
        float32 (height, width), upsampled bicubically and clipped to the range of the grid.
    """
    longest = max(width, height)
    left, top = letterbox_offset(width, height, longest)
    rows, columns = grid.shape
    box = np.array([left, top, left + width, top + height]) * [columns, rows, columns, rows]
    upsampled = Image.fromarray(grid.astype("float32")).resize(
        (width, height), Image.Resampling.BICUBIC, tuple(box / longest)
    )
    return np.asarray(upsampled).clip(grid.min(), grid.max())


def find_peaks(density: np.ndarray) -> list[Peak]:
    """Find the fruits in density maps by hill climbing.

    Each cell belongs to the local maximum that is reached by moving to the largest neighbor again
    and again. A maximum whose cells sum to `MIN_PEAK_MASS` or more is a peak. So a large fruit,
    whose density is spread over many cells, is found as well as a small one.

    Args:
        density: Density maps, (rows, columns, fruits).

    Returns:
        The peaks, map by map and row by row.
    """
    peaks = []
    for fruit in range(density.shape[2]):
        grid = density[:, :, fruit]
        masses = np.bincount(_local_maxima(grid), weights=grid.ravel())
        for cell in np.flatnonzero(masses >= MIN_PEAK_MASS):
            row, column = divmod(int(cell), grid.shape[1])
            peaks.append(Peak(row, column, fruit, float(masses[cell])))
    return peaks


def _draw_attention(axes: Axes, photo: Image.Image, weights: np.ndarray) -> None:
    """Draw the photo in dark gray under a heat map of attention weights from 0 to 1."""
    # The square root makes small weights visible.
    heat = np.sqrt(undo_letterbox(weights, *photo.size))
    axes.imshow(photo.convert("L"), cmap="gray", vmin=0, vmax=510)
    axes.imshow(heat, cmap="inferno", alpha=heat, vmin=0, vmax=1)
    axes.set_anchor("NW")
    axes.set_axis_off()


def _local_maxima(grid: np.ndarray) -> np.ndarray:
    """Return the flat index of the local maximum that each cell climbs to, (cells,)."""
    padded = np.pad(grid, 1, constant_values=-np.inf)
    neighbors = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).reshape(-1, 9)
    down, across = np.divmod(neighbors.argmax(axis=1), 3)
    uphill = np.arange(grid.size) + (down - 1) * grid.shape[1] + across - 1
    while (uphill != uphill[uphill]).any():
        uphill = uphill[uphill]
    return uphill


def _center(peak: Peak, grid: tuple[int, ...], size: tuple[int, int]) -> tuple[float, float]:
    """Return the center of a peak's cell in a photo of size (width, height), in pixels."""
    left, top = letterbox_offset(*size, max(size))
    x, y = (peak.column + 0.5) / grid[1], (peak.row + 0.5) / grid[0]
    return x * max(size) - left - 0.5, y * max(size) - top - 0.5
