"""The command `fruit`: parses, calls the library, prints.

TensorFlow takes seconds to import, so each command imports what it needs when it is called.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from typer.core import TyperGroup

from fruit_caption import __version__
from fruit_caption.config import DataConfig, TrainingConfig
from fruit_caption.errors import FruitError
from fruit_caption.printing import (
    plain,
    print_answer,
    print_counts,
    print_imported,
    print_summary,
    print_text,
    watched,
    write_csv,
)
from fruit_caption.quiet import start_keras

if TYPE_CHECKING:
    from PIL.Image import Image

    from fruit_caption.answering import Answer, Eye
    from fruit_caption.training import Listener

output = Console()
errors = Console(stderr=True)
notes = Console(stderr=True)
"""How a command gets on, which --quiet keeps to itself."""


class FruitGroup(TyperGroup):
    """Turns what a user is told into one line and exit code 2."""

    def invoke(self, context: Any) -> Any:
        try:
            return super().invoke(context)
        except FruitError as error:
            if context.params.get("verbose"):
                errors.print_exception()
            _print_error(error)
            raise typer.Exit(2) from None


app = typer.Typer(
    cls=FruitGroup,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Answer questions about photographs of fruit.",
    epilog="Exit codes: 0 it is done; 1 a defect in fruit; 2 it can't be done, and a line on "
    "standard error says why.",
)


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print results and errors, not how it gets on.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Print TensorFlow's messages and errors' origins.")
    ] = False,
) -> None:
    if version:
        typer.echo(f"fruit {__version__}")
        raise typer.Exit
    notes.quiet = quiet
    if verbose:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"


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
) -> None:
    """Collect or render photos, and write a caption, questions and answers about each."""
    from fruit_caption.vqa import import_vqa, write_vqa

    if vqa:
        if photos or open_images or scenes:
            raise FruitError("--vqa brings its own photos; make a data set of others without it.")
        with notes.status("collecting") as status:
            imported = import_vqa(vqa, out, status.update)
        print_imported(output, imported, out)
        return
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
    with notes.status("collecting") as status:
        summary = generate_data(config, out, status.update)
    print_summary(output, errors, summary, out)
    if form == "vqa":
        output.print(f"{write_vqa(out, summary.texts)}: the questions as files of VQA v2")
    for text in summary.texts[:show]:
        print_text(output, text)


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

    with notes.status("starting") as status:
        scores = train_writer(out, start, steps, seed, status.update)
    output.print(
        f"{out}: perplexity {scores['perplexity']['learnt']:.2f} a token, "
        f"{scores['perplexity']['facts']:.2f} with facts and {scores['perplexity']['words']:.2f} "
        "with phrasings that it never saw"
    )
    true = ", ".join(f"{100 * share:.0f} % {task}" for task, share in scores["true"].items())
    output.print(f"true drafts about facts it never saw: {true}")
    output.print(f"captions worded as none that it learnt: {100 * scores['new']:.0f} %")


Epochs = Annotated[int, typer.Option(help="At most so many passes over the photos.")]
BatchSize = Annotated[int, typer.Option(help="Photos a step.")]
LearningRate = Annotated[float, typer.Option(help="At the start.")]
Reading = Annotated[
    int, typer.Option(help="Batches of questions about made-up facts that come before the photos.")
]
Views = Annotated[
    int, typer.Option(help="Of each photo: as it is, and nearer, farther, mirrored, lit otherwise.")
]
ImageSize = Annotated[int, typer.Option(help="Side of the letterboxed photos, pixels.")]
EncoderWeights = Annotated[
    str, typer.Option(help='The pretrained eye\'s: "imagenet", "none", or a weights file.')
]


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
    epochs: Epochs = TrainingConfig.epochs,
    batch_size: BatchSize = TrainingConfig.batch_size,
    learning_rate: LearningRate = TrainingConfig.learning_rate,
    reading: Reading = TrainingConfig.reading,
    views: Views = TrainingConfig.views,
    image_size: ImageSize = 224,
    encoder_weights: EncoderWeights = "imagenet",
    quiz: Annotated[
        bool, typer.Option("--quiz", help="Learn to make up questions, too, for `fruit quiz`.")
    ] = False,
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
                epochs=epochs,
                batch_size=batch_size,
                learning_rate=learning_rate,
                seed=seed,
                quiz=quiz,
                reading=reading,
                views=views,
            ),
            versions=versions(),
        )
    with ConsoleListener(notes, config.training.epochs).shown() as listener:
        scores = train(config, folder, resume, _watched(listener, folder, tensorboard))
    output.print(
        f"{folder}: {100 * scores['exact']:.1f} % of the validation questions answered rightly"
    )
    notes.print(f'Ask it: fruit ask PHOTO "how many apples?" --run {run or started}')


Run = Annotated[
    str | None, typer.Option("--run", help="Which run to ask. [default: the one that ships]")
]
Images = Annotated[
    list[str],
    typer.Argument(
        help='Pictures: files, folders, patterns such as "*.jpg", http(s) addresses, or - for '
        "standard input.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON objects, one a line.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write a table of the answers, too.")]


@app.command()
def ask(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE... [QUESTION]",
            help='Pictures: files, folders, patterns such as "*.jpg", http(s) addresses, or - for '
            'standard input; and a question such as "how many apples?". Without a question you '
            "are prompted for as many as you like.",
            show_default=False,
        ),
    ],
    question: Annotated[
        list[str] | None,
        typer.Option("--question", "-q", help="A question; may be given several times."),
    ] = None,
    run: Run = None,
    top: Annotated[
        int, typer.Option(help="Print so many answers, with the runners-up.", min=1, max=8)
    ] = 1,
    as_json: AsJson = False,
    csv_file: Csv = None,
    show: Annotated[
        Path | None, typer.Option(help="A PNG to draw: where it sees fruit, where it looked.")
    ] = None,
) -> None:
    """Ask a model about pictures: how many, which fruits, is there one."""
    from fruit_caption.sources import names_picture

    images, questions = words, question or []
    if not questions and not names_picture(words[-1]):
        images, questions = words[:-1], words[-1:]
    if not images:
        raise FruitError(f'"{words[-1]}" is no picture; name one, and then the question.')
    if not questions:
        _converse(images, run, top, as_json, csv_file, show)
    else:
        _answer(images, questions, run, top, as_json, csv_file, show)


@app.command()
def caption(image: Images, run: Run = None, as_json: AsJson = False, csv_file: Csv = None) -> None:
    """Describe pictures in a sentence."""
    from fruit_caption.writer.qa import DESCRIBE

    _answer(image, [DESCRIBE], run, as_json=as_json, csv_file=csv_file)


@app.command()
def count(image: Images, run: Run = None, as_json: AsJson = False) -> None:
    """Count every fruit that the model knows, in each picture and in all."""
    pictures = _pictures(image)
    skip = _Skipped(several=len(pictures) > 1)
    rows = []
    for name, counts in _eye(run).count_many(watched(pictures, notes), skip):
        rows.append((name, counts))
        if as_json:
            found = {"image": name, "counts": counts, "total": sum(counts.values())}
            typer.echo(json.dumps(found, ensure_ascii=False))
    if not as_json:
        print_counts(output, rows)
    skip.leave()


@app.command()
def quiz(
    image: Annotated[str, typer.Argument(help="A picture.", show_default=False)],
    run: Run = None,
    questions: Annotated[int, typer.Option(help="At most so many.", min=1, max=20)] = 5,
    seed: Annotated[int, typer.Option(help="Another one asks other questions.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Let the model make up questions about a picture, and answer them."""
    pictures = _pictures([image])
    if len(pictures) > 1:
        raise FruitError(f"{image} holds {len(pictures)} pictures; name one.")
    for answer in _eye(run).look(pictures[0]).quiz(questions, seed):
        _print_answer(answer, answer.question, 1, as_json)


@app.command()
def serve(
    run: Run = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0 lets others in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 7860,
) -> None:
    """Open a web page to drop photos on and ask about them."""
    eye = _eye(run)
    from fruit_caption.web import serve

    notes.print(f"Open http://{host}:{port} in a browser; Ctrl-C ends it.")
    serve(eye, host, port)


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
    with notes.status(f"asking {folder}"):
        metrics = evaluate(folder, read_data(data), split, notes.print)
    scores = {**metrics["baselines"], run: metrics["scores"]}
    # As it is, not wrapped: ten columns need more than most terminals have.
    typer.echo(score_table({name: [one] for name, one in scores.items()}))
    output.print(f"Answers, scores and pictures are in {folder / split}/")


@app.command()
def export(
    run: Annotated[str, typer.Option(help="Name of the run, a folder in artifacts/.")],
    form: Annotated[
        Literal["onnx", "litert"], typer.Option("--format", help="For ONNX Runtime, or LiteRT.")
    ] = "onnx",
    bits: Annotated[
        int, typer.Option(help="Of each weight: 32, or 16 or 8 for a smaller file.")
    ] = 32,
) -> None:
    """Export a run's model; it is then asked without TensorFlow, and starts at once."""
    start_keras()
    from fruit_caption import runs
    from fruit_caption.exporting import export

    folder = runs.run_folder(run)
    with notes.status(f"exporting {folder}"):
        out = export(folder, form, bits)
    megabytes = sum(file.stat().st_size for file in out.iterdir()) / 1e6
    output.print(f"{out}: {megabytes:.1f} MB")


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
    epochs: Epochs = TrainingConfig.epochs,
    batch_size: BatchSize = TrainingConfig.batch_size,
    learning_rate: LearningRate = TrainingConfig.learning_rate,
    reading: Reading = TrainingConfig.reading,
    views: Views = TrainingConfig.views,
    image_size: ImageSize = 224,
    encoder_weights: EncoderWeights = "imagenet",
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
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            reading=reading,
            views=views,
        ),
        versions=versions(),
    )
    folder = runs.run_folder(name)
    with ConsoleListener(notes, epochs).shown() as listener:
        comparison = compare(config, folder, variants, seeds, listener, notes.print)
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


def _eye(run: str | None) -> Eye:
    from fruit_caption.answering import load

    return load(run)


def _pictures(images: Sequence[str]) -> list[Path | Image]:
    """The pictures that are named; one alone is opened, to refuse it before TensorFlow loads."""
    from fruit_caption.pictures import to_picture
    from fruit_caption.sources import find_pictures

    pictures = find_pictures(images)
    if len(pictures) == 1:
        to_picture(pictures[0])
    return pictures


class _Skipped:
    """Tells of pictures that can't be read and goes on with the others; the exit code is 2."""

    def __init__(self, several: bool) -> None:
        self.several, self.any = several, False

    def __call__(self, error: FruitError) -> None:
        if not self.several:
            raise error
        self.any = True
        _print_error(error)

    def leave(self) -> None:
        if self.any:
            raise typer.Exit(2)


def _answer(
    images: Sequence[str],
    questions: Sequence[str],
    run: str | None,
    top: int = 1,
    as_json: bool = False,
    csv_file: Path | None = None,
    show: Path | None = None,
) -> None:
    from fruit_caption.domain import read_question

    # What can be refused is refused before TensorFlow loads.
    for question in questions:
        read_question(question)
    pictures = _pictures(images)
    if show:
        if len(pictures) * len(questions) > 1:
            raise FruitError("--show draws one answer: name one picture and one question.")
        _refuse_to_draw(show, pictures[0])
    if csv_file:
        _refuse_folder(csv_file)
    skip = _Skipped(several=len(pictures) > 1)
    closely = top > 1 or show is not None
    answers = _eye(run).ask_many(watched(pictures, notes), questions, skip, closely)
    for answer in write_csv(csv_file, answers) if csv_file else answers:
        labels = [f"{answer.image}:"] if len(pictures) > 1 else []
        labels += [answer.question] if len(questions) > 1 else []
        _print_answer(answer, " ".join(labels), top, as_json)
        if show:
            from fruit_caption.overlays import draw_overlay

            draw_overlay(show, answer)
            notes.print(f"What it saw: {plain(str(show))}", soft_wrap=True)
    skip.leave()


def _converse(
    images: Sequence[str],
    run: str | None,
    top: int,
    as_json: bool,
    csv_file: Path | None,
    show: Path | None,
) -> None:
    """Look at a picture once and answer every line that is typed, or comes from a pipe."""
    if csv_file or show:
        raise FruitError("--csv and --show need a question; give one with -q.")
    if "-" in images:
        raise FruitError("The picture comes from standard input; give a question with -q.")
    pictures = _pictures(images)
    if len(pictures) > 1:
        raise FruitError(f"{len(pictures)} pictures and no question; give one with -q.")
    sight = _eye(run).look(pictures[0])
    notes.print("Ask what you like; an empty line ends it.")
    skip = _Skipped(several=True)
    for question in _lines():
        try:
            _print_answer(sight.ask(question), "", top, as_json)
        except FruitError as error:
            skip(error)
    if not sys.stdin.isatty():
        skip.leave()


def _lines() -> Iterator[str]:
    prompt = "[bold]?[/] " if sys.stdin.isatty() else ""
    try:
        while question := output.input(prompt).strip():
            yield question
    except (EOFError, KeyboardInterrupt):
        return


def _print_answer(answer: Answer, label: str, top: int, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(answer.to_json(top - 1), ensure_ascii=False))
    else:
        print_answer(output, answer, label, top - 1)


def _print_error(error: FruitError) -> None:
    errors.print(f"[red]error:[/] {plain(str(error))}", soft_wrap=True)


def _refuse_to_draw(path: Path, photo: Path | Image) -> None:
    """A picture to draw is a PNG in a folder that is there, and not the photo itself."""
    if path.suffix.lower() != ".png" or path.is_dir():
        raise FruitError(f"{path} is no name of a picture to draw; choose one that ends in .png.")
    _refuse_folder(path)
    if isinstance(photo, Path) and path.exists() and path.samefile(photo):
        raise FruitError(f"{path} is the photo itself; choose another name with --show.")


def _refuse_folder(path: Path) -> None:
    """A file to write has a name, and lies in a folder that is there."""
    if path.is_dir():
        raise FruitError(f"{path} is a folder; name a file in it.")
    if not path.parent.is_dir():
        raise FruitError(f"{path.parent}: there is no such folder; make it, or write elsewhere.")


if __name__ == "__main__":
    app()
