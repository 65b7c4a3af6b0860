"""Training data of the language model: lines of random facts with texts from the phrasebook.

Some facts and some phrasings are held out, to evaluate whether the model generalizes.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.datagen.language_model import prompts
from fruit_caption.datagen.language_model.prompts import ANSWER, END, TASKS, Task
from fruit_caption.datagen.language_model.tokens import tokenize
from fruit_caption.datagen.question_specs import question_specs
from fruit_caption.language import phrasebook
from fruit_caption.language.fruits import FRUITS

ROW_TOKENS = 160
"""Number of tokens in a row of a batch, without the start token."""

MAX_COUNT = 12
"""Maximum number of fruits of one kind in the facts."""


@dataclass(frozen=True)
class Line:
    """A line of training text.

    Attributes:
        task: The kind of text.
        prompt: The beginning of the line, with the facts.
        completion: The rest, which the model learns to write.
    """

    task: Task
    prompt: str
    completion: str


def is_held_out(fruit: str, number: int | None) -> bool:
    """Return whether a fruit with this number is never trained on: one in ten of the pairs."""
    digest = hashlib.sha256(f"{fruit} {number}".encode()).digest()
    return number is not None and number > 1 and digest[0] % 10 == 0


def random_photo(rng: random.Random, held_out: bool = False) -> Photo:
    """Return random facts in the form of a photo.

    Args:
        rng: The source of randomness.
        held_out: Whether the facts include a held-out pair of fruit and number; if False, they
            include none.
    """
    while True:
        num_kinds = rng.choices(range(6), (6, 44, 22, 14, 9, 5))[0]
        counts = {
            fruit: None if rng.random() < 0.12 else min(MAX_COUNT, 1 + int(rng.expovariate(0.3)))
            for fruit in rng.sample(sorted(FRUITS), num_kinds)
        }
        if any(is_held_out(*pair) for pair in counts.items()) == held_out:
            break
    boxes = [FruitBox(fruit, 0, 0, 1, 1) for fruit, n in counts.items() for _ in range(n or 1)]
    counted = frozenset(fruit for fruit, number in counts.items() if number)
    return Photo(Path("facts"), 1, 1, tuple(boxes), frozenset(FRUITS), count_ok=counted)


def write_lines(
    number: int, seed: int, held_out_facts: bool = False, held_out_phrasings: bool = False
) -> list[Line]:
    """Return lines about random facts, with texts from the phrasebook.

    Args:
        number: The number of lines.
        seed: The random seed.
        held_out_facts: Whether to use only facts that are held out, or only others.
        held_out_phrasings: Whether to use only phrasings that are held out, or only others.
    """
    rng = random.Random(f"{seed} {held_out_facts} {held_out_phrasings}")
    frequencies = dict.fromkeys(FRUITS, 1)
    lines: list[Line] = []
    while len(lines) < number:
        photo = random_photo(rng, held_out_facts)
        caption = phrasebook.write_caption(photo.counts(), rng, held_out_phrasings)
        lines.append(_line("caption", photo, None, caption))
        specs = question_specs(photo, frequencies, rng)
        for spec in rng.sample(specs, min(2, len(specs))):
            question = phrasebook.write_question(spec.kind, spec.fruit, rng, held_out_phrasings)
            answer = phrasebook.write_answer(
                spec.kind, spec.fruit, spec.value, rng, held_out_phrasings
            )
            lines.append(_line(spec.kind, photo, spec.fruit, f"{question}{ANSWER}{answer}"))
    return lines[:number]


def _line(task: Task, photo: Photo, fruit: str | None, text: str) -> Line:
    return Line(task, prompts.prompt(task, photo.counts(), fruit), f" {text}{END}")


def pack_rows(lines: Sequence[Line], tokenizer: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Concatenate the lines of each task, as in a prompt, and cut the tokens into rows.

    Args:
        lines: The lines.
        tokenizer: A KerasHub tokenizer.
        seed: The random seed for the order of the rows.

    Returns:
        Token ids, int32 of shape (rows, ROW_TOKENS + 1); every row begins with the start token.
            And a float32 weight for each: 1 if it belongs to a completion, otherwise 0.
    """
    tokens, weights = [], []
    for task in TASKS:
        of_task = [line for line in lines if line.task == task]
        starts = tokenize(tokenizer, [line.prompt for line in of_task])
        ends = tokenize(tokenizer, [line.completion for line in of_task])
        parts = [part for pair in zip(starts, ends, strict=True) for part in pair]
        lengths = np.array([len(part) for part in parts], int)
        tokens.append(_cut(np.concatenate([np.empty(0, "int32"), *parts])))
        weights.append(_cut(np.repeat(np.arange(len(parts)) % 2, lengths)))
    rows = np.pad(
        np.concatenate(tokens), ((0, 0), (1, 0)), constant_values=tokenizer.start_token_id
    )
    row_weights = np.pad(np.concatenate(weights).astype("float32"), ((0, 0), (1, 0)))
    order = np.random.default_rng(seed).permutation(len(rows))
    return rows[order], row_weights[order]


def _cut(values: np.ndarray) -> np.ndarray:
    return values[: len(values) // ROW_TOKENS * ROW_TOKENS].reshape(-1, ROW_TOKENS)
