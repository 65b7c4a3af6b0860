"""The graphs of an evaluation: where answers are right, and whether the model knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import TypeVar

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from fruit_caption.data.qa import Prediction
from fruit_caption.evaluation.calibration import expected_calibration_error, reliability
from fruit_caption.language.answers import parse_answer
from fruit_caption.utils.plotting import BLUE, INK, WIDTH, filled, new_figure, spreads

LARGEST = 20
"""This and larger numbers of fruits are drawn as one."""

_SHADES = LinearSegmentedColormap.from_list("shades", ["#8a8a8a", "#2f78ad", "#004f8c"])

Group = TypeVar("Group")


@dataclass(frozen=True)
class Tally:
    """How many of some questions were answered rightly."""

    right: int
    asked: int

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.right / self.asked

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share lies with 95 % certainty, 0 to 1 (Wilson 1927)."""
        z = 1.96
        center = (self.right + z**2 / 2) / (self.asked + z**2)
        wrong = self.asked - self.right
        reach = z * sqrt(self.right * wrong / self.asked + z**2 / 4) / (self.asked + z**2)
        return max(0.0, center - reach), min(1.0, center + reach)


def tally(rows: Iterable[Prediction], group: Callable[[Prediction], Group]) -> dict[Group, Tally]:
    """How many answers are right in each group of rows."""
    asked, right = Counter[Group](), Counter[Group]()
    for row in rows:
        asked[group(row)] += 1
        right[group(row)] += row.correct
    return {name: Tally(right[name], number) for name, number in asked.items()}


def confusion(rows: Iterable[Prediction]) -> np.ndarray:
    """How often each number was said where each number was true, of the items of kind "count".

    Returns:
        Whole numbers of shape (true, said): from none to the largest number that occurs, at most
        `LARGEST`, and one column more for answers that can't be read as a number.
    """
    pairs = [
        (true, _number(row, row.answer))
        for row in rows
        if row.item.kind == "count" and (true := _number(row, row.item.answer)) is not None
    ]
    largest = max((number for pair in pairs for number in pair if number is not None), default=0)
    table = np.zeros((largest + 1, largest + 2), int)
    for true, said in pairs:
        table[true, largest + 1 if said is None else said] += 1
    return table


def draw_confusion(path: Path, rows: Iterable[Prediction]) -> None:
    """True against answered numbers as a table, its cells shaded by their share of the row.

    Right answers lie on the diagonal.
    """
    table = confusion(rows)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    names = [_number_name(number) for number in range(len(table))]
    with new_figure(path, 1.4 + 0.75 * WIDTH * len(table) / (len(table) + 1)) as figure:
        axes = figure.subplots()
        axes.plot((0, len(names) - 1), (0, len(names) - 1), color=INK, linewidth=0.8, zorder=0)
        image = axes.imshow(
            np.ma.masked_equal(100 * shares, 0), cmap=_SHADES, vmin=0, vmax=100, aspect="auto"
        )
        for true, said in np.argwhere(table):
            axes.text(said, true, table[true, said], ha="center", va="center", color="white")
        axes.set_xticks(range(len(names) + 1), [*names, "no\nnumber"])
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("answered")
        axes.set_ylabel("true")
        axes.axvline(len(names) - 0.5, color=INK, linewidth=0.8, zorder=0)
        bar = figure.colorbar(image, label="share of the row (%)", shrink=0.6)
        bar.outline.set_visible(False)


def draw_accuracy_by_count(path: Path, rows: Iterable[Prediction]) -> None:
    """Bars: the share of right answers by true count, each with its 95 % interval."""
    counts = [row for row in rows if row.item.kind == "count"]
    tallies = tally(counts, lambda row: _number(row, row.item.answer))
    numbers = [number for number in range(LARGEST + 1) if number in tallies]
    with new_figure(path, 4.0) as figure:
        axes = figure.subplots()
        axes.bar(numbers, [100 * tallies[number].share for number in numbers], **filled(BLUE))
        axes.vlines(numbers, *_intervals([tallies[number] for number in numbers]), BLUE, lw=2)
        names = [f"{_number_name(number)}\n{tallies[number].asked}" for number in numbers]
        axes.set_xticks(numbers, names, size=9)
        axes.set_xlabel("true count, and how many questions; lines: 95 % intervals")
        axes.set_ylabel("right answers (%)")
        axes.set_ylim(0, 101)
        axes.grid(axis="y")


def draw_accuracy_by_fruit(path: Path, rows: Sequence[Prediction]) -> None:
    """Bars: the share of right answers about each fruit, best first, with 95 % intervals."""
    kinds = {"count": "how many are there?", "presence": "is there one?"}
    panels = {kind: tally((row for row in rows if row.item.kind == kind), _fruit) for kind in kinds}
    longest = max(1, *map(len, panels.values()))
    with new_figure(path, 1.3 + 0.22 * longest) as figure:
        for axes, (kind, tallies) in zip(figure.subplots(1, 2), panels.items(), strict=True):
            fruits = sorted(
                tallies, key=lambda fruit: (-tallies[fruit].share, -tallies[fruit].asked)
            )
            best = [tallies[fruit] for fruit in fruits]
            places = range(len(best))
            axes.barh(places, [100 * each.share for each in best], **filled(BLUE))
            axes.hlines(places, *_intervals(best), BLUE, lw=2)
            axes.set_yticks(places, fruits)
            for place, number in enumerate(["n", *(each.asked for each in best)]):
                axes.text(104, place - 1, str(number), va="center", size=8)
            axes.set_title(kinds[kind])
            axes.set_xlim(0, 101)
            axes.set_ylim(longest - 0.5, -0.5)
            axes.grid(axis="x")
        figure.supxlabel("right answers (%); lines: 95 % intervals", size=10)


def draw_reliability(path: Path, rows: Sequence[Prediction], bins: int = 10) -> None:
    """Reliability diagram (Guo et al. 2017): are answers right as often as the model is sure?

    Above, for each bin of answers the share that is right against their mean confidence, with its
    95 % interval; below, how many answers there are in each.
    """
    used = [each for each in reliability(rows, bins) if each.answers]
    tallies = [Tally(each.right, each.answers) for each in used]
    sure = [100 * each.expected / each.answers for each in used]
    error = expected_calibration_error(rows, bins)
    with new_figure(path, 6.4) as figure:
        above, below = figure.subplots(2, sharex=True, height_ratios=(4, 1))
        above.plot((0, 100), (0, 100), "--", color=INK, lw=1, label="as sure as right")
        above.plot(sure, [100 * each.share for each in tallies], "o-", color=BLUE, lw=1)
        above.vlines(sure, *_intervals(tallies), BLUE, lw=2, label="95 % interval")
        if error is not None:
            above.text(1, 96, f"expected calibration error: {100 * error:.1f} %")
        above.legend(loc="lower right")
        above.set_ylabel("right answers (%)")
        above.set_ylim(-2, 102)
        lows = [100 * each.low for each in used]
        counts = [each.answers for each in used]
        bars = below.bar(lows, counts, 100 / bins, align="edge", **filled(BLUE))
        below.bar_label(bars, size=8)
        below.margins(y=0.2)
        below.set_ylabel("answers")
        below.set_xlabel("mean confidence (%)")
        below.set_xlim(-1, 101)


def _number(row: Prediction, text: str) -> int | None:
    value = parse_answer("count", text, row.item.fruit)
    return min(value, LARGEST) if isinstance(value, int) else None


def _number_name(number: int) -> str:
    return f"{number}+" if number == LARGEST else str(number)


def _fruit(row: Prediction) -> str:
    return row.item.fruit or "any fruit"


def _intervals(tallies: Iterable[Tally]) -> tuple[list[float], list[float]]:
    """Where the lines of 95 % intervals begin and end, in %."""
    return spreads(each.interval for each in tallies)
