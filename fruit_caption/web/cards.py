"""The answer, a refusal and the earlier questions, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from fruit_caption.inference.answer import Answer
from fruit_caption.language.compositions import COMPOSED
from fruit_caption.web.chips import chip

MAX_ALTERNATIVES = 3
"""Maximum number of alternatives to show with an answer."""


@dataclass(frozen=True)
class Asked:
    """A question about the photo on the page that was answered.

    Attributes:
        question: The question.
        sentence: The answer.
        confidence: Its confidence, 0 to 1.
    """

    question: str
    sentence: str
    confidence: float


def answer_card(answer: Answer) -> str:
    """Return the answer, how sure it is, and other possible answers."""
    others = answer.alternatives[:MAX_ALTERNATIVES]
    rows = "".join(
        f"<li><span>{escape(other.text)}</span><b>{percent(other.confidence)}</b></li>"
        for other in others
    )
    alternatives = (
        f"<details><summary>Other possible answers</summary><ul>{rows}</ul></details>"
        if rows
        else ""
    )
    share = f"{100 * answer.confidence:.0f}"
    return (
        f'<div class="card answer"><p class="asked">{escape(answer.question)}</p>'
        f'<p class="sentence">{escape(answer.sentence)}</p>'
        f'<p class="sure"><span class="meter"><span style="width:{share}%"></span></span>'
        f"{answer.sureness}, {share} %</p>"
        f"{_marks_note(answer)}{alternatives}</div>"
    )


def notice(message: str, question: str = "", chips: str = "") -> str:
    """Return the reason why there is no answer.

    Args:
        message: The reason.
        question: The question, if there was one.
        chips: Chips with questions that can be answered.
    """
    is_named = not question or question in message
    asked = "" if is_named else f'<p class="asked">{escape(question)}</p>'
    hint = f'<p class="hint">These can be answered:</p>{chips}' if chips else ""
    return f'<div class="card notice" role="status">{asked}<p>{escape(message)}</p>{hint}</div>'


def history(earlier: Sequence[Asked]) -> str:
    """Return the earlier questions about the photo with their answers, the last one first."""
    if not earlier:
        return ""
    rows = "".join(
        f"<li>{chip(asked.question, asked.question)}<span>{escape(asked.sentence)} "
        f"<small>{percent(asked.confidence)}</small></span></li>"
        for asked in reversed(earlier)
    )
    return f'<div class="history"><h2>Asked before</h2><ol>{rows}</ol></div>'


def percent(share: float) -> str:
    """Return a share of 0 to 1 as a percentage, such as "87 %"."""
    return f"{100 * share:.0f} %"


def _marks_note(answer: Answer) -> str:
    """Explain the marks where their number is not the one in the answer."""
    counted = [point for point in answer.points if answer.fruit in (None, point.fruit)]
    is_count = isinstance(answer.value, int) and not isinstance(answer.value, bool)
    if answer.kind == COMPOSED or not is_count or answer.value == len(counted):
        return ""
    return (
        f'<p class="hint">The detector marked {len(counted)} on the photo. It and the sentence are '
        "made separately, so that they may differ.</p>"
    )
