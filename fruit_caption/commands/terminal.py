"""The consoles that the commands print to."""

from __future__ import annotations

import os

from rich.console import Console
from rich.markup import escape

from fruit_caption.commands.hints import with_hint
from fruit_caption.utils.errors import FruitError

MAX_LINE = 100_000
"""Width of a console that is not a terminal: lines in pipes and files are not wrapped."""


def console(stderr: bool = False) -> Console:
    """Return a console that wraps lines on a terminal only."""
    made = Console(stderr=stderr)
    if not made.is_terminal:
        made.width = MAX_LINE
    return made


output = console()
errors = console(stderr=True)
notes = console(stderr=True)
"""Progress and remarks, which --quiet hides."""
verbose = False
"""Whether --verbose asks for tracebacks of errors."""


def configure(be_quiet: bool, be_verbose: bool) -> None:
    """Apply the options --quiet and --verbose."""
    global verbose
    notes.quiet, verbose = be_quiet, be_verbose
    if be_verbose:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"


def print_error(error: FruitError) -> None:
    """Print an error and its hint in one line."""
    errors.print(f"[red]error:[/] {escape(with_hint(error))}", soft_wrap=True)
