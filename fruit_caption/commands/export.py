"""`fruit export`: export a trained model to another format."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from fruit_caption.commands import terminal
from fruit_caption.commands.options import RunName
from fruit_caption.utils.startup import start_keras


def export(
    run: RunName,
    form: Annotated[
        Literal["onnx", "litert"], typer.Option("--format", help="File format.")
    ] = "onnx",
    bits: Annotated[
        int, typer.Option(help="Number of bits per weight: 32, or 16 for a smaller file.")
    ] = 32,
) -> None:
    """Export a run to ONNX or LiteRT.

    Afterwards its model starts faster, without TensorFlow.
    """
    start_keras()
    from fruit_caption.inference.export import export
    from fruit_caption.runs import Run

    target = Run.named(run)
    with terminal.notes.status(f"exporting {target}"):
        folder = export(target, form, bits)
    megabytes = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    terminal.output.print(f"{folder}: {megabytes:.1f} MB")
