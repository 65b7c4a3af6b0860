"""Collects the wordings of texts about fruit, to write about other fruits in the same words.

"how many plums can you spot?" becomes the wording "how many {plural} can you spot?", which can ask
about any fruit.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress

from fruit_caption.language.answers import parse_mentions
from fruit_caption.language.fruits import FRUITS, SYNONYMS, plural, with_article
from fruit_caption.language.questions import Kind, Question, parse_question
from fruit_caption.language.vocabulary import split_words
from fruit_caption.utils.errors import OutOfDomain

SYNONYM_PROBABILITY = 0.1
"""Probability that a question uses another name for its fruit, if there is one."""

_PROBES = ("apple", "plum")
"""Fruits that a new wording is tried with: one begins with a vowel, one doesn't."""

Topic = tuple[Kind, bool]
"""The kind of a question, and whether it names a fruit."""

Numbers = tuple[int | None, ...]
"""The numbers of the fruits in a caption, in its order; None where it gives none."""


class Wordings:
    """The wordings of some questions and captions.

    Args:
        questions: Texts of questions with the kind and the fruit that they ask about. Those that
            `parse_question` would understand differently are left out.
        captions: Texts of captions.
    """

    def __init__(
        self, questions: Iterable[tuple[str, Kind, str | None]], captions: Iterable[str]
    ) -> None:
        self.questions: dict[Topic, tuple[str, ...]] = {}
        self.captions: dict[Numbers, tuple[str, ...]] = {}
        # Dictionaries remove duplicates and keep the order, on which reproducibility depends.
        asked: dict[Topic, dict[str, None]] = {}
        for text, kind, fruit in questions:
            wording = _insert_slots(text, [fruit] if fruit else [])
            if wording:
                asked.setdefault((kind, fruit is not None), {})[wording] = None
        described: dict[Numbers, dict[str, None]] = {}
        for text in captions:
            mentions = parse_mentions(text)
            fruits = [mention.fruit for mention in mentions if mention.fruit]
            wording = _insert_slots(text, fruits)
            if wording and 0 < len(fruits) == len(set(fruits)) == len(mentions):
                numbers = tuple(mention.number for mention in mentions)
                described.setdefault(numbers, {})[wording] = None
        for topic, wordings in asked.items():
            self.questions[topic] = tuple(text for text in wordings if _asks(text, topic))
        for numbers, wordings in described.items():
            self.captions[numbers] = tuple(text for text in wordings if _says(text, numbers))

    def write_question(self, kind: Kind, fruit: str | None, rng: random.Random) -> str | None:
        """Write a question in a random wording, or return None if none is known.

        Args:
            kind: The kind of the question.
            fruit: The fruit that it asks about, if any.
            rng: The random generator.
        """
        wordings = self.questions.get((kind, fruit is not None))
        if not wordings:
            return None
        text = rng.choice(wordings).format(**_names([fruit] if fruit else []))
        return replace_by_synonym(text, fruit, rng) if fruit else text

    def write_caption(self, counts: Mapping[str, int | None], rng: random.Random) -> str | None:
        """Write a caption in a random wording, or return None if none fits the numbers.

        Args:
            counts: The number of each fruit, or None where it is unknown. They are named in
                alphabetical order.
            rng: The random generator.
        """
        fruits = sorted(counts)
        wordings = self.captions.get(tuple(counts[fruit] for fruit in fruits))
        return rng.choice(wordings).format(**_names(fruits)) if wordings else None


def replace_by_synonym(text: str, fruit: str, rng: random.Random) -> str:
    """Return the text, sometimes with another name for the fruit, such as "satsuma"."""
    synonyms = [name for name, meaning in SYNONYMS.items() if meaning == fruit]
    if not synonyms or rng.random() >= SYNONYM_PROBABILITY:
        return text
    name = rng.choice(synonyms)
    forms = {
        plural(fruit): name if name.endswith("s") else f"{name}s",
        with_article(fruit): with_article(name),
        fruit: name,
    }
    # At once, because the other name may contain the first: "kiwi fruit".
    return re.sub(rf"\b({'|'.join(forms)})\b", lambda match: forms[match[1]], text)


def _insert_slots(text: str, fruits: list[str]) -> str:
    """Replace the names of the fruits by slots; return "" if one of them is not in the text."""
    text = " ".join(split_words(text)).replace(" ,", ",")
    if "{" in text or "}" in text:
        return ""
    for index, fruit in enumerate(fruits):
        before = text
        text = re.sub(rf"\b{plural(fruit)}\b", f"{{plural{index}}}", text)
        text = re.sub(rf"\ban? {fruit}\b(?! fruit)", f"{{a_fruit{index}}}", text)
        text = re.sub(rf"\b{fruit}\b(?! fruit)", f"{{fruit{index}}}", text)
        if text == before:
            return ""
    return text


def _names(fruits: list[str]) -> dict[str, str]:
    """Return what the slots of a wording are filled with."""
    names = {}
    for index, fruit in enumerate(fruits):
        names[f"plural{index}"] = plural(fruit)
        names[f"a_fruit{index}"] = with_article(fruit)
        names[f"fruit{index}"] = fruit
    return names


def _asks(wording: str, topic: Topic) -> bool:
    """Whether a wording asks for its topic, whatever the fruit."""
    kind, names_fruit = topic
    with suppress(OutOfDomain):
        return all(
            parse_question(wording.format(**_names([fruit]))) == Question(kind, fruit)
            if names_fruit
            else parse_question(wording) == Question(kind)
            for fruit in _PROBES
        )
    return False


def _says(wording: str, numbers: Numbers) -> bool:
    """Whether a wording names its fruits with these numbers, whatever the fruits."""
    fruits = list(FRUITS)[: len(numbers)]
    mentions = parse_mentions(wording.format(**_names(fruits)))
    return [(mention.fruit, mention.number) for mention in mentions] == list(
        zip(fruits, numbers, strict=True)
    )
