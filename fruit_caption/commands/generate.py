"""`generate-data`, and `train-writer` for the language model that it lets write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from fruit_caption.commands import engine_options, terminal
from fruit_caption.commands.engine_options import Actors, Address, EngineName
from fruit_caption.commands.printing import print_imported, print_summary, print_text
from fruit_caption.config import DataConfig
from fruit_caption.utils.errors import FruitError
from fruit_caption.utils.startup import start_keras

app = typer.Typer()


@app.command("generate-data")
def generate_data(
    photos: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder of photos with COCO, Pascal VOC or YOLO boxes, or one subfolder for "
            "each fruit. Several are merged."
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(help='What class names mean, in JSON: {"boskoop": "apple"}.'),
    ] = None,
    compose: Annotated[
        int, typer.Option(help="Compose so many from the fruits of the photos' training split.")
    ] = 0,
    mosaic: Annotated[
        int, typer.Option(help="Put so many together from whole photos of the training split.")
    ] = 0,
    open_images: Annotated[
        int, typer.Option(help="Fetch so many photos of fruit from Open Images V7.")
    ] = 0,
    scenes: Annotated[
        int | None,
        typer.Option(help="Render so many scenes. [default: 1000 if nothing else is asked for]"),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder to make.")] = Path("data/fruit"),
    unseen: Annotated[
        list[str] | None,
        typer.Option(help="Keep photos of this source for a second test, never trained on."),
    ] = None,
    writer: Annotated[
        str,
        typer.Option(
            help='Who writes: "shipped" (a small GPT-2), "grammar" (rules), or another language '
            'model: a preset of KerasNLP such as gpt2_base_en, "hf://owner/name", or a folder.'
        ),
    ] = DataConfig.writer,
    vqa: Annotated[
        Path | None,
        typer.Option(help="Take the questions about fruit from this folder of VQA v2's files."),
    ] = None,
    form: Annotated[
        Literal["vqa"] | None,
        typer.Option("--format", help="Write the questions as files of VQA v2, too."),
    ] = None,
    show: Annotated[int, typer.Option(help="Print what is said about so many photos.")] = 0,
    seed: Annotated[int, typer.Option(help="Of scenes and texts.")] = 0,
    engine: EngineName = "local",
    address: Address = None,
    actors: Actors = None,
) -> None:
    """Collect or render photos, and write a caption, questions and answers about each."""
    from fruit_caption.data.formats.vqa import import_vqa, write_vqa

    if vqa:
        if photos or open_images or scenes:
            raise FruitError("--vqa brings its own photos; make a data set of others without it.")
        with terminal.notes.status("collecting") as status:
            imported = import_vqa(vqa, out, status.update)
        print_imported(terminal.output, imported, out)
        return
    from fruit_caption.data.qa import GRAMMAR, read_qa
    from fruit_caption.datagen.generate import generate_data

    if scenes is None:
        scenes = 0 if photos or open_images else 1000
    config = DataConfig(
        photos=tuple(str(folder) for folder in photos or ()),
        names=str(names) if names else None,
        open_images=open_images,
        compose=compose,
        mosaic=mosaic,
        scenes=scenes,
        unseen=tuple(unseen or ()),
        writer=writer,
        seed=seed,
    )
    if writer != GRAMMAR:
        start_keras()
    collecting = terminal.notes.status("collecting")
    with engine_options.engine(engine, address, actors) as who, collecting as status:
        summary = generate_data(config, out, status.update, who)
    print_summary(terminal.output, terminal.errors, summary, out)
    texts = read_qa(out) if form or show else []
    if form == "vqa":
        terminal.output.print(f"{write_vqa(out, texts)}: the questions as files of VQA v2")
    for text in texts[:show]:
        print_text(terminal.output, text)


@app.command("train-writer")
def train_writer(
    start: Annotated[
        str | None,
        typer.Option("--from", help="A preset to go on from. [default: a small GPT-2 is made]"),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder of the preset to make.")] = Path(
        "artifacts/my-writer"
    ),
    steps: Annotated[int, typer.Option(help="Of training.", min=1)] = 1500,
    seed: Annotated[int, typer.Option(help="Of facts, words and weights.")] = 0,
) -> None:
    """Train a language model to write captions, questions and answers about fruit."""
    start_keras()
    from fruit_caption.training.train_writer import train_writer

    with terminal.notes.status("starting") as status:
        scores = train_writer(out, start, steps, seed, status.update)
    terminal.output.print(
        f"{out}: perplexity {scores['perplexity']['learnt']:.2f} a token, "
        f"{scores['perplexity']['facts']:.2f} with facts and {scores['perplexity']['words']:.2f} "
        "with phrasings that it never saw"
    )
    true = ", ".join(f"{100 * share:.0f} % {task}" for task, share in scores["true"].items())
    terminal.output.print(f"true drafts about facts it never saw: {true}")
    terminal.output.print(f"captions worded as none that it learnt: {100 * scores['new']:.0f} %")
