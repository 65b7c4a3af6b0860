"""`train`, `evaluate`, `compare` and `export`: from a data set to a model and its scores."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fruit_caption.commands import engine_options, terminal
from fruit_caption.commands.engine_options import Actors, Address, EngineName
from fruit_caption.config import TrainingConfig
from fruit_caption.utils.errors import FruitError
from fruit_caption.utils.startup import hold_back_stderr, start_keras

if TYPE_CHECKING:
    from fruit_caption.training.trainer import TrainingListener

app = typer.Typer()

Data = Annotated[Path, typer.Option(help="A folder that generate-data made.")]
RunName = Annotated[str, typer.Option("--run", help="Name of the run, a folder in artifacts/.")]
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
    data: Data = Path("data/fruit"),
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
    pretrain_steps: Reading = TrainingConfig.pretrain_steps,
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
    strategy: Annotated[
        Literal["mirrored", "multi-worker"] | None,
        typer.Option(help="Train on all GPUs of this machine, or with those that TF_CONFIG lists."),
    ] = None,
    engine: EngineName = "local",
    address: Address = None,
    actors: Actors = None,
) -> None:
    """Train a model on a data set and file it as a run."""
    with hold_back_stderr():
        from fruit_caption.training.distribution import WorkerGroup

        team = WorkerGroup(
            strategy
        )  # several workers must find each other before TensorFlow does more
    start_keras()
    from fruit_caption.commands.training_progress import ConsoleListener
    from fruit_caption.config import ModelConfig, RunConfig
    from fruit_caption.runs import Run
    from fruit_caption.training.trainer import train, versions

    if encoder and pretrained is not None:
        raise FruitError("--encoder names the eye already; leave out --pretrained and --scratch.")
    eye = encoder or ("scratch" if pretrained is False else "pretrained")
    started = f"{Path(start).name}-tuned" if start else eye + ("-attention" if attention else "")
    target = Run.named(run or started)
    if resume and target.is_started:
        config = target.read_config()
    else:
        if start:
            _refuse_model_options(context)
            model = replace(Run.named(start).read_config().model, unfreeze=unfreeze)
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
            start=str(Run.named(start)) if start else None,
            rehearse=str(rehearse) if rehearse else None,
            model=model,
            training=_training_config(context),
            versions=versions(),
        )
    console = ConsoleListener(terminal.notes, config.training.epochs)
    with engine_options.engine(engine, address, actors) as who, console.shown() as listener:
        scores = train(
            config, target, resume, _watched(listener, target.path, tensorboard), who, team
        )
    if not team.is_chief:
        terminal.output.print(f"{target}: trained; the first worker writes it")
        return
    terminal.output.print(
        f"{target}: {100 * scores['exact']:.1f} % of the validation questions answered rightly"
    )
    terminal.notes.print(f'Ask it: fruit ask PHOTO "how many apples?" --run {run or started}')


@app.command()
def evaluate(
    run: RunName,
    data: Data = Path("data/fruit"),
    split: Annotated[
        Literal["validation", "test", "unseen"], typer.Option(help="Which photos to ask about.")
    ] = "test",
    engine: EngineName = "local",
    address: Address = None,
    actors: Actors = None,
) -> None:
    """Score a run's answers beside the baselines; draw where it is right and wrong."""
    start_keras()
    from fruit_caption.comparison.report import score_table
    from fruit_caption.data.dataset import read_data
    from fruit_caption.evaluation.evaluate import evaluate_and_plot
    from fruit_caption.runs import Run

    tested = Run.named(run)
    with (
        engine_options.engine(engine, address, actors) as who,
        terminal.notes.status(f"evaluating {tested}"),
    ):
        metrics = evaluate_and_plot(tested, read_data(data), split, terminal.notes.print, who)
    scores = {**metrics["baselines"], run: metrics["scores"]}
    # As it is, not wrapped: ten columns need more than most terminals have.
    typer.echo(score_table({name: [one] for name, one in scores.items()}))
    terminal.output.print(f"Answers, scores and pictures are in {tested.results(split).folder}/")


@app.command()
def compare(
    context: typer.Context,
    data: Data = Path("data/fruit"),
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
    pretrain_steps: Reading = TrainingConfig.pretrain_steps,
    views: Views = TrainingConfig.views,
    image_size: ImageSize = 224,
    encoder_weights: EncoderWeights = "imagenet",
    seed: Annotated[int, typer.Option(help="The first, of weights, order and dropout.")] = 0,
) -> None:
    """Train or reuse the variants, score them beside the baselines, and write a report."""
    start_keras()
    from fruit_caption.commands.training_progress import ConsoleListener
    from fruit_caption.comparison.compare import VARIANTS, Variant, compare
    from fruit_caption.comparison.report import PAGE, markdown
    from fruit_caption.config import ModelConfig, RunConfig
    from fruit_caption.runs import Run
    from fruit_caption.training.trainer import versions

    variants = [Variant.named(one) for one in variant] if variant else VARIANTS
    config = RunConfig(
        data=str(data),
        model=ModelConfig(encoder_weights=encoder_weights, image_size=image_size),
        training=_training_config(context),
        versions=versions(),
    )
    folder = Run.named(name).path
    with ConsoleListener(terminal.notes, epochs).shown() as listener:
        comparison = compare(config, folder, variants, seeds, listener, terminal.notes.print)
    typer.echo(markdown(comparison))
    terminal.output.print(f"Tables, graphs and {PAGE} are in {folder}/")


@app.command()
def export(
    run: RunName,
    form: Annotated[
        Literal["onnx", "litert"], typer.Option("--format", help="For ONNX Runtime, or LiteRT.")
    ] = "onnx",
    bits: Annotated[
        int, typer.Option(help="Of each weight: 32, or 16 or 8 for a smaller file.")
    ] = 32,
) -> None:
    """Export a run's model; it is then asked without TensorFlow, and starts at once."""
    start_keras()
    from fruit_caption.inference.export import export
    from fruit_caption.runs import Run

    trained = Run.named(run)
    with terminal.notes.status(f"exporting {trained}"):
        out = export(trained, form, bits)
    megabytes = sum(file.stat().st_size for file in out.iterdir()) / 1e6
    terminal.output.print(f"{out}: {megabytes:.1f} MB")


def _training_config(context: typer.Context) -> TrainingConfig:
    """What a command's options say about training; the rest is as it stands in the class."""
    known = {field.name for field in fields(TrainingConfig)}
    return TrainingConfig(**{name: context.params[name] for name in known & set(context.params)})


def _watched(listener: TrainingListener, folder: Path, tensorboard: bool) -> TrainingListener:
    if not tensorboard:
        return listener
    from fruit_caption.training.tensorboard import TensorBoardListener

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
