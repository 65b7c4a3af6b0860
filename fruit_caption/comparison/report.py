"""What `fruit compare` found, for people: tables, graphs, and one page that holds all of it.

comparison.md          the tables, in Markdown
*.png                  graphs, and where the models with attention looked
report.html            all of that in one file, to be opened from disk
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import mean, stdev
from string import Template
from typing import Any

from markdown_it import MarkdownIt

from fruit_caption.comparison import plots
from fruit_caption.data.dataset import DataSet
from fruit_caption.data.qa import CAPTION, Prediction
from fruit_caption.data.records import Split
from fruit_caption.inference.overlay import draw_overlay
from fruit_caption.inference.predictor import load
from fruit_caption.language.questions import KINDS
from fruit_caption.runs import Run
from fruit_caption.utils.files import write_text

PAGE, TABLES = "report.html", "comparison.md"
TITLES: dict[Split, str] = {"test": "test split", "unseen": "photos of an unseen source"}
COUNT_COLUMNS = {
    "counts of 2 and more": ("several", "exact"),
    "count within 1": ("kinds", "count", "within_one"),
    "count RMSE": ("kinds", "count", "rmse"),
}
COST_COLUMNS = {
    "parameters (millions)": ("parameters", 1e-6),
    "file (MB)": ("megabytes", 1),
    "training (minutes)": ("minutes", 1),
    "an answer (ms)": ("milliseconds", 1),
}


def write_report(
    folder: Path, comparison: dict[str, Any], data: DataSet, trained: Mapping[str, Sequence[Run]]
) -> None:
    """Write tables, graphs and the page.

    Args:
        folder: of the comparison.
        comparison: what `comparing.compare` found.
        data: the data set that it was made on.
        trained: for each variant the folders of its runs, one for each seed.
    """
    tables = markdown(comparison)
    write_text(folder / TABLES, tables)
    graphs = _draw_graphs(folder, comparison, trained)
    asked = _ask(folder, data, {name: folders[0] for name, folders in trained.items()})
    page = PAGE_TEMPLATE.substitute(
        data=escape(Path(comparison["data"]["folder"]).name),
        tables=MarkdownIt("commonmark").enable("table").render(tables),
        graphs="\n".join(_figure(path, title) for title, path in graphs.items()),
        answers="\n".join(asked),
        settings=escape(_settings(comparison)),
    )
    write_text(folder / PAGE, page)


def markdown(comparison: dict[str, Any]) -> str:
    """The comparison as Markdown: tables of scores, what is real among them, and costs."""
    parts = []
    for split in comparison["results"]:
        parts += [score_section(comparison, split), _differences(comparison, split)]
    parts.append(_costs(comparison["costs"]))
    parts += [f"{name} is left out: {reason}\n" for name, reason in comparison["left_out"].items()]
    return "\n".join(part for part in parts if part)


def kinds_of(results: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The kinds of question that were scored, ours first, captions last."""
    found = {kind for ones in results.values() for kind in ones[0]["kinds"]}
    ours = [kind for kind in KINDS if kind in found]
    return ours + sorted(found - {*KINDS, CAPTION}) + [CAPTION] * (CAPTION in found)


def columns(results: dict[str, list[dict[str, Any]]]) -> dict[str, tuple[str, ...]]:
    """The columns of the table of scores, each with where its figure stands in the scores."""
    kinds = kinds_of(results)
    return {
        "overall": ("exact",),
        **{kind: ("kinds", kind, "exact") for kind in kinds},
        **(COUNT_COLUMNS if "count" in kinds else {}),
        "calibration error": ("calibration_error",),
    }


def values(ones: Sequence[dict[str, Any]], place: Sequence[str]) -> list[float]:
    """A figure from the scores of each seed; nothing where one has none."""
    found = []
    for scores in ones:
        value: Any = scores
        for name in place:
            value = value.get(name) if isinstance(value, dict) else None
        found.append(value)
    return [] if None in found else found


def score_table(results: dict[str, list[dict[str, Any]]]) -> str:
    """For each approach its scores in %, the mean over its seeds and their standard deviation."""
    table = columns(results)
    lines = [f"| approach | {' | '.join(table)} |", f"| --- |{' ---: |' * len(table)}"]
    for name, ones in results.items():
        cells = [
            cell(values(ones, place), digits=2, scale=1)
            if column == "count RMSE"
            else cell(values(ones, place))
            for column, place in table.items()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def score_section(comparison: dict[str, Any], split: Split) -> str:
    """The table of scores of a split, and a sentence that says what it shows."""
    results = comparison["results"][split]
    questions = next(iter(results.values()))[0]["n"]
    photos, seeds = comparison["data"]["photos"][split], comparison["seeds"]
    spread = f", mean ± standard deviation of {seeds} seeds" if seeds > 1 else ""
    return (
        f"Right answers in %, {TITLES[split]}: {photos} photos, {questions} questions{spread}.\n\n"
        + score_table(results)
    )


def _differences(comparison: dict[str, Any], split: Split) -> str:
    rows = comparison["differences"][split]
    if not rows:
        return ""
    lines = [
        f"Differences in points, {TITLES[split]}, with 95 % intervals (bootstrap over groups of "
        "photos and over seeds); those that exclude zero are real.",
        "",
        "| what | on | gains | interval | real |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    for row in rows:
        low, high = (f"{100 * row[name]:+.1f}" for name in ("low", "high"))
        lines.append(
            f"| {row['of']} over {row['over']} | {row['subset']} | {100 * row['mean']:+.1f} "
            f"| {low} to {high} | {'yes' if row['is_real'] else 'no'} |"
        )
    return "\n".join(lines) + "\n"


def _costs(costs: dict[str, Any]) -> str:
    if not costs:
        return ""
    lines = [
        "What each costs, on the machine that compared them. Minutes are of the epochs alone: "
        "before them come lessons in reading, and a look at each photo.",
        "",
        f"| approach | {' | '.join(COST_COLUMNS)} |",
        f"| --- |{' ---: |' * len(COST_COLUMNS)}",
    ]
    for name, cost in costs.items():
        cells = [
            "-" if cost[key] is None else f"{cost[key] * scale:.1f}"
            for key, scale in COST_COLUMNS.values()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def cell(shares: Sequence[float], digits: int = 1, scale: float = 100) -> str:
    """The mean of some shares in %, and their standard deviation if there are several."""
    if not shares:
        return "-"
    spread = f" ± {scale * stdev(shares):.{digits}f}" if len(shares) > 1 else ""
    return f"{scale * mean(shares):.{digits}f}{spread}"


def _draw_graphs(
    folder: Path, comparison: dict[str, Any], trained: Mapping[str, Sequence[Run]]
) -> dict[str, Path]:
    """Draw the graphs; gives each by its title."""
    graphs = {}
    for split, results in comparison["results"].items():
        kinds = ["overall", *kinds_of(results)]
        places = columns(results)
        shares = {
            name: {kind: values(ones, places[kind]) for kind in kinds}
            for name, ones in results.items()
        }
        title = f"Right answers, {TITLES[split]}"
        graphs[title] = folder / f"accuracy-{split}.png"
        plots.draw_accuracy(graphs[title], title, kinds, shares)
    graphs["Learning curves"] = folder / "learning-curves.png"
    histories = {name: [run.read_history() for run in folders] for name, folders in trained.items()}
    plots.draw_learning_curves(graphs["Learning curves"], histories)
    first = next(iter(comparison["results"].values()))
    costs = {
        name: plots.Cost(
            cost["parameters"],
            cost["minutes"],
            cost["milliseconds"],
            values(first[name], ["exact"]),
        )
        for name, cost in comparison["costs"].items()
        if None not in cost.values()
    }
    if costs:
        graphs["What an answer costs"] = folder / "cost.png"
        plots.draw_cost(graphs["What an answer costs"], costs)
    return graphs


def telling(answers: Mapping[str, Sequence[Prediction]]) -> list[int]:
    """For each kind of question the one that tells the approaches apart best: where those that
    are right and those that are wrong are most evenly many. No photo is taken twice.

    Args:
        answers: for each approach its answers to the same questions.

    Returns:
        the places of the questions.
    """
    first = next(iter(answers.values()))
    right = [sum(rows[place].correct for rows in answers.values()) for place in range(len(first))]
    evenness = [min(some, len(answers) - some) for some in right]
    chosen: list[int] = []
    for kind in dict.fromkeys(row.item.kind for row in first):
        taken = {first[place].photo for place in chosen}
        free = [
            place
            for place, row in enumerate(first)
            if row.item.kind == kind and row.photo not in taken
        ]
        chosen += sorted(free, key=lambda place: -evenness[place])[:1]
    return chosen


def _ask(folder: Path, data: DataSet, trained: Mapping[str, Run]) -> list[str]:
    """Some questions with the answers of all approaches, and where those with attention looked."""
    examples = data.splits["test"]
    answers = {name: run.results("test").read_answers(examples) for name, run in trained.items()}
    watched = {
        name: load(run.path) for name, run in trained.items() if run.read_config().model.attention
    }
    paths = {example.name: example.path for example in examples}
    parts = []
    for place in telling(answers):
        given = {name: rows[place] for name, rows in answers.items()}
        row = next(iter(given.values()))
        parts.append(f"<h3>{escape(row.item.question)}</h3>{_answers(row, given)}")
        for name, eye in watched.items():
            path = folder / "looked" / f"{row.item.kind}-{name}.png".replace(" ", "-")
            draw_overlay(path, eye.encode(paths[row.photo]).ask_words(row.item))
            parts.append(_figure(path, name))
    return parts


def _answers(row: Prediction, given: Mapping[str, Prediction]) -> str:
    lines = [f"<tr><td>truth</td><td>{escape(row.item.answer)}</td><td></td></tr>"]
    lines += [
        f'<tr><td>{escape(name)}</td><td class="{"right" if one.correct else "wrong"}">'
        f"{escape(one.answer)}</td><td>{100 * one.confidence:.0f} % sure</td></tr>"
        for name, one in given.items()
    ]
    return f"<table>{''.join(lines)}</table>"


def _settings(comparison: dict[str, Any]) -> str:
    parts = comparison["model"] | comparison["training"] | comparison["versions"]
    varied = ("encoder", "attention", "seed")
    return ", ".join(f"{name} {value}" for name, value in parts.items() if name not in varied)


def _figure(path: Path, title: str) -> str:
    picture = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><img src="data:image/png;base64,{picture}" alt="{escape(title)}">'
        f"<figcaption>{escape(title)}</figcaption></figure>"
    )


PAGE_TEMPLATE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fruit: $data compared</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: 0.9rem; }
th, td { border-bottom: 1px solid #8886; padding: 0.25rem 0.6rem; white-space: nowrap; }
figure { margin: 1.5rem 0; }
figcaption, .settings { color: #787878; font-size: 0.9rem; }
img { max-width: 100%; }
.right, .wrong { white-space: normal; }
.right::before { content: "\\2713  "; } .wrong::before { content: "\\2717  "; }
</style>
</head>
<body>
<h1>$data compared</h1>
<p class="settings">$settings</p>
<h2>Scores</h2>
$tables
<h2>Graphs</h2>
$graphs
<h2>The same questions, asked of each</h2>
$answers
</body>
</html>
"""
)
