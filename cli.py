"""The command `fruit`: parses, calls the library, prints.

TensorFlow takes seconds to import, so each command imports what it needs when it is called.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from fruit_caption import __version__
from fruit_caption.config import DataConfig, TrainingConfig
from fruit_caption.errors import FruitError
from fruit_caption.quiet import start_keras

if TYPE_CHECKING:
    from fruit_caption.collecting import Summary
    from fruit_caption.training import Listener
    from fruit_caption.writer.qa import PhotoText
    from fruit_caption.writer.synthesis import Report

output = Console()
errors = Console(stderr=True)


class FruitGroup(TyperGroup):
    """Turns what a user is told into one line and exit code 2."""

    def invoke(self, context: Any) -> Any:
        try:
            return super().invoke(context)
        except FruitError as error:
            errors.print(f"[red]error:[/] {_plain(str(error))}", soft_wrap=True)
            raise typer.Exit(2) from None


app = typer.Typer(
    cls=FruitGroup,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Answer questions about photographs of fruit.",
)


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
) -> None:
    if version:
        typer.echo(f"fruit {__version__}")
        raise typer.Exit


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
    show: Annotated[int, typer.Option(help="Print what is said about so many photos.")] = 0,
    seed: Annotated[int, typer.Option(help="Of scenes and texts.")] = 0,
) -> None:
    """Collect or render photos, and write a caption, questions and answers about each."""
    from fruit_caption.collecting import generate_data
    from fruit_caption.writer.qa import GRAMMAR

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
    with output.status("collecting") as status:
        summary = generate_data(config, out, status.update)
    _print_summary(summary, out)
    for text in summary.texts[:show]:
        _print_text(text)


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
    from fruit_caption.writer.training import train_writer

    with output.status("starting") as status:
        scores = train_writer(out, start, steps, seed, status.update)
    output.print(
        f"{out}: perplexity {scores['perplexity']['learnt']:.2f} a token, "
        f"{scores['perplexity']['facts']:.2f} with facts and {scores['perplexity']['words']:.2f} "
        "with phrasings that it never saw"
    )
    true = ", ".join(f"{100 * share:.0f} % {task}" for task, share in scores["true"].items())
    output.print(f"true drafts about facts it never saw: {true}")
    output.print(f"captions worded as none that it learnt: {100 * scores['new']:.0f} %")


@app.command()
def train(
    context: typer.Context,
    pretrained: Annotated[
        bool | None,
        typer.Option("--pretrained/--scratch", help="VGG16, or a CNN of our own. [default: VGG16]"),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="Another eye: efficientnet-lite0, or a network of keras.applications."),
    ] = None,
    unfreeze: Annotated[
        int, typer.Option(help="How many of a pretrained eye's last stages learn too.")
    ] = 0,
    attention: Annotated[bool, typer.Option(help="Look at the grid, or at its mean.")] = True,
    start: Annotated[
        str | None,
        typer.Option("--from", help="A run to go on from: it learns new words and fruits."),
    ] = None,
    data: Annotated[Path, typer.Option(help="A folder that generate-data made.")] = Path(
        "data/fruit"
    ),
    rehearse: Annotated[
        Path | None,
        typer.Option(
            help="Another such folder: some of its photos are mixed in, so that a model with "
            "--from doesn't forget what they show."
        ),
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Name of the run, a folder in artifacts/.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="At most so many passes over the photos.")] = (
        TrainingConfig.epochs
    ),
    batch_size: Annotated[int, typer.Option(help="Photos a step.")] = TrainingConfig.batch_size,
    learning_rate: Annotated[float, typer.Option(help="At the start.")] = (
        TrainingConfig.learning_rate
    ),
    image_size: Annotated[int, typer.Option(help="Side of the letterboxed photos, pixels.")] = 224,
    encoder_weights: Annotated[
        str, typer.Option(help='The pretrained eye\'s: "imagenet", "none", or a weights file.')
    ] = "imagenet",
    seed: Annotated[int, typer.Option(help="Of weights, order and dropout.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with run --run, with the settings it has.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write learning curves for TensorBoard, too.")
    ] = False,
) -> None:
    """Train a model on a data set and file it as a run."""
    start_keras()
    from fruit_caption import runs
    from fruit_caption.config import ModelConfig, RunConfig
    from fruit_caption.console import ConsoleListener
    from fruit_caption.training import train, versions

    if encoder and pretrained is not None:
        raise FruitError("--encoder names the eye already; leave out --pretrained and --scratch.")
    eye = encoder or ("scratch" if pretrained is False else "pretrained")
    started = f"{Path(start).name}-tuned" if start else eye + ("-attention" if attention else "")
    folder = runs.run_folder(run or started)
    if resume and (folder / runs.CONFIG).is_file():
        config = runs.read_config(folder)
    else:
        if start:
            _refuse_model_options(context)
            model = replace(runs.read_config(runs.run_folder(start)).model, unfreeze=unfreeze)
        else:
            model = ModelConfig(
                encoder="vgg16" if eye == "pretrained" else eye,
                encoder_weights="none" if eye == "scratch" else encoder_weights,
                unfreeze=unfreeze,
                attention=attention,
                image_size=image_size,
            )
        config = RunConfig(
            data=str(data),
            start=str(runs.run_folder(start)) if start else None,
            rehearse=str(rehearse) if rehearse else None,
            model=model,
            training=TrainingConfig(
                epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed
            ),
            versions=versions(),
        )
    with ConsoleListener(output, config.training.epochs).shown() as listener:
        scores = train(config, folder, resume, _watched(listener, folder, tensorboard))
    output.print(
        f"{folder}: {100 * scores['exact']:.1f} % of the validation questions answered rightly"
    )


@app.command()
def ask(
    image: Annotated[Path, typer.Argument(help="A picture.")],
    question: Annotated[str, typer.Argument(help='Such as "how many apples?"')],
    run: Annotated[str | None, typer.Option(help="Which run to ask. [default: the newest]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    show: Annotated[
        Path | None, typer.Option(help="A PNG to draw: where it sees fruit, where it looked.")
    ] = None,
) -> None:
    """Ask a model about a picture: how many, which fruits, is there one."""
    from fruit_caption.domain import read_question
    from fruit_caption.pictures import open_picture

    # What can be refused is refused before TensorFlow loads.
    read_question(question)
    open_picture(image)
    if show:
        _refuse_to_draw(show, image)
    start_keras()

    from fruit_caption.answering import load

    answer = load(run).ask(image, question)
    if as_json:
        typer.echo(json.dumps(answer.to_json(), ensure_ascii=False))
    else:
        output.print(f"{_plain(answer.text)}  [dim]({100 * answer.confidence:.0f} % sure)[/]")
    if show:
        from fruit_caption.overlays import draw_overlay

        draw_overlay(show, answer)
        # Standard output is the JSON object's alone.
        told = errors if as_json else output
        told.print(f"What it saw: {_plain(str(show))}", soft_wrap=True)


@app.command()
def evaluate(
    run: Annotated[str, typer.Option(help="Name of the run, a folder in artifacts/.")],
    data: Annotated[Path, typer.Option(help="A folder that generate-data made.")] = Path(
        "data/fruit"
    ),
    split: Annotated[
        Literal["validation", "test", "unseen"], typer.Option(help="Which photos to ask about.")
    ] = "test",
) -> None:
    """Score a run's answers beside the baselines; draw where it is right and wrong."""
    start_keras()
    from fruit_caption import runs
    from fruit_caption.dataset import read_data
    from fruit_caption.evaluating import evaluate
    from fruit_caption.reporting import score_table

    folder = runs.run_folder(run)
    with output.status(f"asking {folder}"):
        metrics = evaluate(folder, read_data(data), split, errors.print)
    scores = {**metrics["baselines"], run: metrics["scores"]}
    # As it is, not wrapped: ten columns need more than most terminals have.
    typer.echo(score_table({name: [one] for name, one in scores.items()}))
    output.print(f"Answers, scores and pictures are in {folder / split}/")


@app.command()
def compare(
    data: Annotated[Path, typer.Option(help="A folder that generate-data made.")] = Path(
        "data/fruit"
    ),
    name: Annotated[str, typer.Option(help="Of the comparison, a folder in artifacts/.")] = (
        "comparison"
    ),
    variant: Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            help='Such as "pretrained + attention" or "MobileNetV3Large"; may be given several '
            "times. [default: pretrained and scratch, each with attention and without]",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many times each is trained.", min=1)] = 1,
    epochs: Annotated[int, typer.Option(help="At most so many passes over the photos.")] = (
        TrainingConfig.epochs
    ),
    batch_size: Annotated[int, typer.Option(help="Photos a step.")] = TrainingConfig.batch_size,
    learning_rate: Annotated[float, typer.Option(help="At the start.")] = (
        TrainingConfig.learning_rate
    ),
    image_size: Annotated[int, typer.Option(help="Side of the letterboxed photos, pixels.")] = 224,
    encoder_weights: Annotated[
        str, typer.Option(help='The pretrained eye\'s: "imagenet", "none", or a weights file.')
    ] = "imagenet",
    seed: Annotated[int, typer.Option(help="The first, of weights, order and dropout.")] = 0,
) -> None:
    """Train or reuse the variants, score them beside the baselines, and write a report."""
    start_keras()
    from fruit_caption import runs
    from fruit_caption.comparing import VARIANTS, Variant, compare
    from fruit_caption.config import ModelConfig, RunConfig
    from fruit_caption.console import ConsoleListener
    from fruit_caption.reporting import PAGE, markdown
    from fruit_caption.training import versions

    variants = [Variant.named(one) for one in variant] if variant else VARIANTS
    config = RunConfig(
        data=str(data),
        model=ModelConfig(encoder_weights=encoder_weights, image_size=image_size),
        training=TrainingConfig(
            epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed
        ),
        versions=versions(),
    )
    folder = runs.run_folder(name)
    with ConsoleListener(output, epochs).shown() as listener:
        comparison = compare(config, folder, variants, seeds, listener, output.print)
    typer.echo(markdown(comparison))
    output.print(f"Tables, graphs and {PAGE} are in {folder}/")


def _watched(listener: Listener, folder: Path, tensorboard: bool) -> Listener:
    if not tensorboard:
        return listener
    from fruit_caption.tensorboard import TensorBoardListener

    return TensorBoardListener(folder, listener)


def _refuse_model_options(context: typer.Context) -> None:
    """A run to go on from has an eye, a size and attention or none already."""
    for option in ("pretrained", "encoder", "encoder_weights", "attention", "image_size"):
        source = context.get_parameter_source(option)
        if source and source.name == "COMMANDLINE":
            name = "scratch" if context.params[option] is False else option
            raise FruitError(
                f"--from takes the run's model as it is; leave out --{name.replace('_', '-')}."
            )


def _refuse_to_draw(path: Path, photo: Path) -> None:
    """A picture to draw is a PNG in a folder that is there, and not the photo itself."""
    if path.suffix.lower() != ".png" or path.is_dir():
        raise FruitError(f"{path} is no name of a picture to draw; choose one that ends in .png.")
    if not path.parent.is_dir():
        raise FruitError(f"{path.parent}: there is no such folder; make it, or draw elsewhere.")
    if path.exists() and path.samefile(photo):
        raise FruitError(f"{path} is the photo itself; choose another name with --show.")


def _print_summary(summary: Summary, out: Path) -> None:
    for found in summary.found:
        output.print(_plain(found))
    photos = ", ".join(f"{number} {split}" for split, number in summary.photos.items())
    texts = ", ".join(f"{number} {kind}" for kind, number in summary.questions.items())
    output.print(f"{out}: {sum(summary.photos.values())} photos ({photos}), {summary.boxes} boxes")
    output.print(f"texts: {texts}")
    if summary.report.written:
        output.print(_writing(summary.report))
    if summary.unknown_classes:
        output.print(f"no fruit of ours, left out: {_plain(', '.join(summary.unknown_classes))}")
    if summary.skipped:
        errors.print(f"[yellow]skipped {len(summary.skipped)}:[/]")
        for reason in summary.skipped:
            errors.print(f"  {_plain(reason)}", soft_wrap=True)


def _writing(report: Report) -> Table:
    """How the language model did, by kind of text."""
    table = Table("written by the model", "drafts", "true", "kept", "filled in by rules")
    for kind, number in report.written.items():
        share = f"{100 * report.accepted.get(kind, 0) / number:.0f} %"
        kept, filled = report.kept.get(kind, 0), report.filled_in.get(kind, 0)
        table.add_row(kind, str(number), share, str(kept), str(filled))
    speed = report.tokens / report.seconds if report.seconds else 0
    table.caption = f"{report.tokens} tokens, {speed:.0f} a second"
    return table


def _print_text(text: PhotoText) -> None:
    output.print(f"\n[bold]{_plain(text.file_name)}[/] ({text.split})")
    for item in text.items():
        said = f"{_plain(item.question)} [dim]->[/] {_plain(item.answer)}"
        output.print(f"  {said} [dim]{item.by}[/]")


def _plain(text: str) -> str:
    """Text whose square brackets rich must not read as markup."""
    return text.replace("[", r"\[")


if __name__ == "__main__":
    app()
