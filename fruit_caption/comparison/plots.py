"""The graphs of a comparison: which approach is right, how it learnt, and what it costs."""

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
from matplotlib.ticker import LogLocator, MaxNLocator

from fruit_caption.utils.plotting import colors_of, filled, new_figure, spreads

_MARKERS = "osD^vPX"


@dataclass(frozen=True)
class Cost:
    """What an approach costs, and what it brings.

    Attributes:
        parameters: of the whole model, those that are not trained too.
        minutes: of training, None where nobody measured.
        milliseconds: for one answer, likewise.
        exact: for each seed the share of right answers, 0 to 1.
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
    """Grouped bars: the share of right answers by kind of question.

    A bar is the mean over seeds; where there are several, a line goes from the lowest to the
    highest.

    Args:
        path: of the PNG.
        title: says what was scored.
        kinds: the groups, in order.
        scores: for each approach and kind its exact match with each seed, 0 to 1.
    """
    colors = colors_of(scores)
    width = 0.88 / len(scores)
    with new_figure(path, 4.8) as figure:
        axes = figure.subplots()
        for place, (name, exact) in enumerate(scores.items()):
            first = (place + 0.5) * width - 0.44
            answered = {first + group: exact.get(kind, ()) for group, kind in enumerate(kinds)}
            answered = {left: shares for left, shares in answered.items() if shares}
            means = [100 * fmean(shares) for shares in answered.values()]
            axes.bar(list(answered), means, width * 0.86, label=name, **filled(colors[name]))
            axes.vlines(list(answered), *spreads(answered.values()), colors[name], lw=2)
            for (left, shares), mean in zip(answered.items(), means, strict=True):
                above = (left, 100 * max(shares))
                axes.annotate(
                    f"{mean:.0f}", above, (0, 3), textcoords="offset points", ha="center", size=8
                )
        axes.set_xticks(range(len(kinds)), kinds)
        axes.set_ylim(0, 106)
        axes.set_ylabel("right answers (%)")
        axes.set_title(title)
        axes.grid(axis="y")
        several = any(len(shares) > 1 for exact in scores.values() for shares in exact.values())
        _legend(figure, axes, "bar: mean over seeds; line: lowest to highest" if several else None)


def draw_learning_curves(
    path: Path, histories: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]]
) -> None:
    """Training loss and validation score over epochs, side by side.

    Thick is the mean over seeds, as far as all of them went; each seed is a thin line.

    Args:
        path: of the PNG.
        histories: for each approach and seed the rows of its `history.csv`.
    """
    colors = colors_of(histories)
    with new_figure(path, 4.2) as figure:
        left, right = figure.subplots(1, 2)
        for name, seeds in histories.items():
            losses = [[row["logits_loss"] for row in rows] for rows in seeds]
            exact = [[100 * row["validation_exact"] for row in rows] for rows in seeds]
            for axes, curves in ((left, losses), (right, exact)):
                mean = [fmean(values) for values in zip(*curves, strict=False)]
                axes.plot(range(1, len(mean) + 1), mean, label=name, color=colors[name], lw=2)
                for curve in curves:
                    axes.plot(range(1, len(curve) + 1), curve, color=colors[name], lw=0.7)
        left.set_ylabel("training loss of the answers' words")
        left.set_yscale("log")
        left.yaxis.set_major_formatter("{x:g}")
        right.set_ylabel("right validation answers (%)")
        for axes in (left, right):
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(axis="y")
        several = any(len(seeds) > 1 for seeds in histories.values())
        _legend(figure, left, "thick: mean over seeds; thin: each seed" if several else None)


def draw_cost(path: Path, costs: Mapping[str, Cost]) -> None:
    """The share of right answers against parameters, training time and answering time.

    A marker is the mean over seeds; where there are several, a line goes from the lowest to the
    highest.
    """
    colors = colors_of(costs)
    with new_figure(path, 4.0) as figure:
        panels = figure.subplots(1, 3, sharey=True)
        for (name, cost), marker in zip(costs.items(), cycle(_MARKERS), strict=False):
            mean = 100 * fmean(cost.exact)
            places = (cost.parameters / 1e6, cost.minutes, cost.milliseconds)
            for axes, place in zip(panels, places, strict=True):
                if place is not None:
                    axes.plot(place, mean, marker, label=name, color=colors[name], markersize=8)
                    axes.vlines(place, *spreads([cost.exact]), colors[name], lw=2)
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
        panels[0].set_ylabel("right answers (%)")
        several = any(len(cost.exact) > 1 for cost in costs.values())
        note = "marker: mean over seeds; line: lowest to highest" if several else None
        _legend(figure, panels[0], note)


def _legend(figure: Figure, axes: Axes, note: str | None) -> None:
    """Names below the figure, and what bars and lines mean where it needs saying."""
    handles, names = axes.get_legend_handles_labels()
    columns = ceil(len(names) / ceil(len(names) / 4))
    figure.legend(handles, names, title=note, ncols=columns, loc="outside lower center")
