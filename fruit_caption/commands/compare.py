"""`fruit compare`: train and compare several models."""

from __future__ import annotations

from typing import Annotated

import typer

from fruit_caption.commands import terminal
from fruit_caption.commands.options import DATA, DataFolder, Options
from fruit_caption.config import ModelConfig, RunConfig, TrainingConfig
from fruit_caption.utils.startup import start_keras


def compare(
    *,
    data: DataFolder = DATA,
    name: Annotated[
        str, typer.Option(help="Name of the comparison, a folder in artifacts/.")
    ] = "comparison",
    variant: Annotated[
        list[str] | None,
        typer.Option(
            help='Encoder to compare, with or without attention, such as "pretrained + attention" '
            'or "MobileNetV3Large". Can be given several times. [default: pretrained and scratch, '
            "each with and without attention]",
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(help="Number of runs per variant, with seeds from --seed upward.", min=1),
    ] = 1,
    training: Annotated[
        TrainingConfig,
        Options(
            "epochs", "decoder_epochs", "batch_size", "learning_rate", "pretrain_steps", "seed"
        ),
    ],
    model: Annotated[ModelConfig, Options("image_size", "encoder_weights", "freeze")],
) -> None:
    """Train several variants of the model and write a report.

    Runs that are already trained are reused.
    """
    start_keras()
    from fruit_caption.commands.training_progress import ConsoleListener
    from fruit_caption.comparison.compare import VARIANTS, Variant, compare
    from fruit_caption.comparison.report import PAGE, markdown
    from fruit_caption.runs import Run
    from fruit_caption.training.trainer import versions

    variants = [Variant.named(text) for text in variant] if variant else VARIANTS
    config = RunConfig(data=str(data), model=model, training=training, versions=versions())
    folder = Run.named(name).path
    with ConsoleListener(terminal.notes).shown() as listener:
        comparison = compare(config, folder, variants, seeds, listener, terminal.notes.print)
    typer.echo(markdown(comparison))
    terminal.output.print(f"Tables, graphs and {PAGE} are in {folder}/")
