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
    from fruit_caption.comparison.report import score_table
    from fruit_caption.data.dataset import read_data
    from fruit_caption.evaluation.evaluate import evaluate_and_plot
    from fruit_caption.runs import Run

    target = Run.named(run)
    with engine.start() as workers, terminal.notes.status(f"evaluating {target}"):
        metrics = evaluate_and_plot(target, read_data(data), split, terminal.notes.print, workers)
    scores = {**metrics["baselines"], run: metrics["scores"]}
    # Printed without Rich, which would wrap the wide table.
    typer.echo(score_table({name: [row] for name, row in scores.items()}))
    terminal.output.print(f"Answers, scores and plots are in {target.results(split).folder}/")
