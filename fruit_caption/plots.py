"""Draws the graphs of a comparison as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")  # there may be no screen

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from fruit_caption.files import whole_file

GREYS = ("#bdbdbd", "#8c8c8c")
COLOURS = ("#1b6ca8", "#7fb3d5", "#c0392b", "#e59866")


def draw_accuracy(
    path: Path,
    title: str,
    kinds: Sequence[str],
    scores: Mapping[str, Mapping[str, float | None]],
    baselines: int,
) -> None:
    """Grouped bars: the share of right answers by kind of question.

    Args:
        path: of the PNG.
        title: says what was scored.
        kinds: the groups, in order.
        scores: for each approach its exact match by kind, 0 to 1; baselines first.
        baselines: how many of `scores` are baselines, drawn in grey.
    """
    figure, axes = plt.subplots(figsize=(10, 4.8), layout="constrained")
    colours = [*GREYS[:baselines], *COLOURS]
    width = 0.84 / len(scores)
    for place, (name, exact) in enumerate(scores.items()):
        left = [group - 0.42 + (place + 0.5) * width for group in range(len(kinds))]
        heights = [100 * (exact.get(kind) or 0.0) for kind in kinds]
        bars = axes.bar(left, heights, width * 0.94, label=name, color=colours[place])
        axes.bar_label(bars, fmt="%.0f", fontsize=7, padding=1)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set_ylim(0, 108)
    axes.set_ylabel("right answers (%)")
    axes.set_title(title)
    _tidy(axes)
    axes.legend(
        ncols=len(scores),
        loc="upper center",
        bbox_to_anchor=(0.5, -0.08),
        frameon=False,
        fontsize=8,
    )
    _save(path)
    plt.close(figure)


def draw_learning_curves(path: Path, histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Training loss and validation score of some runs over epochs, side by side.

    Args:
        path: of the PNG.
        histories: for each approach the rows of its `history.csv`.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for (name, rows), colour in zip(histories.items(), [*COLOURS, *GREYS], strict=False):
        epochs = [row["epoch"] for row in rows]
        left.plot(epochs, [row["logits_loss"] for row in rows], label=name, color=colour)
        right.plot(epochs, [100 * row["validation_exact"] for row in rows], color=colour)
    left.set_ylabel("training loss of the answers' words")
    right.set_ylabel("right validation answers (%)")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        _tidy(axes)
    figure.legend(
        *left.get_legend_handles_labels(),
        ncols=len(histories),
        loc="outside lower center",
        frameon=False,
        fontsize=8,
    )
    _save(path)
    plt.close(figure)


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)


def _save(path: Path) -> None:
    with whole_file(path) as draft:
        plt.savefig(draft, dpi=150)
