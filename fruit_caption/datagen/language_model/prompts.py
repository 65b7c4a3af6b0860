"""Builds the prompts of the language model: facts about a photo, and what to write about it.

Every text is one line. A prompt consists of a few complete example lines, the same for all
photos, and the beginning of one more line, which the model completes. A line break ends the text.
Any causal language model can continue such a list; the one that ships was trained on nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from fruit_caption.language.fruits import NUMBER_WORDS, SPELLINGS, list_quantities, plural
from fruit_caption.language.questions import Value

Task = Literal["caption", "count", "total", "identify", "presence"]
"""A caption, or a question of this kind with its answer."""

TASKS: tuple[Task, ...] = get_args(Task)

Counts = Mapping[str, int | None]
"""The facts about a photo: the number of each fruit, or None where it is unknown."""

PROMPT_VERSION = 2
"""Version of the prompts; increase it with any change that makes a model write other texts."""

END = "\n"
"""Ends a line."""

ANSWER = " answer: "
"""Separates a question from its answer."""

EXAMPLES: Mapping[Task, Sequence[tuple[Counts, str | None, str]]] = {
    "caption": (
        ({"lemon": 2}, None, "two lemons lying side by side"),
        ({"pear": 1, "plum": 4}, None, "four plums and a single pear, seen from above"),
        ({"apple": None}, None, "some apples close up"),
        ({}, None, "a picture with no fruit in it"),
    ),
    "count": (
        ({"lemon": 2}, "lemon", "how many lemons are there? answer: there are two lemons"),
        ({"pear": 1, "plum": 4}, "pear", "can you count the pears? answer: there is one pear"),
        ({"fig": 3}, "mango", "what is the number of mangos here? answer: there are no mangos"),
    ),
    "total": (
        ({"pear": 1, "plum": 4}, None, "how many fruits are there? answer: there are five fruits"),
        ({"lemon": 1}, None, "how much fruit do you see? answer: there is one fruit"),
        ({}, None, "what is the total number of fruits? answer: there are no fruits"),
    ),
    "identify": (
        ({"pear": 1, "plum": 4}, None, "which fruits are there? answer: it shows pear and plum"),
        ({"lemon": None}, None, "what fruit is this? answer: it shows lemon"),
        ({}, None, "what kinds of fruit can you see? answer: it shows no fruit"),
    ),
    "presence": (
        ({"lemon": 2}, "lemon", "is there a lemon? answer: yes, there is a lemon"),
        ({"pear": 1, "plum": 4}, "mango", "can you see any mangos? answer: no, there is no mango"),
        ({"fig": None}, None, "is there any fruit? answer: yes, there is fruit"),
        ({}, None, "does this show any fruit? answer: no, there is no fruit"),
    ),
}
"""Hand-written examples of each task: the facts, the fruit that the question is about, the text."""


def few_shot(task: Task, number: int | None = None) -> str:
    """Return the example lines at the beginning of a prompt: all of them, or the first few."""
    return "".join(
        line(task, counts, fruit, text) for counts, fruit, text in EXAMPLES[task][:number]
    )


def prompt(task: Task, counts: Counts, fruit: str | None = None) -> str:
    """Return the beginning of a line: the facts, and what to write about them.

    Args:
        task: What to write.
        counts: The facts.
        fruit: The fruit that the question is about, if any.
    """
    facts = f"Photo: {list_quantities(counts)}."
    return (
        f"{facts} Caption:"
        if task == "caption"
        else f"{facts} Ask {_topic(task, fruit)}. Question:"
    )


def line(task: Task, counts: Counts, fruit: str | None, text: str) -> str:
    """Return a complete line: a prompt and the text that follows it."""
    return f"{prompt(task, counts, fruit)} {text}{END}"


def split_pair(text: str) -> tuple[str, str] | None:
    """Split the end of a line into question and answer, or return None if it isn't both."""
    question, separator, answer = text.strip().partition(ANSWER.strip())
    return (question.strip(), answer.strip()) if separator else None


def wrong_words(counts: Counts, task: Task, fruit: str | None, value: Value | None) -> set[str]:
    """Return words that can't occur in a correct text: names of other fruits, other numbers.

    Names of two words are left out, because each of the two words may be correct.

    Args:
        counts: The facts.
        task: What to write.
        fruit: The fruit that the question is about, if any.
        value: The correct answer to the question; None for a caption.
    """
    fruits = {*counts, fruit} if task in ("caption", "identify") else {fruit}
    if task == "caption":
        numbers = {number for number in counts.values() if number is not None} or {0}
    else:
        numbers = {int(value)} if isinstance(value, int) else set()
    wrong = {
        spelling
        for spelling, name in SPELLINGS.items()
        if name not in fruits and " " not in spelling
    }
    wrong |= {
        word
        for number, word in enumerate(NUMBER_WORDS)
        if number > 1 and (task == "presence" or number not in numbers)
    }
    if isinstance(value, int) and value:
        wrong |= {"no", "not", "none", "zero"}
    if value is False:
        wrong.add("yes")
    return wrong


def _topic(task: Task, fruit: str | None) -> str:
    if task == "count":
        return f"how many {plural(fruit or '')}"
    if task == "presence":
        return f"whether there is {fruit or 'any fruit'}"
    return {"total": "how many fruits", "identify": "which fruits"}[task]
