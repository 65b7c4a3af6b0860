"""Measures whether answers about a photo contradict each other, and what their confidence says.

    python benchmarks/consistency.py DATA [RUN] [--photos N]

Asks about photos of DATA which fruits there are, how many in all, how many of each kind, whether
there is one of each kind, and for a caption. Two answers contradict each other if they can't be
true together, such as "two apples" and "no apple". Then asks the questions of DATA. Compares the
model's own answers with those that `fruit ask` gives, which follow from the same facts. Writes
benchmarks/consistency.md; by default, of the released model.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

import fruit_caption as fc
from fruit_caption.data.dataset import Example, read_data
from fruit_caption.data.qa import Prediction
from fruit_caption.evaluation.calibration import expected_calibration_error
from fruit_caption.evaluation.metrics import score
from fruit_caption.inference.answer import Answer
from fruit_caption.inference.encoded import AnyQuestion, EncodedBatch, to_question
from fruit_caption.language.answers import parse_mentions
from fruit_caption.language.fruits import FRUITS, plural, with_article
from fruit_caption.language.questions import parse
from fruit_caption.utils import markdown
from fruit_caption.utils.files import write_text

TABLE = Path(__file__).with_suffix(".md")
REPORT = """\
# Do answers about one photo agree, and what does their confidence say?

`python benchmarks/consistency.py DATA`, released model, {photos} photos of each split.

{table}
Contradictions: photos with at least one. "Which / count" and the like: pairs of answers about a
kind that one of them claims, and how many contradict each other. Calibration error: of all
questions of the data set. Yes: answers "yes, there is an apple" and the like, how sure they are and
how many are right.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="data set")
    parser.add_argument("run", nargs="?", help="name or folder of a run")
    parser.add_argument("--photos", type=int, default=100, help="maximum number of each split")
    args = parser.parse_args()
    predictor, data, rows = fc.load(args.run), read_data(args.data), []
    fruits = [fruit for fruit in predictor.fruits if fruit in FRUITS]
    for split in ("validation", "test", "unseen"):
        # From the whole split: photos of one source are next to each other.
        step = max(1, len(data.splits[split]) // args.photos)
        examples = data.splits[split][::step][: args.photos]
        for name in ("the model alone", "as given"):
            checks, answers = Counter[str](), list[Prediction]()
            for example in examples:
                batch = predictor.encode(example.path)._batch
                own = name != "as given"
                checks.update(check(ask(batch, questions_about(fruits), own), fruits))
                answers += answer_questions(batch, example, own)
            rows.append([split, name, *contradiction_cells(checks), *confidence_cells(answers)])
    header = [
        "split", "answers", "contradictions", "which / count", "count / presence", "total / sum",
        "right %", "calibration error %", "yes", "confidence %", "right %",
    ]  # fmt: skip
    table = markdown.table(header, rows, align="ll" + "r" * 9)
    write_text(TABLE, REPORT.format(photos=args.photos, table=table))
    print(table)


def questions_about(fruits: Sequence[str]) -> list[AnyQuestion]:
    texts = [
        "which fruits are there?",
        "how many fruits are there?",
        "describe the photo",
        *(f"how many {plural(fruit)} are there?" for fruit in fruits),
        *(f"is there {with_article(fruit)}?" for fruit in fruits),
    ]
    return [to_question(text, parse(text)) for text in texts]


def ask(batch: EncodedBatch, questions: Sequence[AnyQuestion], own: bool) -> list[Answer]:
    """The model's own answers about a photo, or those that are given."""
    [answers] = batch.answer_by_model([questions]) if own else batch.answer(questions)  # type: ignore
    return answers  # type: ignore


def check(answers: Sequence[Answer], fruits: Sequence[str]) -> Iterator[str]:
    """The names of the pairs of answers, and of those that contradict each other."""
    which, total, caption, *others = answers
    kinds = which.value if isinstance(which.value, frozenset) else frozenset()
    described = {mention.fruit for mention in parse_mentions(caption.text) if mention.fruit}
    counts = dict(zip(fruits, (answer.value for answer in others), strict=False))
    presences = dict(zip(fruits, (answer.value for answer in others[len(fruits) :]), strict=True))
    wrong = Counter[str]()
    wrong["total / sum"] = None in counts.values() or total.value != sum(counts.values())
    wrong["caption"] = described != kinds
    for fruit in fruits:
        if counts[fruit] != 0 or presences[fruit] or fruit in kinds:
            yield "which / count pairs"
            wrong["which / count"] += counts[fruit] is None or (fruit in kinds) != bool(
                counts[fruit]
            )
            wrong["count / presence"] += bool(counts[fruit]) != presences[fruit]
    yield "photos"
    yield from wrong.elements()
    if wrong.total():
        yield "contradictions"


def answer_questions(batch: EncodedBatch, example: Example, own: bool) -> list[Prediction]:
    pairs = example.questions
    questions = [to_question(pair.question, parse(pair.question)) for pair in pairs]
    return [
        Prediction(example.name, pair, answer.text, answer.confidence)
        for pair, answer in zip(pairs, ask(batch, questions, own), strict=True)
    ]


def contradiction_cells(checks: Counter[str]) -> list[str]:
    pairs = checks["which / count pairs"]
    return [
        f"{checks['contradictions']} of {checks['photos']}",
        f"{checks['which / count']} of {pairs}",
        f"{checks['count / presence']} of {pairs}",
        f"{checks['total / sum']} of {checks['photos']}",
    ]


def confidence_cells(answers: Sequence[Prediction]) -> list[str]:
    yes = [
        row for row in answers if row.qa_pair.kind == "presence" and row.answer.startswith("yes")
    ]
    error = expected_calibration_error(answers) or 0.0
    return [
        f"{100 * score(answers)['exact']:.1f}",
        f"{100 * error:.1f}",
        f"{len(yes)}",
        f"{100 * fmean(row.confidence for row in yes):.1f}",
        f"{100 * fmean(row.correct for row in yes):.1f}",
    ]


if __name__ == "__main__":
    main()
