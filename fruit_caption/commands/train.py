"""`fruit train`: train a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from fruit_caption.commands import terminal
from fruit_caption.commands.engine_options import EngineOptions
from fruit_caption.commands.options import DATA, DataFolder, Options, complete_run
from fruit_caption.config import SHIPPED, ModelConfig, RunConfig, TrainingConfig
from fruit_caption.utils.errors import FruitError, WeightsError
from fruit_caption.utils.startup import import_keras, silence_stderr, start_keras


def train(
    *,
    context: typer.Context,
    pretrained: Annotated[
        bool | None,
        typer.Option(
            "--pretrained/--scratch",
            help="Use VGG16 as encoder, or a small CNN that starts with random weights. "
            "[default: pretrained]",
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Use another encoder: efficientnet-lite0, or a network of keras.applications."
        ),
    ] = None,
    model: Annotated[ModelConfig, Options("encoder_weights", "freeze", "attention", "image_size")],
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Run to continue from; new words and fruits are added to it.",
            autocompletion=complete_run,
        ),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            help="Run whose encoder and detector are kept as they are; only a new decoder is "
            "trained.",
            autocompletion=complete_run,
        ),
    ] = None,
    data: DataFolder = DATA,
    rehearse: Annotated[
        Path | None,
        typer.Option(
            help="Folder of another data set; some of its photos are mixed in, so that a model "
            "trained with --from does not forget what they show."
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            help="Name of the run, a folder in artifacts/. [default: the encoder]",
            autocompletion=complete_run,
        ),
    ] = None,
    training: Annotated[
        TrainingConfig,
        Options(
            "epochs",
            "decoder_epochs",
            "batch_size",
            "learning_rate",
            "pretrain_steps",
            "mixed_precision",
            "quiz",
            "seed",
        ),
    ],
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted run with its own settings.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write learning curves for TensorBoard.")
    ] = False,
    strategy: Annotated[
        Literal["mirrored", "multi-worker"] | None,
        typer.Option(help="Train on all GPUs of this machine, or on the workers in TF_CONFIG."),
    ] = None,
    engine: Annotated[EngineOptions, Options()],
) -> None:
    """Train a model on a data set and save it as a run."""
    if encoder and pretrained is not None:
        raise FruitError("--encoder can't be combined with --pretrained or --scratch.")
    if start and detector:
        raise FruitError("--from can't be combined with --detector.")
    import_keras()
    with silence_stderr():
        from fruit_caption.training.distribution import WorkerGroup

        # Workers have to connect to each other before TensorFlow does anything else.
        workers = WorkerGroup(strategy)
    start_keras()
    from fruit_caption.commands.training_progress import ConsoleListener
    from fruit_caption.runs import Run
    from fruit_caption.training.trainer import train, versions

    encoder = encoder or ("scratch" if pretrained is False else "pretrained")
    source = start or detector
    new_name = f"{encoder}-attention" if model.attention else encoder
    name = run or (f"{Path(source).name}-tuned" if source else new_name)
    target = Run.named(name)
    if resume and target.is_started:
        config = target.read_config()
    else:
        config = RunConfig(
            data=str(data),
            model=_model_of_run(context, source, model) if source else model.with_encoder(encoder),
            training=training,
            versions=versions(),
            start=str(Run.named(start)) if start else None,
            detector=str(Run.named(detector)) if detector else None,
            rehearse=str(rehearse) if rehearse else None,
        )
    console = ConsoleListener(terminal.notes)
    with engine.start() as encoding_engine, console.shown() as listener:
        options = target, resume, listener, encoding_engine, workers, tensorboard
        try:
            scores = train(config, *options)
        except WeightsError as error:
            if encoder != "pretrained" or error.code != "weights-not-downloadable":
                raise
            terminal.notes.print(f"note: {error} Training starts from the encoder that ships.")
            model = replace(model, encoder_weights=SHIPPED).with_encoder(encoder)
            scores = train(replace(config, model=model), *options)
    if not workers.is_chief:
        terminal.output.print(f"{target}: trained; the chief worker saves the model")
        return
    _print_result(str(target), scores["exact"], Path(config.data))
    terminal.notes.print(f'Try it: fruit ask PHOTO "how many apples?" --run {name}')


def _print_result(run: str, exact: float, data: Path) -> None:
    from fruit_caption.data.dataset import read_data
    from fruit_caption.evaluation.verdict import verdict

    terminal.output.print(f"{run}: {100 * exact:.1f} % of the validation answers are exact")
    splits = read_data(data).splits
    text = verdict(exact, splits["train"], splits["validation"])
    terminal.output.print(text, soft_wrap=True, highlight=False)


def _model_of_run(context: typer.Context, run: str, model: ModelConfig) -> ModelConfig:
    """Return the model of the run to start from; refuse options that would change it.

    A new decoder may have attention or not, whatever the run has.
    """
    from fruit_caption.runs import Run

    is_new_decoder = context.params["detector"] is not None
    fixed = {"pretrained", "encoder", "encoder_weights", "attention", "image_size"}
    if is_new_decoder:
        fixed.remove("attention")
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if option.name in fixed and source and source.name == "COMMANDLINE":
            is_off = context.params[option.name] is False
            flags = option.secondary_opts if is_off else option.opts
            taken = "--detector" if is_new_decoder else "--from"
            raise FruitError(f"{taken} can't be combined with {flags[0]}.")
    trained = Run.named(run).read_config().model
    attention = model.attention if is_new_decoder else trained.attention
    return replace(trained, freeze=model.freeze, attention=attention)
