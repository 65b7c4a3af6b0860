"""The report of a comparison: tables, graphs, and one page with all of them.

comparison.md          the tables, in Markdown
*.png                  the graphs
looked/*.png           the attention maps of the examples
report.html            all of that in one self-contained file
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
from fruit_caption.inference.predictor import load
from fruit_caption.language.questions import KINDS
from fruit_caption.runs import Run
from fruit_caption.utils.files import write_text
from fruit_caption.utils.markdown import table

Scores = dict[str, Any]
"""The scores of one run on one split, see `Evaluation.scores`."""

PAGE, TABLES = "report.html", "comparison.md"
TITLES: dict[Split, str] = {"test": "test split", "unseen": "photos of an unseen source"}
COUNT_COLUMNS = {
    "counts of 2 or more": ("several", "exact"),
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
    folder: Path, comparison: dict[str, Any], data: DataSet, runs: Mapping[str, Sequence[Run]]
) -> None:
    """Write the tables, the graphs and the page.

    Args:
        folder: The folder of the comparison.
        comparison: The content of `comparison.json`.
        data: The data set that the variants were scored on.
        runs: The runs of each variant, one per seed.
    """
    tables = markdown(comparison)
    write_text(folder / TABLES, tables)
    graphs = _draw_graphs(folder, comparison, runs)
    examples = _examples(folder, data, {name: by_seed[0] for name, by_seed in runs.items()})
    page = PAGE_TEMPLATE.substitute(
        data=escape(Path(comparison["data"]["folder"]).name),
        tables=MarkdownIt("commonmark").enable("table").render(tables),
        graphs="\n".join(_figure(path, title) for title, path in graphs.items()),
        answers="\n".join(examples),
        settings=escape(_settings(comparison)),
    )
    write_text(folder / PAGE, page)


def markdown(comparison: dict[str, Any]) -> str:
    """Return all tables of a comparison as Markdown: scores, differences and costs."""
    parts = []
    for split in comparison["results"]:
        parts += [score_section(comparison, split), _difference_section(comparison, split)]
    parts.append(_cost_section(comparison["costs"]))
    parts += [f"{name}: {reason}\n" for name, reason in comparison["changed"].items()]
    return "\n".join(part for part in parts if part)


def question_kinds(results: Mapping[str, Sequence[Scores]]) -> list[str]:
    """Return the kinds of question in the results: known kinds, then others, then captions."""
    found = {kind for by_seed in results.values() for kind in by_seed[0]["kinds"]}
    known = [kind for kind in KINDS if kind in found]
    return known + sorted(found - {*KINDS, CAPTION}) + [CAPTION] * (CAPTION in found)


def score_columns(results: Mapping[str, Sequence[Scores]]) -> dict[str, tuple[str, ...]]:
    """Return the columns of the score table: for each title, the keys of its value in `Scores`."""
    kinds = question_kinds(results)
    return {
        "overall": ("exact",),
        **{kind: ("kinds", kind, "exact") for kind in kinds},
        **(COUNT_COLUMNS if "count" in kinds else {}),
        "calibration error": ("calibration_error",),
    }


def seed_values(by_seed: Sequence[Scores], keys: Sequence[str]) -> list[float]:
    """Return the value under some nested keys for each seed, or [] if any seed has none."""
    values = []
    for scores in by_seed:
        value: Any = scores
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        values.append(value)
    return [] if None in values else values


def score_table(results: Mapping[str, Sequence[Scores]]) -> str:
    """Return a Markdown table with a row of scores for each approach.

    Scores are in %, except for count RMSE: the mean over the seeds and their standard deviation.

    Args:
        results: The scores of each seed, by approach.
    """
    columns = score_columns(results)
    rows = []
    for name, by_seed in results.items():
        values = {title: seed_values(by_seed, keys) for title, keys in columns.items()}
        cells = [
            format_mean(v, digits=2, scale=1) if title == "count RMSE" else format_mean(v)
            for title, v in values.items()
        ]
        rows.append([name, *cells])
    return table(["approach", *columns], rows)


def score_lines(results: Mapping[str, Scores]) -> list[str]:
    """Return a table of scores that fits a terminal: a line for each score, in %.

    Args:
        results: The scores by approach.
    """
    by_seed = {name: [scores] for name, scores in results.items()}
    rows = [["right answers in %", *results]]
    for title, keys in score_columns(by_seed).items():
        number = next(iter(results.values()))["kinds"].get(title, {}).get("n")
        digits, scale = (2, 1) if title == "count RMSE" else (1, 100)
        values = [seed_values(scores, keys) for scores in by_seed.values()]
        label = f"{title} ({number})" if number else title
        rows.append([label, *(format_mean(value, digits, scale) for value in values)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]


def score_section(comparison: dict[str, Any], split: Split) -> str:
    """Return the score table of a split with a sentence that explains it."""
    results = comparison["results"][split]
    questions = next(iter(results.values()))[0]["n"]
    photos, seeds = comparison["data"]["photos"][split], comparison["seeds"]
    spread = f", mean ± standard deviation of {seeds} seeds" if seeds > 1 else ""
    return (
        f"Right answers in %, {TITLES[split]}: {photos} photos, {questions} questions{spread}.\n\n"
        + score_table(results)
    )


def _difference_section(comparison: dict[str, Any], split: Split) -> str:
    differences = comparison["differences"][split]
    if not differences:
        return ""
    rows = []
    for row in differences:
        low, high = (f"{100 * row[name]:+.1f}" for name in ("low", "high"))
        pair, is_real = f"{row['of']} over {row['over']}", "yes" if row["is_real"] else "no"
        gain, interval = f"{100 * row['mean']:+.1f}", f"{low} to {high}"
        rows.append([pair, row["subset"], gain, interval, is_real])
    return (
        f"Differences in percentage points, {TITLES[split]}, with 95 % intervals (bootstrap over "
        "groups of photos and over seeds). A difference is real if its interval excludes zero.\n\n"
        + table(["what", "on", "gains", "interval", "real"], rows, align="llrrl")
    )


def _cost_section(costs: dict[str, Any]) -> str:
    if not costs:
        return ""
    rows = []
    for name, cost in costs.items():
        values = [(cost[key], scale) for key, scale in COST_COLUMNS.values()]
        rows.append([name, *("-" if v is None else f"{v * scale:.1f}" for v, scale in values)])
    return (
        "Costs, measured on the machine that ran the comparison. The minutes are those of the "
        "training epochs, without pre-training of the decoder and encoding of the photos.\n\n"
        + table(["approach", *COST_COLUMNS], rows)
    )


def format_mean(values: Sequence[float], digits: int = 1, scale: float = 100) -> str:
    """Return the mean of some values, with their standard deviation if there are several.

    Args:
        values: The values, usually shares from 0 to 1.
        digits: The number of decimal places.
        scale: The factor to multiply them by; 100 for percent.

    Returns:
        Text such as "62.5 ± 17.7", or "-" if there are no values.
    """
    if not values:
        return "-"
    spread = f" ± {scale * stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{scale * mean(values):.{digits}f}{spread}"


def _draw_graphs(
    folder: Path, comparison: dict[str, Any], runs: Mapping[str, Sequence[Run]]
) -> dict[str, Path]:
    """Draw the graphs; the file of each by its title."""
    graphs = {}
    for split, results in comparison["results"].items():
        kinds = ["overall", *question_kinds(results)]
        columns = score_columns(results)
        accuracy = {
            name: {kind: seed_values(by_seed, columns[kind]) for kind in kinds}
            for name, by_seed in results.items()
        }
        title = f"Right answers, {TITLES[split]}"
        graphs[title] = folder / f"accuracy-{split}.png"
        plots.draw_accuracy(graphs[title], title, kinds, accuracy)
    graphs["Learning curves"] = folder / "learning-curves.png"
    histories = {name: [run.read_history() for run in by_seed] for name, by_seed in runs.items()}
    plots.draw_learning_curves(graphs["Learning curves"], histories)
    first = next(iter(comparison["results"].values()))
    costs = {
        name: plots.Cost(
            cost["parameters"],
            cost["minutes"],
            cost["milliseconds"],
            seed_values(first[name], ["exact"]),
        )
        for name, cost in comparison["costs"].items()
        if None not in cost.values()
    }
    if costs:
        graphs["What an answer costs"] = folder / "cost.png"
        plots.draw_cost(graphs["What an answer costs"], costs)
    return graphs


def most_telling_questions(answers: Mapping[str, Sequence[Prediction]]) -> list[int]:
    """Choose the question of each kind on which the approaches disagree most.

    That is the question with the most even split between right and wrong answers. Each photo is
    chosen at most once.

    Args:
        answers: The answers of each approach to the same questions.

    Returns:
        The indices of the questions.
    """
    questions = next(iter(answers.values()))
    right = [sum(row.correct for row in rows) for rows in zip(*answers.values(), strict=True)]
    disagreement = [min(number, len(answers) - number) for number in right]
    chosen: list[int] = []
    for kind in dict.fromkeys(row.qa_pair.kind for row in questions):
        used = {questions[index].photo for index in chosen}
        candidates = [
            index
            for index, row in enumerate(questions)
            if row.qa_pair.kind == kind and row.photo not in used
        ]
        chosen += sorted(candidates, key=lambda index: -disagreement[index])[:1]
    return chosen


def _examples(folder: Path, data: DataSet, runs: Mapping[str, Run]) -> list[str]:
    """HTML of some questions with all answers, and with attention maps where there are any."""
    examples = data.splits["test"]
    answers = {name: run.results("test").read_answers(examples) for name, run in runs.items()}
    predictors = {
        name: load(run.path) for name, run in runs.items() if run.read_config().model.attention
    }
    paths = {example.name: example.path for example in examples}
    parts = []
    for index in most_telling_questions(answers):
        rows = {name: rows[index] for name, rows in answers.items()}
        row = next(iter(rows.values()))
        parts.append(f"<h3>{escape(row.qa_pair.question)}</h3>{_answer_table(rows)}")
        for name, predictor in predictors.items():
            path = folder / "looked" / f"{row.qa_pair.kind}-{name}.png".replace(" ", "-")
            predictor.encode(paths[row.photo]).ask_qa_pair(row.qa_pair).save_overlay(path)
            parts.append(_figure(path, name))
    return parts


def _answer_table(rows: Mapping[str, Prediction]) -> str:
    truth = next(iter(rows.values())).qa_pair.answer
    lines = [f"<tr><td>truth</td><td>{escape(truth)}</td><td></td></tr>"]
    lines += [
        f'<tr><td>{escape(name)}</td><td class="{"right" if row.correct else "wrong"}">'
        f"{escape(row.answer)}</td><td>{100 * row.confidence:.0f} % sure</td></tr>"
        for name, row in rows.items()
    ]
    return f"<table>{''.join(lines)}</table>"


def _settings(comparison: dict[str, Any]) -> str:
    settings = comparison["model"] | comparison["training"] | comparison["versions"]
    varied = ("encoder", "attention", "seed")
    return ", ".join(f"{name} {value}" for name, value in settings.items() if name not in varied)


def _figure(path: Path, title: str) -> str:
    image = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><img src="data:image/png;base64,{image}" alt="{escape(title)}">'
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
<h2>Examples</h2>
$answers
</body>
</html>
"""
)
