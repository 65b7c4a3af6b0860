"""Draws an answer over its photo: where the model finds fruit, and its attention for each word.

The attention maps follow Show, Attend and Tell (Xu et al. 2015): the grid of weights is upsampled
and laid over the photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap
from warnings import catch_warnings, filterwarnings

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from PIL import Image

from fruit_caption.inference.points import Point
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

COLUMNS = 5
"""Number of attention maps in a row."""

MAX_PHOTO_SIDE = 640
"""Maximum length of the photo's longer side in the drawing, in pixels."""

ATTENTION_NOTE = "Brighter: more attention while generating the word; one scale for all words."
COMPOSED_NOTE = "This answer follows from several others, so there is no attention to show."
NO_ATTENTION_NOTE = "This model has no attention: every word is generated from the whole photo."

_MARKERS = tuple(zip((VERMILION, BLUE, GREEN, PURPLE, ORANGE, SKY), "osDph8", strict=True))


@dataclass(frozen=True, eq=False)
class Overlay:
    """What to draw over a photo.

    Attributes:
        picture: The photo.
        title: Texts above the drawing, such as the question and the answer; long ones are wrapped.
        points: The detected fruits, see `points.find_points`.
        fruits: Names of the fruits that the model can detect.
        asked: The fruit that the question is about, or None if it is not about a single one.
        words: Words of the answer.
        probabilities: Probability of each word, 0 to 1.
        attention: Attention weights of each word, (words, rows, columns), or None for a model
            without attention.
    """

    picture: PictureInput
    title: Sequence[str]
    points: Sequence[Point]
    fruits: Sequence[str]
    asked: str | None
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

        The photo with a mark on each detected fruit comes first, then one attention map for each
        word, all on the same scale.

        Args:
            path: The PNG file to write.

        Raises:
            PictureError: The photo can't be read.
            FruitError: The file can't be written.
        """
        photo = to_picture(self.picture)
        size = photo.size
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
            without = NO_ATTENTION_NOTE if self.words else COMPOSED_NOTE
            note = without if attention is None else ATTENTION_NOTE
            figure.supxlabel(note, size=10, **left)
            grid = figure.add_gridspec(1 + rows, COLUMNS, height_ratios=heights)
            self._draw_fruits(figure.add_subplot(grid[0, :]), photo, size)
            for number, weights in enumerate(maps):
                axes = figure.add_subplot(grid[1 + number // COLUMNS, number % COLUMNS])
                percent = 100 * self.probabilities[number]
                axes.set_title(f"{self.words[number]}  {percent:.0f} %", loc="left")
                _draw_attention(axes, photo, weights)

    def _draw_fruits(self, axes: Axes, photo: Image.Image, size: tuple[int, int]) -> None:
        """Draw the photo, a mark on every detected fruit, and a legend with their numbers.

        Args:
            axes: Where to draw.
            photo: The photo, perhaps scaled down.
            size: Width and height of the photo in pixels before that.
        """
        axes.imshow(photo, extent=(0, size[0], size[1], 0))  # the pixels that points are in
        axes.set_anchor("NW")
        axes.set_axis_off()
        if not self.fruits:
            return
        names = dict.fromkeys(point.fruit for point in self.points)
        for name, style in zip(names, cycle(_MARKERS), strict=False):
            points = [(point.x, point.y) for point in self.points if point.fruit == name]
            is_counted = self.asked in (None, name)
            _draw_marks(axes, points, style, f"{name}: {len(points)}", is_counted)
        # Passing the handles keeps matplotlib from warning about an empty legend.
        handles = axes.get_legend_handles_labels()
        legend = axes.legend(*handles, loc="upper left", bbox_to_anchor=(1, 1), labelspacing=0.9)
        if not names:
            legend.set_title("no fruit detected")


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


def _draw_marks(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    style: tuple[str, str],
    label: str,
    is_counted: bool,
) -> None:
    """Draw hollow marks, so that small fruit stays visible, with a number beside each.

    Args:
        axes: Where to draw.
        points: Coordinates (x, y) of the marks.
        style: Color and marker.
        label: Text in the legend.
        is_counted: Whether the question is about these fruits; else the marks are smaller and have
            no numbers.
    """
    color, marker = style
    area, width = (150, 2.5) if is_counted else (28, 1.2)
    x, y = np.transpose(points)
    marks = axes.scatter(x, y, area, "none", marker=marker, linewidths=width, label=label)
    marks.set_edgecolor(color)
    # White around the color, and black around white numbers, stand out from any photo.
    marks.set_path_effects([withStroke(linewidth=width + 2, foreground="white")])
    for number, point in enumerate(points if is_counted else (), start=1):
        text = axes.annotate(
            str(number),
            point,
            (7, 5),
            textcoords="offset points",
            color="white",
            size=15,
            weight="bold",
        )
        text.set_path_effects([withStroke(linewidth=3.5, foreground="black")])


def _draw_attention(axes: Axes, photo: Image.Image, weights: np.ndarray) -> None:
    """Draw the photo in dark gray under a heat map of attention weights from 0 to 1."""
    # The square root makes small weights visible.
    heat = np.sqrt(undo_letterbox(weights, *photo.size))
    axes.imshow(photo.convert("L"), cmap="gray", vmin=0, vmax=510)
    axes.imshow(heat, cmap="inferno", alpha=heat, vmin=0, vmax=1)
    axes.set_anchor("NW")
    axes.set_axis_off()
