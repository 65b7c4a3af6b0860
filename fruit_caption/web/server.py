"""Starts the web server."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import gradio as gr

from fruit_caption.inference.predictor import Predictor
from fruit_caption.utils.errors import FruitError
from fruit_caption.web import api
from fruit_caption.web.limits import MAX_UPLOAD, MAX_WAITING
from fruit_caption.web.page import build_page
from fruit_caption.web.samples import sample_questions
from fruit_caption.web.service import Service

STYLE = Path(__file__).with_name("style.css")

WILDCARDS = ("0.0.0.0", "::")
"""Addresses that stand for all addresses of this machine."""


def serve(
    predictor: Predictor, host: str, port: int, per_minute: int, on_ready: Callable[[str], None]
) -> None:
    """Serve the page and the APIs until the process is interrupted.

    Args:
        predictor: Answers the questions.
        host: Address to listen on.
        port: Port to listen on.
        per_minute: Maximum number of calls of a client per minute.
        on_ready: Called with the URL of the page once the server listens.

    Raises:
        FruitError: The address or port can't be used.
    """
    page = launch(Service(predictor, per_minute), sample_questions(), host, port)
    on_ready(page_url(host, port))
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        page.close(verbose=False)


def launch(service: Service, samples: dict[Path, str], host: str, port: int) -> gr.Blocks:
    """Start the server in the background.

    Args:
        service: Answers the calls.
        samples: Paths of the page's sample pictures, and the question to each.
        host: Address to listen on.
        port: Port to listen on.

    Returns:
        The page, whose `close` stops the server.

    Raises:
        FruitError: The address or port can't be used.
    """
    page = build_page(service, samples)
    page.queue(default_concurrency_limit=1, max_size=MAX_WAITING)
    try:
        app, *_ = page.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            max_file_size=MAX_UPLOAD,
            theme=gr.themes.Base(font=("system-ui", "sans-serif"), font_mono=("monospace",)),
            css_paths=STYLE,
            footer_links=["api"],
            run_history=False,
            share=False,
            ssr_mode=False,
            quiet=True,
        )
    except OSError as error:
        raise FruitError(
            f"Can't listen on {host}:{port}: another program uses the port, or the address is "
            "not one of this machine.",
            "no-address",
        ) from error
    app.add_route(api.PATH, api.AskEndpoint(service).respond, methods=api.METHODS)
    return page


def page_url(host: str, port: int) -> str:
    """Return the URL of the page for a browser on this machine."""
    if host in WILDCARDS:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
