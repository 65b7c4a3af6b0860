"""`fruit train-writer`: train the language model that writes texts for `generate-data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fruit_caption.commands import terminal
from fruit_caption.utils.startup import start_keras


def train_writer(
    start: Annotated[
        str | None,
        typer.Option("--from", help="Preset to fine-tune. [default: train a small GPT-2]"),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the preset to make.")] = Path(
        "artifacts/my-writer"
    ),
    steps: Annotated[int, typer.Option(help="Number of training steps.", min=1)] = 1500,
    seed: Annotated[int, typer.Option(help="Random seed of facts, texts and weights.")] = 0,
) -> None:
    """Train a language model to write texts about fruit."""
    start_keras()
    from fruit_caption.training.train_writer import train_writer

    with terminal.notes.status("starting") as status:
        scores = train_writer(out, start, steps, seed, status.update)
    perplexity = {name: f"{value:.2f}" for name, value in scores["perplexity"].items()}
    terminal.output.print(
        f"{out}: perplexity per token {perplexity['learnt']} on training texts, "
        f"{perplexity['facts']} on new facts, {perplexity['words']} on new phrasings"
    )
    shares = ", ".join(f"{100 * share:.0f} % ({task})" for task, share in scores["true"].items())
    terminal.output.print(f"correct drafts about new facts: {shares}")
    terminal.output.print(f"captions with a new wording: {100 * scores['new']:.0f} %")
