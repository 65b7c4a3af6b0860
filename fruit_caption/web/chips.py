"""Buttons that ask a question when they are clicked."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from fruit_caption.inference.points import Point
from fruit_caption.language.fruits import plural
from fruit_caption.language.questions import fitting_questions
from fruit_caption.web.marks import kind_colors

ASK_ON_CLICK = """
element.addEventListener('click', event => {
  const button = event.target.closest('button[data-question]');
  if (button) trigger('ask', {question: button.dataset.question});
});
"""
"""JavaScript of an HTML component: a click on a chip triggers the event `ask`."""

GENERAL = {
    "how many in all?": "how many fruits are there?",
    "describe the photo": "describe the photo",
}
"""Chips that fit every photo with fruit, and their questions."""


def count_chips(counts: dict[str, int], points: Iterable[Point]) -> str:
    """Return a chip for each kind of fruit, such as "4 oranges".

    Args:
        counts: Number of each fruit by name.
        points: The detected fruits; a dot on the chip has the color of their marks.
    """
    colors = kind_colors(point.fruit for point in points)
    chips = [
        chip(f"{number} {plural(fruit) if number != 1 else fruit}",
             f"how many {plural(fruit)} are there?", colors.get(fruit, ""))
        for fruit, number in sorted(counts.items(), key=lambda item: -item[1])
    ]  # fmt: skip
    if not chips:
        chips = [chip("no fruit found", "is there any fruit?")]
    else:
        chips += [chip(label, question) for label, question in GENERAL.items()]
    return f'<div class="chips">{"".join(chips)}</div>'


def fitting_chips(counts: dict[str, int]) -> str:
    """Return chips with questions that can be answered about a photo with these counts."""
    chips = [chip(question, question) for question in fitting_questions(counts)]
    return f'<div class="chips">{"".join(chips)}</div>'


def chip(label: str, question: str, color: str = "") -> str:
    """Return a button that asks a question.

    Args:
        label: Its text.
        question: The question.
        color: Color of the dot before the text; "" for none.
    """
    dot = f'<i style="background:{color}"></i>' if color else ""
    return (
        f'<button type="button" class="chip" data-question="{escape(question)}">'
        f"{dot}{escape(label)}</button>"
    )
