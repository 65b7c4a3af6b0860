"""The Typer app of the command `fruit`."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fruit_caption import __version__
from fruit_caption.commands import ask, generate, terminal, train
from fruit_caption.utils.errors import FruitError

KEPT = {
    "generate-data": "what was made so far is kept; the same command goes on with it",
    "train": "the last whole epoch is kept; the same command with --resume goes on after it",
    "train-writer": "the last checkpoint is kept; the same command goes on after it",
    "compare": "what was trained so far is kept; the same command goes on with it",
    "evaluate": "answers that were complete are kept; the same command asks the rest",
}
"""What is left by a command that is stopped with Ctrl-C."""


class FruitGroup(TyperGroup):
    """Turns what a user is told into one line, and exit code 2; 130 for Ctrl-C, as shells do."""

    def invoke(self, context: Any) -> Any:
        """Run the command that was typed; raises `typer.Exit` where it fails or is stopped."""
        try:
            return super().invoke(context)
        except FruitError as error:
            if context.params.get("verbose"):
                terminal.errors.print_exception()
            terminal.print_error(error)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            kept = KEPT.get(context.invoked_subcommand, "nothing was changed")
            terminal.errors.print(f"stopped: {kept}.", soft_wrap=True)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=FruitGroup,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,  # Typer's boxes take a fifth of a second to import
    help="Answer questions about photographs of fruit.",
    epilog="Exit codes: 0 it is done; 1 a defect in fruit; 2 it can't be done, and a line on "
    "standard error says why; 130 it was stopped with Ctrl-C.",
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
    """Options that go before any command."""
    if version:
        typer.echo(f"fruit {__version__}")
        raise typer.Exit
    terminal.notes.quiet = quiet
    if verbose:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"


for commands in (generate, train, ask):
    app.add_typer(commands.app)
