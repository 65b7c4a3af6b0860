"""Plots of an evaluation: accuracy by count and fruit, confusion matrix, reliability diagram."""

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
from fruit_caption.utils.plotting import (
    BLUE,
    FIGURE_WIDTH,
    INK,
    bar_style,
    new_figure,
    percent_ranges,
)

MAX_COUNT = 20
"""Counts from this number on are drawn as one group."""

_SHADES = LinearSegmentedColormap.from_list("shades", ["#8a8a8a", "#2f78ad", "#004f8c"])

Group = TypeVar("Group")


@dataclass(frozen=True)
class AccuracyCounts:
    """Number of correct answers among a number of questions.

    Attributes:
        correct: Number of correct answers.
        total: Number of questions, at least 1.
    """

    correct: int
    total: int

    @property
    def accuracy(self) -> float:
        """Share of correct answers, 0 to 1."""
        return self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the accuracy, 0 to 1 (Wilson 1927)."""
        z = 1.96
        center = (self.correct + z**2 / 2) / (self.total + z**2)
        wrong = self.total - self.correct
        radius = z * sqrt(self.correct * wrong / self.total + z**2 / 4) / (self.total + z**2)
        return max(0.0, center - radius), min(1.0, center + radius)


def accuracy_by(
    rows: Iterable[Prediction], group: Callable[[Prediction], Group]
) -> dict[Group, AccuracyCounts]:
    """Count questions and correct answers in groups.

    Args:
        rows: Answers.
        group: Returns the group of an answer.
    """
    total, correct = Counter[Group](), Counter[Group]()
    for row in rows:
        total[group(row)] += 1
        correct[group(row)] += row.correct
    return {name: AccuracyCounts(correct[name], number) for name, number in total.items()}


def confusion(rows: Iterable[Prediction]) -> np.ndarray:
    """Compute the confusion matrix of the answers to questions of kind "count".

    Args:
        rows: Answers; those to other kinds of question are ignored.

    Returns:
        Numbers of answers, int (true count, answered count). Counts go from 0 to the largest that
        occurs, at most `MAX_COUNT`; an additional last column holds answers that are not a number.
    """
    pairs = [
        (truth, _number(row, row.answer))
        for row in rows
        if row.qa_pair.kind == "count" and (truth := _number(row, row.qa_pair.answer)) is not None
    ]
    largest = max((number for pair in pairs for number in pair if number is not None), default=0)
    matrix = np.zeros((largest + 1, largest + 2), int)
    for truth, answer in pairs:
        matrix[truth, largest + 1 if answer is None else answer] += 1
    return matrix


def draw_confusion(path: Path, rows: Iterable[Prediction]) -> None:
    """Draw the confusion matrix of counts, shaded by the share of each row.

    Args:
        path: The picture file to write.
        rows: Answers.
    """
    matrix = confusion(rows)
    size = len(matrix)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    names = [_count_name(number) for number in range(size)]
    with new_figure(path, 1.4 + 0.75 * FIGURE_WIDTH * size / (size + 1)) as figure:
        axes = figure.subplots()
        axes.plot((0, size - 1), (0, size - 1), color=INK, linewidth=0.8, zorder=0)
        image = axes.imshow(
            np.ma.masked_equal(100 * shares, 0), cmap=_SHADES, vmin=0, vmax=100, aspect="auto"
        )
        for truth, answer in np.argwhere(matrix):
            number = matrix[truth, answer]
            axes.text(answer, truth, number, ha="center", va="center", color="white")
        axes.set_xticks(range(size + 1), [*names, "no\nnumber"])
        axes.set_yticks(range(size), names)
        axes.set_xlabel("answered count")
        axes.set_ylabel("true count")
        axes.axvline(size - 0.5, color=INK, linewidth=0.8, zorder=0)
        bar = figure.colorbar(image, label="share of the row (%)", shrink=0.6)
        bar.outline.set_visible(False)


def draw_accuracy_by_count(path: Path, rows: Iterable[Prediction]) -> None:
    """Draw a bar chart of count accuracy for each true count, with 95 % confidence intervals.

    Args:
        path: The picture file to write.
        rows: Answers; only those to questions of kind "count" are used.
    """
    counts = [row for row in rows if row.qa_pair.kind == "count"]
    groups = accuracy_by(counts, lambda row: _number(row, row.qa_pair.answer))
    numbers = [number for number in range(MAX_COUNT + 1) if number in groups]
    bars = [groups[number] for number in numbers]
    with new_figure(path, 4.0) as figure:
        axes = figure.subplots()
        axes.bar(numbers, [100 * bar.accuracy for bar in bars], **bar_style(BLUE))
        axes.vlines(numbers, *percent_ranges(bar.interval for bar in bars), BLUE, lw=2)
        names = [f"{_count_name(number)}\n{groups[number].total}" for number in numbers]
        axes.set_xticks(numbers, names, size=9)
        axes.set_xlabel("true count, and number of questions; lines: 95 % confidence intervals")
        axes.set_ylabel("accuracy (%)")
        axes.set_ylim(0, 101)
        axes.grid(axis="y")


def draw_accuracy_by_fruit(path: Path, rows: Sequence[Prediction]) -> None:
    """Draw bar charts of count and presence accuracy for each fruit, with confidence intervals.

    Args:
        path: The picture file to write.
        rows: Answers.
    """
    titles = {"count": "how many are there?", "presence": "is there one?"}
    panels = {
        kind: accuracy_by([row for row in rows if row.qa_pair.kind == kind], _fruit)
        for kind in titles
    }
    longest = max(1, *map(len, panels.values()))
    with new_figure(path, 1.3 + 0.22 * longest) as figure:
        for axes, (kind, groups) in zip(figure.subplots(1, 2), panels.items(), strict=True):
            fruits = sorted(groups, key=lambda name: (-groups[name].accuracy, -groups[name].total))
            bars = [groups[fruit] for fruit in fruits]
            positions = range(len(bars))
            axes.barh(positions, [100 * bar.accuracy for bar in bars], **bar_style(BLUE))
            axes.hlines(positions, *percent_ranges(bar.interval for bar in bars), BLUE, lw=2)
            axes.set_yticks(positions, fruits)
            for position, text in enumerate(["n", *(str(bar.total) for bar in bars)], start=-1):
                axes.text(104, position, text, va="center", size=8)
            axes.set_title(titles[kind])
            axes.set_xlim(0, 101)
            axes.set_ylim(longest - 0.5, -0.5)
            axes.grid(axis="x")
        figure.supxlabel("accuracy (%); lines: 95 % confidence intervals", size=10)


def draw_reliability(path: Path, rows: Sequence[Prediction], bins: int = 10) -> None:
    """Draw a reliability diagram (Guo et al. 2017).

    The upper plot shows accuracy over mean confidence for each bin of answers, with 95 % confidence
    intervals; the lower plot shows the number of answers in each bin.

    Args:
        path: The picture file to write.
        rows: Answers.
        bins: Number of bins.
    """
    used = [bin for bin in reliability(rows, bins) if bin.total]
    accuracies = [AccuracyCounts(bin.correct, bin.total) for bin in used]
    confidences = [100 * bin.confidence_sum / bin.total for bin in used]
    intervals = percent_ranges(counts.interval for counts in accuracies)
    error = expected_calibration_error(rows, bins)
    with new_figure(path, 6.4) as figure:
        upper, lower = figure.subplots(2, sharex=True, height_ratios=(4, 1))
        upper.plot((0, 100), (0, 100), "--", color=INK, lw=1, label="perfectly calibrated")
        points = [100 * counts.accuracy for counts in accuracies]
        upper.plot(confidences, points, "o-", color=BLUE, lw=1)
        upper.vlines(confidences, *intervals, BLUE, lw=2, label="95 % confidence interval")
        if error is not None:
            upper.text(1, 96, f"expected calibration error: {100 * error:.1f} %")
        upper.legend(loc="lower right")
        upper.set_ylabel("accuracy (%)")
        upper.set_ylim(-2, 102)
        lows, totals = [100 * bin.low for bin in used], [bin.total for bin in used]
        bars = lower.bar(lows, totals, 100 / bins, align="edge", **bar_style(BLUE))
        lower.bar_label(bars, size=8)
        lower.margins(y=0.2)
        lower.set_ylabel("answers")
        lower.set_xlabel("mean confidence (%)")
        lower.set_xlim(-1, 101)


def _number(row: Prediction, text: str) -> int | None:
    value = parse_answer("count", text, row.qa_pair.fruit)
    return min(value, MAX_COUNT) if isinstance(value, int) else None


def _count_name(number: int) -> str:
    return f"{number}+" if number == MAX_COUNT else str(number)


def _fruit(row: Prediction) -> str:
    return row.qa_pair.fruit or "any fruit"
