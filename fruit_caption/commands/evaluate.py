"""`fruit evaluate`: score a trained model."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from fruit_caption.commands import terminal
from fruit_caption.commands.engine_options import EngineOptions
from fruit_caption.commands.options import DATA, DataFolder, Options, RunName
from fruit_caption.utils.startup import start_keras


def evaluate(
    *,
    run: RunName,
    data: DataFolder = DATA,
    split: Annotated[
        Literal["validation", "test", "unseen"],
        typer.Option(help="Split whose questions the model answers."),
    ] = "test",
    engine: Annotated[EngineOptions, Options()],
) -> None:
    """Score a run, compare it with baselines and plot errors."""
    start_keras()
    from fruit_caption.commands.printing import photo_progress
    from fruit_caption.comparison.report import score_lines
    from fruit_caption.data.dataset import read_data
    from fruit_caption.evaluation.evaluate import evaluate_and_plot
    from fruit_caption.runs import Run

    target = Run.named(run)
    dataset = read_data(data)
    with engine.start() as workers, photo_progress(terminal.notes, "answering") as answered:
        metrics = evaluate_and_plot(target, dataset, split, terminal.notes.print, workers, answered)
    numbers = f"{len(dataset.splits[split])} photos, {metrics['scores']['n']} questions"
    terminal.output.print(
        f"{target} on the {split} split of {data}: {numbers}", soft_wrap=True, highlight=False
    )
    for line in score_lines({**metrics["baselines"], "this run": metrics["scores"]}):
        terminal.output.print(line, markup=False, soft_wrap=True, highlight=False)
    terminal.output.print(f"Answers, scores and plots are in {target.results(split).folder}/")
