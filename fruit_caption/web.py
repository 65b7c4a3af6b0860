"""A web page to drop photos on and ask about them, and the HTTP API behind it, built on Gradio.

    fruit serve --run RUN

Nothing is fetched from anywhere else: the fonts are the system's, and Gradio ships its scripts.
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
from fruit_caption.rendering.scenes import write_scenes
from fruit_caption.utils.errors import FruitError
from fruit_caption.utils.images import UNNAMED, decode_picture

try:
    import gradio as gr
except ModuleNotFoundError:
    raise FruitError("The web page needs Gradio: pip install 'fruit-caption[web]'.") from None

LARGEST_UPLOAD = "20mb"
WAITING = 64
"""Questions at most that wait for the model; who comes later is told to try again."""
KEPT = 3600
"""Seconds for which uploads are kept."""
RUNNERS_UP = 3
SAMPLES, SAMPLE_SIZE = 4, 448
QUESTIONS = (
    "which fruits are there?",
    "how many fruits are there?",
    "is there a banana?",
    "describe the photo",
)
SURE = "Confidence is the product of the words' probabilities. Runners-up need not add up to 100 %."


@contextmanager
def _told() -> Iterator[None]:
    """Shows what is meant for the user, and only that, in the page and to the API's clients."""
    try:
        yield
    except FruitError as error:
        raise gr.Error(str(error), print_exception=False) from None


def _opened(payload: Any) -> Image.Image | None:
    """An uploaded file as upright RGB, None where there is none."""
    if payload is None:
        return None
    with _told():
        # The name that its owner gave it; the server's own is nobody's business.
        return decode_picture(Path(payload.path).read_bytes(), payload.orig_name or UNNAMED)


class Pace:
    """Lets every client make so many calls a minute, and tells who makes more."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._made: dict[str, deque[float]] = {}

    def let(self, client: str) -> None:
        """Count a call; raises `FruitError` if it is one too many."""
        now = time.monotonic()
        for other in [name for name, made in self._made.items() if made[-1] < now - 60]:
            del self._made[other]
        made = self._made.setdefault(client, deque(maxlen=self.per_minute))
        if len(made) == self.per_minute and made[0] > now - 60:
            raise FruitError(f"This is more than {self.per_minute} calls a minute; wait a little.")
        made.append(now)


def serve(eye: Predictor, host: str, port: int, per_minute: int) -> None:
    """Serve the page until it is interrupted.

    Raises:
        FruitError: the port is taken.
    """
    with TemporaryDirectory() as folder:
        write_scenes(Path(folder), SAMPLES, seed=3, size=SAMPLE_SIZE)
        samples = sorted(Path(folder).rglob("*.jpg"))
        try:
            launch(build_app(eye, samples, per_minute), host, port, prevent_thread_lock=False)
        except OSError as error:
            raise FruitError(f"{host}:{port} can't be listened on: {error}") from None


def launch(app: gr.Blocks, host: str, port: int, prevent_thread_lock: bool = True) -> None:
    """Start the server, with limits and without anything from elsewhere.

    Args:
        app: the page.
        host: the address to listen on.
        port: likewise.
        prevent_thread_lock: go on at once, instead of serving until it is interrupted.

    Raises:
        OSError: the port is taken.
    """
    app.queue(default_concurrency_limit=1, max_size=WAITING).launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=prevent_thread_lock,
        max_file_size=LARGEST_UPLOAD,
        theme=gr.themes.Base(font=("system-ui", "sans-serif"), font_mono=("monospace",)),
        footer_links=["api"],
        share=False,
        ssr_mode=False,
        quiet=True,
    )


def build_app(eye: Predictor, samples: list[Path], per_minute: int) -> gr.Blocks:
    """The page, and its API: `/count`, `/ask` and `/overlay`.

    Args:
        eye: that is asked.
        samples: pictures to click on.
        per_minute: calls that one client may make; to drop a photo and ask about it takes three.
    """
    pace = Pace(per_minute)

    def let(request: gr.Request) -> None:
        with _told():
            pace.let(request.client.host if request.client else "")

    def count(photo: Image.Image | None, request: gr.Request) -> tuple[dict[str, int], list[Any]]:
        let(request)
        if photo is None:
            return {}, []
        counts = eye.count(photo)
        return counts, [list(pair) for pair in counts.items()] or [["no fruit", 0]]

    def ask(
        photo: Image.Image | None, question: str, request: gr.Request
    ) -> tuple[dict[str, Any], str, list[Any]]:
        let(request)
        answer = _ask(eye, photo, question)
        said = f"## {answer.sentence}\n{_percent(answer.confidence)} sure"
        others = [
            [other.text, _percent(other.confidence)] for other in answer.alternatives[:RUNNERS_UP]
        ]
        return answer.to_json(RUNNERS_UP), said, others

    def overlay(photo: Image.Image | None, question: str, request: gr.Request) -> Image.Image:
        let(request)
        return _ask(eye, photo, question).show()

    known = join_words([plural(fruit) for fruit in eye.fruits if fruit in FRUITS])
    about = f"# fruit\nAsk a photo how many, which, or whether there is one.\n\nIt knows {known}."
    with gr.Blocks(title="fruit", analytics_enabled=False, delete_cache=(KEPT, KEPT)) as app:
        gr.Markdown(about)
        with gr.Row():
            with gr.Column():
                photo, glance, question, button = _asking(samples)
            with gr.Column():
                said, others, seen, counted, details = _answering()
        one_at_a_time: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
        photo.change(count, photo, [counted, glance], api_name="count", **one_at_a_time)
        asked = gr.on(
            [button.click, question.submit],
            ask,
            [photo, question],
            [details, said, others],
            api_name="ask",
            **one_at_a_time,
        )
        asked.success(overlay, [photo, question], seen, api_name="overlay", **one_at_a_time)
    return app


def _asking(samples: list[Path]) -> tuple[gr.Image, gr.Dataframe, gr.Textbox, gr.Button]:
    """The column where one asks: photo, what is counted at once, question and button."""
    photo = gr.Image(label="Photo", sources=["upload", "webcam", "clipboard"], height=360)
    # Gradio's own way of opening tells of the server's files when it fails.
    photo.preprocess = _opened  # type: ignore[method-assign]
    glance = gr.Dataframe(headers=["fruit", "how many"], label="Counted at once", interactive=False)
    question = gr.Textbox(
        label="Question", placeholder=QUESTIONS[0], max_length=MAX_QUESTION_LENGTH
    )
    button = gr.Button("Ask", variant="primary")
    gr.Examples(
        [[str(path), asked] for path, asked in zip(samples, QUESTIONS, strict=False)],
        [photo, question],
        label="Samples",
    )
    return photo, glance, question, button


def _answering() -> tuple[gr.Markdown, gr.Dataframe, gr.Image, gr.JSON, gr.JSON]:
    """The column of the answer: what is said, runners-up, overlay, and both as JSON."""
    said = gr.Markdown()
    others = gr.Dataframe(headers=["or", "confidence"], label="Runners-up", interactive=False)
    gr.Markdown(SURE)
    gr.Markdown("### What it saw, and where it looked")
    seen = gr.Image(format="png", show_label=False, interactive=False, buttons=["fullscreen"])
    with gr.Accordion("As JSON", open=False):
        counted = gr.JSON(label="Counts")
        details = gr.JSON(label="Answer")
    return said, others, seen, counted, details


def _ask(eye: Predictor, photo: Image.Image | None, question: str) -> Answer:
    with _told():
        if photo is None:
            raise FruitError("There is no photo yet; drop one, or click on a sample.")
        return eye.ask(photo, question)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
