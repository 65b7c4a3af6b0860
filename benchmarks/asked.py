"""Measures how much the wording of questions matters to models that learnt from other wordings.

    python benchmarks/asked.py RUN [RUN …] --data DATA --wordings DATA

Asks each model the questions of the test split of a data set in the wordings of the templates, of
another data set, such as one by GPT-2 with another seed, and of people
(tests/language/phrasings.txt). The model reads these words itself. Prints a table of the shares of
right answers.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reading import Writer, read_phrasings

from fruit_caption.data.dataset import Example, read_data
from fruit_caption.data.qa import QAPair
from fruit_caption.evaluation.evaluate import predict
from fruit_caption.evaluation.metrics import score
from fruit_caption.language import templates
from fruit_caption.language.questions import KINDS
from fruit_caption.language.wordings import Wordings
from fruit_caption.runs import Run
from fruit_caption.utils import markdown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="RUN", help="names or folders of runs")
    parser.add_argument("--data", type=Path, required=True, help="data set to answer")
    parser.add_argument("--wordings", type=Path, required=True, help="data set with wordings")
    args = parser.parse_args()
    examples = read_data(args.data).splits["test"]
    writers: dict[str, Writer] = {
        "templates": templates.question,
        str(args.wordings): read_data(args.wordings).wordings.write_question,
        "people": Wordings(read_phrasings(), []).write_question,
    }
    asked = {
        name: [reword(example, write) for example in examples] for name, write in writers.items()
    }
    rows = [[name, *answer(Run.named(name), list(asked.values()))] for name in args.runs]
    print(markdown.table(["model", *asked], rows), end="")


def reword(example: Example, write: Writer) -> Example:
    """Ask the same questions in other words; leave out those that there are no words for."""
    rng = random.Random(example.name)
    pairs = [(pair, write(kind, pair.fruit, rng)) for pair in example.qa_pairs for kind in KINDS
             if pair.kind == kind]  # fmt: skip
    reworded: list[QAPair] = [replace(pair, question=text) for pair, text in pairs if text]
    return replace(example, qa_pairs=tuple(reworded))


def answer(run: Run, asked: Sequence[Sequence[Example]]) -> list[str]:
    """The share of right answers to each list of questions, in percent."""
    model = run.load_model()
    return [f"{100 * score(predict(model, examples)[0])['exact']:.1f}" for examples in asked]


if __name__ == "__main__":
    main()
