"""What a language model is asked to go on with: facts about a photo, and what is wanted of them.

One line is one text. A prompt is a few finished lines, the same for every photo, then the first
half of one more: the model writes the second half, and a line's end ends it. Any causal language
model can go on with such a list; our own small one has learnt from nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from fruit_caption.language.fruits import FRUITS, NUMBER_WORDS, SYNONYMS, plural
from fruit_caption.language.questions import Value

Task = Literal["caption", "count", "total", "identify", "presence"]
TASKS: tuple[Task, ...] = get_args(Task)
Counts = Mapping[str, int | None]
"""The kinds of fruit in a photo, each with its number, or `None` where that is unknown."""

PROMPT_VERSION = 1
"""Another number means that the same model would write other texts."""

END = "\n"
ANSWER = " answer: "

EXAMPLES: Mapping[Task, tuple[tuple[Counts, str | None, str], ...]] = {
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
"""For each task a few lines by hand: the facts, the fruit that is asked about, and the text."""


def few_shot(task: Task, examples: int | None = None) -> str:
    """The finished lines that every prompt of a task begins with: all, or the first few."""
    return "".join(
        line(task, counts, fruit, text) for counts, fruit, text in EXAMPLES[task][:examples]
    )


def prompt(task: Task, counts: Counts, fruit: str | None = None) -> str:
    """The first half of a line: the facts, and what is to be said of them or asked."""
    if task == "caption":
        return f"Photo: {facts(counts)}. Caption:"
    return f"Photo: {facts(counts)}. Ask {_wish(task, fruit)}. Question:"


def line(task: Task, counts: Counts, fruit: str | None, text: str) -> str:
    """A finished line."""
    return f"{prompt(task, counts, fruit)} {text}{END}"


def facts(counts: Counts) -> str:
    """Facts in words: "1 apple, 3 pears, some grapes", or "no fruit"."""
    return ", ".join(_fact(fruit, number) for fruit, number in counts.items()) or "no fruit"


def wrong_words(counts: Counts, task: Task, fruit: str | None, value: Value | None) -> set[str]:
    """Words that a true text about these facts has no use for: other fruits, other numbers.

    Fruits of two words are not among them, since each of the two may be right.

    Args:
        counts: the facts.
        task: what is written.
        fruit: what is asked about.
        value: the right answer to the question; `None` for a caption.
    """
    fruits = {*counts, fruit} if task in ("caption", "identify") else {fruit}
    if task == "caption":
        numbers = {number for number in counts.values() if number is not None} or {0}
    else:
        numbers = {int(value)} if isinstance(value, int) else set()
    wrong = {
        spelling
        for name, meant in [*((name, name) for name in FRUITS), *SYNONYMS.items()]
        for spelling in (name, FRUITS.get(name, f"{name}s"))
        if meant not in fruits and " " not in spelling
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


def _wish(task: Task, fruit: str | None) -> str:
    if task == "count":
        return f"how many {plural(fruit or '')}"
    if task == "presence":
        return f"whether there is {fruit or 'any fruit'}"
    return {"total": "how many fruits", "identify": "which fruits"}[task]


def _fact(fruit: str, number: int | None) -> str:
    if number is None:
        return f"some {plural(fruit)}"
    return f"{number} {fruit if number == 1 else plural(fruit)}"


def parted(text: str) -> tuple[str, str] | None:
    """The question and the answer that a line's second half holds, or `None` if it isn't both."""
    question, mark, answer = text.strip().partition(ANSWER.strip())
    return (question.strip(), answer.strip()) if mark else None
