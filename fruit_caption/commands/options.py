"""Makes command-line options from the fields of a dataclass.

A command takes a config as one parameter, marked with the fields that users may set:

    def train(training: Annotated[TrainingConfig, Options("epochs", "seed")]) -> None: ...

`with_options(train)` has the options `--epochs` and `--seed` in its place, and calls `train` with a
`TrainingConfig` built from their values. An option has the name, type and default of its field; its
help is the entry of the field under `Attributes:` in the docstring of the dataclass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from functools import wraps
from inspect import Parameter, Signature, getdoc, signature
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from fruit_caption.commands import terminal
from fruit_caption.utils.errors import FruitError

DATA = Path("data/fruit")
DataFolder = Annotated[Path, typer.Option(help="Folder of a data set made by generate-data.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print only results and errors, no progress.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", help="Print TensorFlow's messages and error tracebacks.")
]


def complete_run(incomplete: str) -> list[str]:
    """Complete the name of a run: the folders in artifacts/ that hold one."""
    from fruit_caption.runs import ARTIFACTS, Run

    names = []
    for file in ARTIFACTS.rglob("config.json"):  # `fruit compare` makes folders of runs
        with suppress(FruitError):  # other programs write files of this name as well
            Run(file.parent).read_config()
            names.append(file.parent.relative_to(ARTIFACTS).as_posix())
    return sorted(name for name in names if name.startswith(incomplete))


RunName = Annotated[
    str,
    typer.Option(
        "--run", help="Name of the run, a folder in artifacts/.", autocompletion=complete_run
    ),
]
OptionalRun = Annotated[
    str | None,
    typer.Option(
        "--run",
        help="Name of the run. [default: the released model]",
        autocompletion=complete_run,
    ),
]


class Options:
    """Marks a parameter of a command whose type is a dataclass with fields that become options.

    Args:
        names: Names of the fields that become options; the other fields keep their defaults.
            Without names, all fields become options.
    """

    def __init__(self, *names: str) -> None:
        self.names = names


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each parameter that is marked with `Options` by one option per field.

    Args:
        command: A function with the parameters of a Typer command.

    Returns:
        A function for `app.command()` that calls `command`.
    """
    parameters: list[Parameter] = []
    configs: dict[str, tuple[type, list[str]]] = {}  # dataclass and its options, by parameter
    for parameter in signature(command, eval_str=True).parameters.values():
        metadata = getattr(parameter.annotation, "__metadata__", ())
        marks = [mark for mark in metadata if isinstance(mark, Options)]
        if marks:
            config = get_args(parameter.annotation)[0]
            options = list(_options(config, marks[0].names))
            configs[parameter.name] = config, [option.name for option in options]
            parameters += options
        else:
            # In a signature, keyword parameters may stand in any order, with defaults or without.
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))

    @wraps(command)
    def call(**values: Any) -> None:
        for name, (config, options) in configs.items():
            settings = {option: _to_tuple(values.pop(option)) for option in options}
            values[name] = config(**{k: v for k, v in settings.items() if v is not None})
        command(**values)

    call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return call


def with_output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let --quiet and --verbose stand after the command's name as well as before it."""
    own = signature(command, eval_str=True).parameters.values()
    common = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for name, annotation in (("quiet", Quiet), ("verbose", Verbose))
    ]

    @wraps(command)
    def call(*, quiet: bool, verbose: bool, **values: Any) -> None:
        terminal.configure(quiet or terminal.notes.quiet, verbose or terminal.verbose)
        command(**values)

    call.__signature__ = Signature([*own, *common])  # type: ignore[attr-defined]
    return call


def field_descriptions(config: type) -> dict[str, str]:
    """Return the entries under `Attributes:` in the docstring of a class, by name."""
    attributes = (getdoc(config) or "").partition("Attributes:\n")[2].partition("\n\n")[0]
    entries = re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", attributes, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def _to_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _options(config: Any, names: tuple[str, ...]) -> Iterator[Parameter]:
    defaults = {field.name: field.default for field in fields(config)}
    hints, descriptions = get_type_hints(config), field_descriptions(config)
    for name in names or defaults:
        hint, default, text = hints[name], defaults[name], descriptions.get(name, "")
        if get_origin(hint) is tuple:  # Typer collects the values of a repeated option in a list
            hint, default = list[get_args(hint)[0]] | None, None  # type: ignore[misc]
            text += " Can be given several times."
        option = typer.Option(help=text)
        yield Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[hint, option],
        )
