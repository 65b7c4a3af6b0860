"""The page: a photo with marks on it, a question, the answer, and the questions before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from fruit_caption.inference.answer import Answer
from fruit_caption.language.fruits import FRUITS, join_words, plural
from fruit_caption.language.questions import MAX_QUESTION_LENGTH
from fruit_caption.utils.errors import FruitError, OutOfDomain
from fruit_caption.web import cards
from fruit_caption.web.calls import NO_PHOTO, ONE_AT_A_TIME, add_calls, client_name, read_upload
from fruit_caption.web.cards import Asked
from fruit_caption.web.chips import ASK_ON_CLICK, count_chips, fitting_chips
from fruit_caption.web.limits import UPLOAD_SECONDS
from fruit_caption.web.marks import draw_marks
from fruit_caption.web.service import Seen, Service, Upload, public_message

PLACEHOLDER = "how many apples?"

SHOW_ANSWER = """() => {
  if (matchMedia('(pointer: coarse)').matches) document.activeElement?.blur();
  const smooth = matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth';
  document.querySelector('#answer .card')?.scrollIntoView({block: 'nearest', behavior: smooth});
}"""
"""JavaScript that moves the page to the answer, and on a phone hides the keyboard before."""

HIDDEN: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Options of events that belong to the page and not to the API."""

Updates = dict[Any, Any]
"""New values of the page's components."""


@dataclass(frozen=True)
class Page:
    """The components of the page.

    Attributes:
        photo, marks: The photo, and the drawing on top of it.
        chips: A button for each kind of fruit in the photo.
        question, button: What is asked.
        answer: The answer, or the reason why there is none.
        details, overlay: Where the model looked; drawn when it is opened.
        history: The questions before, as HTML.
        asked: The questions about this photo that were answered, oldest first.
        samples: Sample pictures.
    """

    photo: gr.Image
    marks: gr.HTML
    chips: gr.HTML
    question: gr.Textbox
    button: gr.Button
    answer: gr.HTML
    details: gr.Accordion
    overlay: gr.Image
    history: gr.HTML
    asked: gr.State
    samples: gr.Dataset

    @property
    def outputs(self) -> list[Any]:
        """The components that a new photo or an answer changes."""
        return [self.marks, self.chips, self.question, self.answer, self.details, self.history,
                self.asked]  # fmt: skip


def build_page(service: Service, samples: dict[Path, str]) -> gr.Blocks:
    """Build the page, and the calls of Gradio's API.

    Args:
        service: Answers the questions.
        samples: Paths of sample pictures, and the question to each.
    """
    with gr.Blocks(
        title="fruit", analytics_enabled=False, delete_cache=(UPLOAD_SECONDS, UPLOAD_SECONDS)
    ) as app:
        page = _lay_out(service, samples)
        # First, so that no event of the page takes the name of a call.
        add_calls(service, page.photo, page.question)
        _connect(Actions(service, page), page, list(samples.values()))
    return app


def _lay_out(service: Service, samples: dict[Path, str]) -> Page:
    gr.HTML(
        "<header><h1>fruit</h1><p>Ask which fruits a photo shows, and how many.</p></header>"
    )  # fmt: skip
    with gr.Row(elem_id="sides"):
        with gr.Column(min_width=300, scale=6):
            with gr.Column(elem_id="stage"):
                photo = gr.Image(
                    elem_id="photo",
                    show_label=False,
                    sources=["upload", "webcam", "clipboard"],
                    buttons=["fullscreen"],
                    type="filepath",
                )
                marks = gr.HTML(elem_id="marks")
            chips = gr.HTML(elem_id="chips", js_on_load=ASK_ON_CLICK)
        with gr.Column(min_width=300, scale=5):
            with gr.Row(elem_id="ask"):
                question = gr.Textbox(
                    placeholder=PLACEHOLDER,
                    max_length=MAX_QUESTION_LENGTH,
                    show_label=False,
                    label="Question",
                    container=False,
                    scale=5,
                    min_width=120,
                )
                button = gr.Button("Ask", variant="primary", scale=1, min_width=72)
            answer = gr.HTML(elem_id="answer", js_on_load=ASK_ON_CLICK)
            with gr.Accordion("Where it looked", open=False, visible=False) as details:
                overlay = gr.Image(
                    format="png", show_label=False, interactive=False, buttons=["fullscreen"]
                )
            history = gr.HTML(elem_id="history", js_on_load=ASK_ON_CLICK)
            gallery = gr.Dataset(
                components=[gr.Image(visible=False, type="filepath")],
                samples=[[str(path)] for path in samples],
                type="tuple",
                label="No photo at hand? Try one of these",
                elem_id="samples",
                visible=bool(samples),
            )
    gr.HTML(_known_fruits(service))
    photo.preprocess = read_upload  # type: ignore
    return Page(photo, marks, chips, question, button, answer, details, overlay, history,
                gr.State([]), gallery)  # fmt: skip


def _known_fruits(service: Service) -> str:
    known = join_words([plural(fruit) for fruit in service.predictor.fruits if fruit in FRUITS])
    return (
        f'<details class="known"><summary>Which fruits it knows</summary><p>{known}</p></details>'
    )


def _connect(actions: Actions, page: Page, questions: Sequence[str]) -> None:
    """Connect the components with what they do."""
    asking: dict[str, Any] = {**HIDDEN, **ONE_AT_A_TIME}
    inputs = [page.photo, page.question, page.asked]

    def pick(sample: tuple[int, list[str]]) -> tuple[str, str]:
        number, [path] = sample
        return path, questions[number]

    page.samples.click(pick, page.samples, [page.photo, page.question], **HIDDEN)
    looked = page.photo.change(actions.look, page.photo, page.outputs, **asking)
    # A question that was typed before, or that comes with a sample, is asked at once.
    then_asked = looked.then(actions.ask_if_any, inputs, page.outputs, **asking)
    asked = gr.on(
        [page.button.click, page.question.submit], actions.ask, inputs, page.outputs, **asking
    )
    clicked = [
        component.ask(actions.ask_clicked, [page.photo, page.asked], page.outputs, **asking)
        for component in (page.chips, page.answer, page.history)
    ]
    for event in (then_asked, asked, *clicked):
        event.then(None, js=SHOW_ANSWER, **HIDDEN)
    page.details.expand(actions.draw, [page.photo, page.asked], page.overlay, **asking)


class Actions:
    """What the page does; errors are shown in the place of the answer.

    Args:
        service: Answers the questions.
        page: The components.
    """

    def __init__(self, service: Service, page: Page) -> None:
        self._service, self._page = service, page

    def look(self, photo: Upload | None, request: gr.Request) -> Updates:
        """Count the fruits in a new photo, mark them, and forget the answers about the last one."""
        page = self._page
        empty: Updates = dict.fromkeys(page.outputs, "")
        empty |= {page.asked: [], page.details: gr.update(visible=False), page.question: gr.skip()}
        if photo is None:
            return empty
        try:
            seen = self._service.look(client_name(request), _session(request), photo)
        except Exception as error:
            return {**empty, page.answer: cards.notice(public_message(error))}
        return {
            **empty,
            page.marks: _marks(seen, None),
            page.chips: count_chips(seen.counts, seen.points),
        }

    def ask_if_any(
        self, photo: Upload | None, question: str, asked: list[Asked], request: gr.Request
    ) -> Updates:
        """Ask the question, if there is one and a photo."""
        if photo is None or not question.strip():
            return dict.fromkeys(self._page.outputs, gr.skip())
        return self.ask(photo, question, asked, request)

    def ask_clicked(
        self, photo: Upload | None, asked: list[Asked], event: gr.EventData, request: gr.Request
    ) -> Updates:
        """Ask the question of the chip that was clicked."""
        return self.ask(photo, str(event.question), asked, request)

    def ask(
        self, photo: Upload | None, question: str, asked: list[Asked], request: gr.Request
    ) -> Updates:
        """Ask a question about the photo."""
        page, seen = self._page, None
        unchanged: Updates = dict.fromkeys(page.outputs, gr.skip())
        try:
            if photo is None:
                raise FruitError(NO_PHOTO)
            if not question.strip():
                raise FruitError("There is no question yet: type one, or click on one.")
            seen = self._service.look(client_name(request), _session(request), photo)
            answer = self._service.go_on(seen, question, [each.question for each in asked])
        except Exception as error:
            return {**unchanged, **self._refusal(seen, question, error, asked)}
        return {
            **unchanged,
            page.marks: _marks(seen, answer),
            page.question: "",
            page.answer: cards.answer_card(answer),
            page.details: gr.update(visible=True, open=False),
            page.history: cards.history(asked),
            page.asked: [*asked, Asked(question, answer.sentence, answer.confidence)],
        }

    def draw(self, photo: Upload | None, asked: list[Asked], request: gr.Request) -> Any:
        """Draw where the model looked for its last answer."""
        if photo is None or not asked:
            return None
        *earlier, last = [each.question for each in asked]
        try:
            seen = self._service.look(client_name(request), _session(request), photo)
            return (seen.answer or self._service.go_on(seen, last, earlier)).show()
        except Exception as error:
            raise gr.Error(public_message(error), print_exception=False) from None

    def _refusal(
        self, seen: Seen | None, question: str, error: Exception, asked: list[Asked]
    ) -> Updates:
        """Put the reason in the place of the last answer, which moves to the earlier ones."""
        page = self._page
        chips = fitting_chips(seen.counts) if seen else ""
        # The chips are better examples than those at the end of the message: they fit the photo.
        message = error.reason if seen and isinstance(error, OutOfDomain) else public_message(error)
        return {
            page.marks: _marks(seen, None) if seen else gr.skip(),
            page.answer: cards.notice(message, question, chips),
            page.details: gr.update(visible=False),
            page.history: cards.history(asked),
        }


def _marks(seen: Seen, answer: Answer | None) -> str:
    """Mark what the answer is about; the numbers of "how many in all" go on from kind to kind."""
    asked = {point.fruit for point in seen.points}
    if answer and answer.fruit:
        asked = {answer.fruit}
    is_total = answer is not None and answer.kind == "total"
    return draw_marks(seen.points, seen.size, asked, one_series=is_total)


def _session(request: gr.Request) -> str:
    return str(request.session_hash or "")
