"""The graphs of a comparison: accuracy, learning curves and cost of each approach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import ceil
from pathlib import Path
from statistics import fmean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from fruit_caption.runs import STAGES
from fruit_caption.utils.plotting import assign_colors, bar_style, new_figure, percent_ranges

_MARKERS = "osD^vPX"

MAX_UPRIGHT = 8
"""Maximum number of bars side by side on which numbers stand upright without touching."""


@dataclass(frozen=True)
class Cost:
    """Cost and accuracy of an approach.

    Attributes:
        parameters: The number of parameters of the whole model, including frozen ones.
        minutes: The training time, or None if unknown.
        milliseconds: The time for one answer, or None if unknown.
        exact: The share of right answers of each seed, from 0 to 1.
    """

    parameters: int
    minutes: float | None
    milliseconds: float | None
    exact: Sequence[float]


def draw_accuracy(
    path: Path,
    title: str,
    kinds: Sequence[str],
    scores: Mapping[str, Mapping[str, Sequence[float]]],
) -> None:
    """Draw grouped bars of the share of right answers by kind of question.

    A bar is the mean over the seeds; a line on it extends from the lowest to the highest seed.

    Args:
        path: The PNG file to write.
        title: The title of the graph.
        kinds: The kinds of question, in the order of the groups.
        scores: For each approach and kind, the share of right answers of each seed, from 0 to 1.
    """
    colors = assign_colors(scores)
    width = 0.88 / len(scores)
    with new_figure(path, 4.8) as figure:
        axes = figure.subplots()
        for number, (name, by_kind) in enumerate(scores.items()):
            offset = (number + 0.5) * width - 0.44
            bars = {x + offset: by_kind.get(kind, ()) for x, kind in enumerate(kinds)}
            bars = {x: shares for x, shares in bars.items() if shares}
            means = [100 * fmean(shares) for shares in bars.values()]
            axes.bar(list(bars), means, width * 0.86, label=name, **bar_style(colors[name]))
            axes.vlines(list(bars), *percent_ranges(bars.values()), colors[name], lw=2)
            for (x, shares), mean in zip(bars.items(), means, strict=True):
                axes.annotate(
                    f"{mean:.0f}",
                    (x, 100 * max(shares)),
                    (0, 3),
                    textcoords="offset points",
                    ha="center",
                    size=8,
                    rotation=90 if len(scores) > MAX_UPRIGHT else 0,
                )
        axes.set_xticks(range(len(kinds)), kinds)
        axes.set_ylim(0, 106)
        axes.set_ylabel("right answers (%)")
        axes.set_title(title)
        axes.grid(axis="y")
        several = any(len(shares) > 1 for row in scores.values() for shares in row.values())
        _legend(figure, axes, "bar: mean over seeds; line: lowest to highest" if several else None)


def draw_learning_curves(
    path: Path, histories: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]]
) -> None:
    """Draw training loss and validation score over the epochs of each stage.

    A thick line is the mean over the seeds, up to the last epoch that all of them reached; thin
    lines are the seeds. The line of a variant without attention is dashed if it stands beside the
    one with attention, because both may share a detector.

    Args:
        path: The PNG file to write.
        histories: The rows of `history.csv` for each approach and seed.
    """
    colors = assign_colors(histories)
    trained = {row["stage"] for by_seed in histories.values() for rows in by_seed for row in rows}
    stages = [stage for stage in STAGES if stage in trained] or STAGES
    with new_figure(path, 6.4) as figure:
        panels = figure.subplots(2, len(stages), sharex="col", squeeze=False)
        for stage, (upper, lower) in zip(stages, panels.T, strict=True):
            for name, by_seed in histories.items():
                of_stage = [[row for row in rows if row["stage"] == stage] for rows in by_seed]
                losses = [[row["loss"] for row in rows] for rows in of_stage]
                scores = [[100 * row["validation"] for row in rows] for rows in of_stage]
                style = "--" if f"{name} + attention" in histories else "-"
                _draw_curves(upper, name, losses, colors[name], style)
                _draw_curves(lower, name, scores, colors[name], style)
            upper.set_title(stage)
            _set_log_scale(upper)
            lower.set_xlabel("epoch")
            lower.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        panels[0, 0].set_ylabel("training loss")
        panels[1, 0].set_ylabel("right on validation photos (%)")
        for axes in panels.flat:
            axes.grid(axis="y")
        several = any(len(by_seed) > 1 for by_seed in histories.values())
        _legend(
            figure, panels[0, 0], "thick: mean over seeds; thin: each seed" if several else None
        )


def _draw_curves(
    axes: Axes, name: str, curves: Sequence[Sequence[float]], color: str, style: str
) -> None:
    """Draw the curves of all seeds of an approach, and their mean."""
    mean = [fmean(values) for values in zip(*curves, strict=False)]
    marker = "o" if len(mean) == 1 else ""  # a line of one point can't be seen
    axes.plot(range(1, len(mean) + 1), mean, label=name, color=color, lw=2, ls=style, marker=marker)
    for curve in curves if len(curves) > 1 else ():
        axes.plot(range(1, len(curve) + 1), curve, color=color, lw=0.7)


def _set_log_scale(axes: Axes) -> None:
    """Show losses on a logarithmic scale, with plain numbers."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    low, high = axes.get_ylim()
    # Within one power of ten, only smaller steps have labels.
    axes.yaxis.set_minor_formatter("{x:g}" if high < 10 * low else NullFormatter())


def draw_cost(path: Path, costs: Mapping[str, Cost]) -> None:
    """Draw the share of right answers against parameters, training time and answering time.

    A marker is the mean over the seeds; a line extends from the lowest to the highest seed.

    Args:
        path: The PNG file to write.
        costs: Cost and accuracy of each approach.
    """
    colors = assign_colors(costs)
    with new_figure(path, 4.0) as figure:
        panels = figure.subplots(1, 3, sharey=True)
        for (name, cost), marker in zip(costs.items(), cycle(_MARKERS), strict=False):
            mean = 100 * fmean(cost.exact)
            values = (cost.parameters / 1e6, cost.minutes, cost.milliseconds)
            for axes, x in zip(panels, values, strict=True):
                if x is not None:
                    axes.plot(x, mean, marker, label=name, color=colors[name], markersize=8)
                    axes.vlines(x, *percent_ranges([cost.exact]), colors[name], lw=2)
        units = ("parameters (millions)", "training (minutes)", "one answer (milliseconds)")
        for axes, unit in zip(panels, units, strict=True):
            axes.set_xlabel(unit)
            axes.margins(0.12)
            axes.grid()
            axes.set_xlim(left=0)
        panels[0].set_xscale("log")
        panels[0].autoscale(axis="x")
        panels[0].xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panels[0].xaxis.set_major_formatter("{x:g}")
        panels[0].xaxis.set_minor_formatter(NullFormatter())
        panels[0].set_ylabel("right answers (%)")
        several = any(len(cost.exact) > 1 for cost in costs.values())
        note = "marker: mean over seeds; line: lowest to highest" if several else None
        _legend(figure, panels[0], note)


def _legend(figure: Figure, axes: Axes, note: str | None) -> None:
    """Draw the legend below the figure, in as many columns as fit, at most four.

    Its title is a note on what bars and lines mean.
    """
    handles, names = axes.get_legend_handles_labels()
    for columns in (4, 3, 2, 1):
        # Not more columns than the rows fill.
        columns = ceil(len(names) / ceil(len(names) / columns))
        legend = figure.legend(
            handles, names, title=note, ncols=columns, loc="outside lower center"
        )
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()
