"""Where the commands print."""

from __future__ import annotations

from rich.console import Console

from fruit_caption.errors import FruitError
from fruit_caption.printing import plain

output = Console()
errors = Console(stderr=True)
notes = Console(stderr=True)
"""How a command gets on, which --quiet keeps to itself."""


def print_error(error: FruitError) -> None:
    """What a user is told, in one line."""
    errors.print(f"[red]error:[/] {plain(str(error))}", soft_wrap=True)
