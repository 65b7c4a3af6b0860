"""Where the commands print."""

from __future__ import annotations

from rich.console import Console

from fruit_caption.commands.hints import with_hint
from fruit_caption.commands.printing import plain
from fruit_caption.utils.errors import FruitError

LONGEST_LINE = 100_000


def console(stderr: bool = False) -> Console:
    """One that breaks lines where a person reads them: in a pipe or a file they stay whole."""
    made = Console(stderr=stderr)
    if not made.is_terminal:
        made.width = LONGEST_LINE
    return made


output = console()
errors = console(stderr=True)
notes = console(stderr=True)
"""How a command gets on, which --quiet keeps to itself."""


def print_error(error: FruitError) -> None:
    """What a user is told, in one line."""
    errors.print(f"[red]error:[/] {plain(with_hint(error))}", soft_wrap=True)
