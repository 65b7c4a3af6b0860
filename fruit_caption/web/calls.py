"""The calls `/ask`, `/count` and `/overlay` of Gradio's own API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from fruit_caption.utils.errors import FruitError
from fruit_caption.utils.images import UNNAMED
from fruit_caption.web.cards import MAX_ALTERNATIVES
from fruit_caption.web.service import Service, Upload, public_message

NO_PHOTO = "There is no photo yet: drop one, take one, or click on a sample."

ONE_AT_A_TIME: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
"""Options of all events that use the model."""


def read_upload(payload: Any) -> Upload | None:
    """Read an uploaded file; used in place of Gradio's, whose messages reveal the server's paths.

    Args:
        payload: Gradio's description of the file, or None if there is none.
    """
    if payload is None:
        return None
    return Upload(Path(payload.path).read_bytes(), payload.orig_name or UNNAMED)


def client_name(request: gr.Request) -> str:
    """Return the name of the client for the rate limit: its IP address."""
    return request.client.host if request.client else ""


def add_calls(service: Service, photo: gr.Image, question: gr.Textbox) -> None:
    """Add the calls to the page that is being built.

    Args:
        service: Answers the calls.
        photo: The page's photo; its `preprocess` is `read_upload`.
        question: The page's question.
    """

    def ask(photo: Upload | None, question: str, request: gr.Request) -> dict[str, Any]:
        with _passed_on():
            return _ask(service, photo, question, request).to_json(MAX_ALTERNATIVES)

    def overlay(photo: Upload | None, question: str, request: gr.Request) -> Image.Image:
        with _passed_on():
            return _ask(service, photo, question, request).show()

    def count(photo: Upload | None, request: gr.Request) -> dict[str, int]:
        with _passed_on():
            return service.count(client_name(request), _needed(photo))

    _add_call("ask", ask, [photo, question], gr.JSON(visible=False))
    _add_call("overlay", overlay, [photo, question], gr.Image(visible=False, format="png"))
    _add_call("count", count, [photo], gr.JSON(visible=False))


def _add_call(name: str, function: Callable, inputs: list[Any], output: Any) -> None:
    # Nothing on the page triggers these events: the button is never shown.
    button = gr.Button(visible=False)
    button.click(function, inputs, output, api_name=name, **ONE_AT_A_TIME)


def _ask(service: Service, photo: Upload | None, question: str, request: gr.Request) -> Any:
    return service.ask(client_name(request), _needed(photo), question)


def _needed(photo: Upload | None) -> Upload:
    if photo is None:
        raise FruitError(NO_PHOTO)
    return photo


@contextmanager
def _passed_on() -> Iterator[None]:
    """Pass one line about any error to the client."""
    try:
        yield
    except Exception as error:
        raise gr.Error(public_message(error), print_exception=False) from None
