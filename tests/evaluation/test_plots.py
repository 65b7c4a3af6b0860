"""Plots: the numbers behind them, transparency, and contrast on white and dark pages."""

import matplotlib as mpl
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from fruit_caption.comparison import plots as comparison_plots
from fruit_caption.comparison.plots import Cost, draw_accuracy, draw_cost, draw_learning_curves
from fruit_caption.data.qa import Prediction, QAPair
from fruit_caption.evaluation import plots
from fruit_caption.evaluation.plots import MAX_COUNT, AccuracyCounts, accuracy_by, confusion
from fruit_caption.utils import plotting
from fruit_caption.utils.plotting import APPROACH_COLORS, INK, assign_colors

PAGES = ("#ffffff", "#0d1117")


def row(kind, fruit, truth, answer, confidence=0.5):
    return Prediction("a.jpg", QAPair("?", truth, kind, fruit, ""), answer, confidence)


ROWS = [
    row("count", "fig", "there are no figs", "there are no figs", 0.9),
    row("count", "fig", "there are no figs", "well, er"),
    row("count", "fig", "there is one fig", "there are three figs"),
    row("count", "fig", "there is one fig", "there is one pear"),
    row("count", "pear", "there is one pear", "there is one pear", 1.0),
    row("count", "fig", "many", "there is one fig"),
    row("presence", "fig", "yes, there is a fig", "no, there is no fig", 0.1),
    row("presence", None, "yes, there is fruit", "yes", 0.7),
    row("total", None, "there are two fruits", "there are two fruits"),
]


def test_confusion():
    assert confusion(ROWS).tolist() == [
        [1, 0, 0, 0, 1],  # 0 is a number; a number of pears is not one of figs
        [0, 1, 0, 1, 1],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_large_counts_are_one_group():
    matrix = confusion([row("count", "fig", "there are 25 figs", "there are 1000000 figs")])
    assert matrix.shape == (MAX_COUNT + 1, MAX_COUNT + 2)
    assert matrix[MAX_COUNT, MAX_COUNT] == matrix.sum() == 1


def test_confusion_of_nothing():
    assert confusion([]).tolist() == [[0, 0]]


def test_accuracy_by_kind():
    assert accuracy_by(ROWS, lambda row: row.qa_pair.kind) == {
        "count": AccuracyCounts(2, 6),
        "presence": AccuracyCounts(1, 2),
        "total": AccuracyCounts(1, 1),
    }


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [
        # Newcombe (1998), table I: 81 of 263 and 15 of 148.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (1, 1, 0.2065, 1.0),
    ],
)
def test_wilson_interval(correct, total, low, high):
    assert AccuracyCounts(correct, total).interval == pytest.approx((low, high), abs=1e-4)


def test_approaches_have_fixed_and_distinct_colors():
    assert len(set(APPROACH_COLORS.values())) == len(APPROACH_COLORS)
    colors = assign_colors(["mine", "scratch", "yours"])
    assert (
        colors["scratch"] == APPROACH_COLORS["scratch"] == assign_colors(APPROACH_COLORS)["scratch"]
    )
    assert not {colors["mine"], colors["yours"]} & set(APPROACH_COLORS.values())
    assert len(set(assign_colors("abcdef").values())) == 6


def luminance(color):
    """Relative luminance as WCAG 2 defines it, 0 to 1."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("page", PAGES)
def test_colors_contrast_with_white_and_dark_pages(page):
    def contrast(color):
        dark, light = sorted((luminance(color), luminance(page)))
        return (light + 0.05) / (dark + 0.05)

    assert contrast(INK) > 4
    for color in (*APPROACH_COLORS.values(), plotting.GREEN, plotting.PURPLE):
        assert contrast(color) > 2, color


HISTORY = [
    {"stage": stage, "epoch": epoch, "loss": scale / epoch, "validation": epoch / 10}
    for stage, scale in (("detector", 8.0), ("decoder", 1.0))
    for epoch in range(1, 5)
]
SCORES = {
    "majority": {"count": [0.2]},
    "blind": {"count": [0.3, 0.4], "total": []},
    "mine": {"total": [0.5, 0.6], "count": [0.7]},
}
COSTS = {
    "scratch": Cost(1_200_000, 12.0, 80.0, [0.5, 0.6]),
    "pretrained": Cost(9_000_000, None, 200.0, [0.7]),
}
PLOTS = {
    "confusion": lambda path: plots.draw_confusion(path, ROWS),
    "by count": lambda path: plots.draw_accuracy_by_count(path, ROWS),
    "by fruit": lambda path: plots.draw_accuracy_by_fruit(path, ROWS),
    "reliability": lambda path: plots.draw_reliability(path, ROWS),
    "accuracy": lambda path: draw_accuracy(path, "Right", ("count", "total"), SCORES),
    "curves": lambda path: draw_learning_curves(
        path, {"scratch": [HISTORY, HISTORY[:6]], "blind": [HISTORY]}
    ),
    "cost": lambda path: draw_cost(path, COSTS),
}


@pytest.mark.parametrize("name", PLOTS)
def test_plots_are_transparent(name, tmp_path):
    settings = dict(mpl.rcParams)
    PLOTS[name](tmp_path / "graph.png")
    assert dict(mpl.rcParams) == settings
    with Image.open(tmp_path / "graph.png") as picture:
        assert picture.width == 1200
        assert picture.getpixel((0, 0))[3] == 0
        pixels = picture.convert("RGBA").getcolors(10**6)
    assert max(pixels)[1][3] == 0  # most of it is background
    ink = tuple(round(255 * part) for part in to_rgb(INK))
    assert (*ink, 255) in [color for _, color in pixels]


@pytest.mark.parametrize("number", [4, 10])
def test_long_names_fit_into_the_legend(number, tmp_path):
    scores = {
        f"a network with a long name {n} + attention": {"count": [0.5]} for n in range(number)
    }
    draw_accuracy(tmp_path / "graph.png", "Right", ("count",), scores)
    with Image.open(tmp_path / "graph.png") as picture:
        margin = picture.getchannel("A").crop((picture.width - 3, 0, picture.width, picture.height))
        assert margin.getextrema() == (0, 0)
        left = picture.getchannel("A").crop((0, picture.height - 200, 3, picture.height))
        assert left.getextrema() == (0, 0)


def test_mean_learning_curves_end_with_the_shortest_run(tmp_path, monkeypatch):
    curves = []
    plot = comparison_plots.Axes.plot

    def recording(axes, x, y, **settings):
        curves.append((list(x), y, settings["lw"]))
        return plot(axes, x, y, **settings)

    monkeypatch.setattr(comparison_plots.Axes, "plot", recording)
    other = [{"stage": "detector", "epoch": 1, "loss": 2.0, "validation": 0.5}]
    draw_learning_curves(tmp_path / "curves.png", {"mine": [HISTORY, other]})
    # For each stage, the losses then the scores: their mean, and both seeds.
    assert len(curves) == 12
    assert curves[0] == ([1], [5.0], 2)
    assert curves[1] == ([1, 2, 3, 4], [8, 4, 8 / 3, 2], 0.7)
    assert curves[3][1] == pytest.approx([30])
    assert curves[6] == ([], [], 2)
    assert curves[7] == ([1, 2, 3, 4], [1, 1 / 2, 1 / 3, 1 / 4], 0.7)


@pytest.mark.parametrize(
    ("rows", "titles"), [(HISTORY, ["detector", "decoder"]), (HISTORY[4:], ["decoder"])]
)
def test_learning_curves_show_the_stages_that_were_trained(rows, titles, tmp_path, monkeypatch):
    drawn = []
    set_title = comparison_plots.Axes.set_title
    monkeypatch.setattr(
        comparison_plots.Axes,
        "set_title",
        lambda axes, title: drawn.append(title) or set_title(axes, title),
    )
    draw_learning_curves(tmp_path / "curves.png", {"mine": [rows], "yours": [[]]})
    assert drawn == titles


@pytest.mark.parametrize(
    "name", ["confusion", "accuracy_by_count", "accuracy_by_fruit", "reliability"]
)
def test_empty_plots_can_be_drawn(name, tmp_path):
    getattr(plots, f"draw_{name}")(tmp_path / "graph.png", [])
    assert (tmp_path / "graph.png").is_file()


def test_runs_without_history_are_left_out(tmp_path):
    draw_learning_curves(tmp_path / "curves.png", {"mine": [[]], "yours": [HISTORY]})
    draw_learning_curves(tmp_path / "none.png", {"mine": [[]]})
    assert all((tmp_path / f"{name}.png").is_file() for name in ("curves", "none"))
