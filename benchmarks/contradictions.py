"""Measures how often answers about the same photo contradict each other.

    python benchmarks/contradictions.py DATA [RUN] [--split SPLIT] [--photos N]

Asks about each photo which fruits there are, how many in all, how many of each kind, whether there
is one of each kind, and for a caption. Two answers contradict each other if they can't be true
together, such as "two apples" and "no apple". Kinds that no answer claims are left out. Prints a
table; by default, of the released model.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fruit_caption as fc
from fruit_caption.data.dataset import read_data
from fruit_caption.inference.answer import Answer
from fruit_caption.inference.predictor import Predictor
from fruit_caption.language.answers import parse_mentions
from fruit_caption.language.fruits import FRUITS, plural, with_article
from fruit_caption.utils import markdown


@dataclass(frozen=True)
class Answers:
    """The answers about a photo."""

    which: Answer
    total: Answer
    caption: Answer
    count: dict[str, Answer]
    presence: dict[str, Answer]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="data set")
    parser.add_argument("run", nargs="?", help="name or folder of a run")
    parser.add_argument("--split", default="test")
    parser.add_argument("--photos", type=int, default=100, help="number of photos")
    args = parser.parse_args()
    predictor = fc.load(args.run)
    outcomes: dict[str, list[bool]] = defaultdict(list)
    for example in read_data(args.data).splits[args.split][: args.photos]:
        checks = list(compare(ask(predictor, example.path)))
        for pair, agrees in checks:
            outcomes[pair].append(agrees)
        outcomes["photos"].append(all(agrees for _, agrees in checks))
    rows = [
        [
            pair,
            f"{len(found)}",
            f"{found.count(False)}",
            f"{100 * found.count(False) / len(found):.1f}",
        ]
        for pair, found in outcomes.items()
    ]
    print(markdown.table(["answers", "compared", "contradict", "%"], rows, align="lrrr"), end="")


def ask(predictor: Predictor, path: Path) -> Answers:
    fruits = [fruit for fruit in predictor.fruits if fruit in FRUITS]
    questions = [
        "which fruits are there?",
        "how many fruits are there?",
        "describe the photo",
        *(f"how many {plural(fruit)} are there?" for fruit in fruits),
        *(f"is there {with_article(fruit)}?" for fruit in fruits),
    ]
    which, total, caption, *others = predictor.ask_many([path], questions)
    counts, presences = others[: len(fruits)], others[len(fruits) :]
    return Answers(
        which,
        total,
        caption,
        dict(zip(fruits, counts, strict=True)),
        dict(zip(fruits, presences, strict=True)),
    )


def compare(answers: Answers) -> Iterator[tuple[str, bool]]:
    """Pairs of answers by name, and whether both can be true."""
    kinds, total = answers.which.value, answers.total.value
    counts = {fruit: answer.value for fruit, answer in answers.count.items()}
    caption = {each.fruit: each.number for each in parse_mentions(answers.caption.text)}
    caption.pop(None, None)
    yield (
        "which, total",
        isinstance(total, int) and total >= len(kinds) and bool(total) == bool(kinds),
    )
    yield "total, sum of counts", total == sum(counts.values())
    yield "which, caption", kinds == set(caption)
    for fruit, count in counts.items():
        there = answers.presence[fruit].value
        if count or there or fruit in kinds or fruit in caption:
            yield "which, count", (fruit in kinds) == bool(count)
            yield "which, presence", (fruit in kinds) == there
            yield "count, presence", bool(count) == there
            if caption.get(fruit) is not None:
                yield "caption, count", caption[fruit] == count


if __name__ == "__main__":
    main()
