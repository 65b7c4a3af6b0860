"""`fruit serve`: run the web page."""

from __future__ import annotations

from typing import Annotated

import typer

from fruit_caption.commands import terminal
from fruit_caption.commands.options import OptionalRun


def serve(
    run: OptionalRun = None,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; 0.0.0.0 lets other machines connect."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 7860,
    per_minute: Annotated[
        int, typer.Option(help="Maximum number of calls per minute and client.", min=1)
    ] = 240,
) -> None:
    """Start a web page for questions about photos."""
    from fruit_caption.inference.predictor import load

    predictor = load(run)
    from fruit_caption.web.server import serve

    def announce(url: str) -> None:
        terminal.notes.print(f"Open {url} in a browser; stop with Ctrl-C.")

    serve(predictor, host, port, per_minute, announce)
