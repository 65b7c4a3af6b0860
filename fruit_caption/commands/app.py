"""The Typer app of the command `fruit`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fruit_caption import __version__
from fruit_caption.commands import streams, terminal
from fruit_caption.commands.ask import ask, caption, count, quiz
from fruit_caption.commands.compare import compare
from fruit_caption.commands.evaluate import evaluate
from fruit_caption.commands.export import export
from fruit_caption.commands.generate_data import generate_data
from fruit_caption.commands.options import Quiet, Verbose, with_options, with_output_options
from fruit_caption.commands.serve import serve
from fruit_caption.commands.train import train
from fruit_caption.commands.train_writer import train_writer
from fruit_caption.utils.errors import FruitError, not_installed

KEPT = {
    "generate-data": "finished files are kept; run the same command again to continue",
    "train": "finished epochs and every 50 steps of pre-training are kept; run the same command "
    "with --resume to continue",
    "train-writer": "the last checkpoint is kept; run the same command again to continue",
    "compare": "finished epochs are kept; run the same command again to continue",
    "evaluate": "finished answers are kept; run the same command again to continue",
}
"""What remains after Ctrl-C, by command. The other commands write nothing before they end."""


class FruitGroup(TyperGroup):
    """Prints errors in one line with exit code 2; exits with 130 after Ctrl-C, as shells do."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line; exit if standard output can't be written."""
        streams.prepare()
        with streams.exit_if_output_fails():
            return super().main(*args, **kwargs)

    def invoke(self, context: Any) -> Any:
        """Run the command; raise `typer.Exit` if it fails or is interrupted."""
        try:
            return self._invoke(context)
        except FruitError as error:
            if terminal.verbose:
                terminal.errors.print_exception()
            terminal.print_error(error)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            kept = KEPT.get(context.invoked_subcommand, "nothing was changed")
            terminal.errors.print(f"stopped: {kept}.", soft_wrap=True)
            raise typer.Exit(130) from None

    def _invoke(self, context: Any) -> Any:
        """Run the command; a package that is missing is the user's to install."""
        try:
            return super().invoke(context)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("fruit_caption"):
                raise
            raise not_installed(error) from error


app = typer.Typer(
    cls=FruitGroup,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,  # help in Rich boxes takes 0.2 s to import
    help="Answer questions about photos of fruit.",
    epilog="Exit codes: 0 success; 1 a bug in fruit; 2 an error, explained in one line on standard "
    "error; 130 stopped with Ctrl-C; 141 the reader of a pipe ended early.",
)


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Handle the options that stand before the command."""
    if version:
        typer.echo(f"fruit {__version__}")
        raise typer.Exit
    terminal.configure(quiet, verbose)


for command in (
    generate_data, train_writer, train, evaluate, compare, export, ask, caption, count, quiz, serve,
):  # fmt: skip
    app.command()(with_output_options(with_options(command)))
