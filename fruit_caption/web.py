"""The web page and its HTTP API, built on Gradio.

The page loads nothing from other servers: it uses system fonts and the scripts that come with
Gradio.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from fruit_caption.inference.answer import Answer
from fruit_caption.inference.predictor import Predictor
from fruit_caption.language.fruits import FRUITS, join_words, plural
from fruit_caption.language.questions import MAX_QUESTION_LENGTH
from fruit_caption.utils.errors import FruitError
from fruit_caption.utils.images import UNNAMED, decode_picture

try:
    import gradio as gr
except ModuleNotFoundError:
    raise FruitError("The web page needs Gradio: pip install 'fruit-caption[web]'.") from None

MAX_UPLOAD = "20mb"
"""Maximum size of an uploaded file."""

MAX_QUEUE = 64
"""Maximum number of waiting calls; further calls are rejected."""

UPLOAD_SECONDS = 3600
"""Uploads are deleted after this many seconds."""

MAX_ALTERNATIVES = 3
"""Maximum number of alternatives to show with an answer."""

SAMPLES = 4
"""Number of sample pictures."""

SAMPLE_SIZE = 448
"""Side of a sample picture in pixels."""

QUESTIONS = (
    "which fruits are there?",
    "how many fruits are there?",
    "is there a banana?",
    "describe the photo",
)
"""The question to each sample picture."""

CONFIDENCE_NOTE = (
    "Confidence is the product of the word probabilities. The alternatives need not sum to 100 %."
)


@contextmanager
def _show_errors() -> Iterator[None]:
    """Pass the messages of user errors, but of no others, to the page and the API's clients."""
    try:
        yield
    except FruitError as error:
        raise gr.Error(str(error), print_exception=False) from None


def _open_upload(payload: Any) -> Image.Image | None:
    if payload is None:
        return None
    with _show_errors():
        # Messages must contain the user's file name, not the server's path.
        return decode_picture(Path(payload.path).read_bytes(), payload.orig_name or UNNAMED)


class RateLimiter:
    """Limits the number of calls per client and minute.

    Args:
        per_minute: Maximum number of calls of a client within 60 seconds.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._calls: dict[str, deque[float]] = {}

    def check(self, client: str) -> None:
        """Count a call.

        Args:
            client: Identifies the client, for example by its IP address.

        Raises:
            FruitError: The client has made too many calls.
        """
        now = time.monotonic()
        for idle in [name for name, calls in self._calls.items() if calls[-1] < now - 60]:
            del self._calls[idle]
        calls = self._calls.setdefault(client, deque(maxlen=self.per_minute))
        if len(calls) == self.per_minute and calls[0] > now - 60:
            raise FruitError(f"More than {self.per_minute} calls a minute; try again later.")
        calls.append(now)


def serve(predictor: Predictor, host: str, port: int, per_minute: int) -> None:
    """Serve the page until the process is interrupted.

    Args:
        predictor: Answers the questions.
        host: Address to listen on.
        port: Port to listen on.
        per_minute: Maximum number of calls of a client per minute, see `build_app`.

    Raises:
        FruitError: The address or port can't be used.
    """
    with TemporaryDirectory() as folder:
        from fruit_caption.rendering.scenes import (
            write_scenes,
        )  # needs packages that asking does not

        write_scenes(Path(folder), SAMPLES, seed=3, size=SAMPLE_SIZE)
        samples = sorted(Path(folder).rglob("*.jpg"))
        try:
            launch(build_app(predictor, samples, per_minute), host, port, prevent_thread_lock=False)
        except OSError as error:
            raise FruitError(
                f"Can't listen on {host}:{port}: another program uses the port, or the address is "
                "not one of this machine.",
                "no-address",
            ) from error


def launch(app: gr.Blocks, host: str, port: int, prevent_thread_lock: bool = True) -> None:
    """Start the server with limits on uploads and waiting calls.

    Args:
        app: The page.
        host: Address to listen on.
        port: Port to listen on.
        prevent_thread_lock: Whether to return at once instead of serving until interrupted.

    Raises:
        OSError: The address or port can't be used.
    """
    app.queue(default_concurrency_limit=1, max_size=MAX_QUEUE).launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=prevent_thread_lock,
        max_file_size=MAX_UPLOAD,
        theme=gr.themes.Base(font=("system-ui", "sans-serif"), font_mono=("monospace",)),
        footer_links=["api"],
        share=False,
        ssr_mode=False,
        quiet=True,
    )


def build_app(predictor: Predictor, samples: list[Path], per_minute: int) -> gr.Blocks:
    """Build the page and its API: `/count`, `/ask` and `/overlay`.

    Args:
        predictor: Answers the questions.
        samples: Sample pictures to click on.
        per_minute: Maximum number of calls of a client per minute. A new photo and a question about
            it take three calls.
    """
    limiter = RateLimiter(per_minute)

    def limit(request: gr.Request) -> None:
        with _show_errors():
            limiter.check(request.client.host if request.client else "")

    def count(photo: Image.Image | None, request: gr.Request) -> tuple[dict[str, int], list[Any]]:
        limit(request)
        if photo is None:
            return {}, []
        counts = predictor.count(photo)
        return counts, [list(pair) for pair in counts.items()] or [["no fruit", 0]]

    def ask(
        photo: Image.Image | None, question: str, request: gr.Request
    ) -> tuple[dict[str, Any], str, list[Any]]:
        limit(request)
        answer = _ask(predictor, photo, question)
        text = f"## {answer.sentence}\n{_percent(answer.confidence)} sure"
        rows = [
            [other.text, _percent(other.confidence)]
            for other in answer.alternatives[:MAX_ALTERNATIVES]
        ]
        return answer.to_json(MAX_ALTERNATIVES), text, rows

    def overlay(photo: Image.Image | None, question: str, request: gr.Request) -> Image.Image:
        limit(request)
        return _ask(predictor, photo, question).show()

    with gr.Blocks(
        title="fruit", analytics_enabled=False, delete_cache=(UPLOAD_SECONDS, UPLOAD_SECONDS)
    ) as app:
        gr.Markdown(_heading(predictor))
        with gr.Row():
            with gr.Column():
                photo, counts_table, question, button = _question_column(samples)
            with gr.Column():
                text, alternatives, image, counts_json, answer_json = _answer_column()
        one_at_a_time: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
        photo.change(count, photo, [counts_json, counts_table], api_name="count", **one_at_a_time)
        answered = gr.on(
            [button.click, question.submit],
            ask,
            [photo, question],
            [answer_json, text, alternatives],
            api_name="ask",
            **one_at_a_time,
        )
        answered.success(overlay, [photo, question], image, api_name="overlay", **one_at_a_time)
    return app


def _heading(predictor: Predictor) -> str:
    known = join_words([plural(fruit) for fruit in predictor.fruits if fruit in FRUITS])
    return (
        "# fruit\nAsk a photo which fruits it shows, how many of them, or whether it shows one."
        f"\n\nThe model knows {known}."
    )


def _question_column(samples: list[Path]) -> tuple[gr.Image, gr.Dataframe, gr.Textbox, gr.Button]:
    photo = gr.Image(label="Photo", sources=["upload", "webcam", "clipboard"], height=360)
    # Gradio's own error messages reveal paths on the server.
    photo.preprocess = _open_upload  # type: ignore[method-assign]
    counts = gr.Dataframe(headers=["fruit", "count"], label="Counts", interactive=False)
    question = gr.Textbox(
        label="Question", placeholder=QUESTIONS[0], max_length=MAX_QUESTION_LENGTH
    )
    button = gr.Button("Ask", variant="primary")
    gr.Examples(
        [[str(path), text] for path, text in zip(samples, QUESTIONS, strict=False)],
        [photo, question],
        label="Samples",
    )
    return photo, counts, question, button


def _answer_column() -> tuple[gr.Markdown, gr.Dataframe, gr.Image, gr.JSON, gr.JSON]:
    text = gr.Markdown()
    alternatives = gr.Dataframe(
        headers=["alternative", "confidence"], label="Alternatives", interactive=False
    )
    gr.Markdown(CONFIDENCE_NOTE)
    gr.Markdown("### Detected fruits and attention")
    overlay = gr.Image(format="png", show_label=False, interactive=False, buttons=["fullscreen"])
    with gr.Accordion("As JSON", open=False):
        counts = gr.JSON(label="Counts")
        answer = gr.JSON(label="Answer")
    return text, alternatives, overlay, counts, answer


def _ask(predictor: Predictor, photo: Image.Image | None, question: str) -> Answer:
    with _show_errors():
        if photo is None:
            raise FruitError("There is no photo yet: drop one, or click on a sample.")
        return predictor.ask(photo, question)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
