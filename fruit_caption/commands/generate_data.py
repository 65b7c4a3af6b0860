"""`fruit generate-data`: make a data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from fruit_caption.commands import terminal
from fruit_caption.commands.engine_options import EngineOptions
from fruit_caption.commands.options import Options
from fruit_caption.commands.printing import print_imported, print_summary, print_text
from fruit_caption.config import DataConfig
from fruit_caption.utils.errors import FruitError
from fruit_caption.utils.startup import start_keras

DEFAULT_SCENES = 1000


def generate_data(
    *,
    scenes: Annotated[
        int | None,
        typer.Option(
            help="Number of synthetic scenes to render. "
            f"[default: {DEFAULT_SCENES} without --photos and --open-images, else 0]"
        ),
    ] = None,
    config: Annotated[
        DataConfig,
        Options(
            "plain",
            "photos",
            "names",
            "compose",
            "open_images",
            "unseen",
            "keep_splits",
            "shares",
            "writer",
            "seed",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the data set to make.")] = Path("data/fruit"),
    vqa: Annotated[
        Path | None,
        typer.Option(help="Import the questions about fruit from a folder with VQA v2 files."),
    ] = None,
    form: Annotated[
        Literal["vqa"] | None,
        typer.Option("--format", help="Also write the questions as VQA v2 files."),
    ] = None,
    show: Annotated[
        int, typer.Option(help="Number of photos whose texts are printed at the end.")
    ] = 0,
    engine: Annotated[EngineOptions, Options()],
) -> None:
    """Make a data set of photos with captions, questions and answers."""
    from fruit_caption.data.formats.vqa import import_vqa, write_vqa

    has_photos = bool(config.photos or config.open_images)
    if vqa:
        if has_photos or scenes:
            raise FruitError("--vqa can't be combined with --photos, --open-images or --scenes.")
        has_shares = config.shares != DataConfig.shares
        if config.unseen or config.keep_splits or config.names or config.compose or has_shares:
            raise FruitError(
                "--vqa keeps the splits of its files and can't be combined with --unseen, "
                "--keep-splits, --shares, --names or --compose."
            )
        with terminal.notes.status("importing") as status:
            imported = import_vqa(vqa, out, status.update)
        print_imported(terminal.output, terminal.errors, imported, out)
        return
    from fruit_caption.data.qa import GRAMMAR, read_qa
    from fruit_caption.datagen.generate import generate_data
    from fruit_caption.datagen.language_model.presets import check_preset

    if scenes is None:
        scenes = 0 if has_photos else DEFAULT_SCENES
    config = replace(config, scenes=scenes)
    if config.writer != GRAMMAR:
        check_preset(config.writer)
        start_keras()
    with engine.start() as workers, terminal.notes.status("collecting photos") as status:
        summary = generate_data(config, out, status.update, workers)
    texts = read_qa(out) if form or show else []
    # All files are written before anything is printed, which may fail.
    written = write_vqa(out, texts) if form == "vqa" else None
    print_summary(terminal.output, terminal.errors, summary, out)
    if written:
        terminal.output.print(f"{written}: questions in the format of VQA v2")
    for text in texts[:show]:
        print_text(terminal.output, text)
