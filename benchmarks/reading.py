"""Measures whether the decoder alone understands questions: it is given true counts and no photo.

    python benchmarks/reading.py [RUN] [--data DATA]

Asks about made-up facts in the wordings of the templates, in those of the phrasebook that are
trained on and in those that are held out, in those of people (tests/language/phrasings.txt), and in
those of the test split of a data set. Prints a table; by default, of the released model.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from fruit_caption.data.dataset import read_data
from fruit_caption.data.qa import CAPTION, CAPTION_PROMPT, QAPair
from fruit_caption.data.records import Photo
from fruit_caption.datagen.question_specs import question_specs
from fruit_caption.language import phrasebook, templates
from fruit_caption.language.questions import KINDS, Kind
from fruit_caption.language.tables import read_tables
from fruit_caption.language.wordings import Wordings
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import Arrays, Decoded, decode
from fruit_caption.runs import Run
from fruit_caption.training.pretraining import random_photo, with_total
from fruit_caption.utils import markdown

PHRASINGS = Path(__file__).parents[1] / "tests" / "language" / "phrasings.txt"
PHOTOS = 300
"""Number of made-up photos whose facts are asked about."""

Writer = Callable[[Kind, str | None, random.Random], str | None]
"""Writes a question of a kind about a fruit, or returns None where it has no wording for it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", help="name or folder of a run")
    parser.add_argument("--data", type=Path, help="data set with more wordings")
    args = parser.parse_args()
    run = Run.named(args.run) if args.run else Run.released()
    model, rng = run.load_model(), random.Random(1)
    photos = [random_photo(model.fruits, rng) for _ in range(PHOTOS)]
    encoding = encode_facts(model, photos)
    rows = []
    for name, write in writers(args.data).items():
        pairs = [list(ask(photo, model, write, rng)) for photo in photos]
        answers = decode(model, encoding, [[pair.question for pair in row] for row in pairs])
        rows.append([name, *figures(pairs, answers)])
    print(markdown.table(["wording", "questions", "right", *KINDS], rows, align="lrrrrrr"), end="")
    texts = decode(model, encoding, [[CAPTION_PROMPT]] * PHOTOS)
    truths = [QAPair("", templates.caption(photo.counts()), CAPTION, None, "") for photo in photos]
    right = sum(truth.accepts(text.text) for truth, [text] in zip(truths, texts, strict=True))
    print(f"\nCaptions with the true fruits and numbers: {100 * right / PHOTOS:.1f} %")


def encode_facts(model: Captioner, photos: list[Photo]) -> Arrays:
    """Inputs of the decoder as if the detector had counted rightly in a gray picture."""
    gray = np.full((1, model.image_size, model.image_size, 3), 128, "uint8")
    regions = np.asarray(model.detector(model.encoder(gray))["regions"])
    numbers = np.array(
        [[photo.count(fruit) for fruit in model.fruits] for photo in photos], "float32"
    )
    counts = with_total(np.stack([numbers, numbers], axis=-1))
    inputs = {"regions": regions.repeat(len(photos), axis=0), "counts": counts}
    return model.connector.predict_on_batch(inputs) | {"counts": counts}


def writers(data: Path | None) -> dict[str, Writer]:
    """The writers of questions by the name of their row."""
    people = Wordings(read_phrasings(), [])
    table: dict[str, Writer] = {
        "templates": templates.question,
        "phrasebook": phrasebook.write_question,
        "phrasebook, held out": lambda *args: phrasebook.write_question(*args, held_out=True),
        "people": people.write_question,
    }
    if data:
        pairs = [
            (pair.question, kind, pair.fruit)
            for example in read_data(data).splits["test"]
            for pair in example.qa_pairs
            for kind in KINDS
            if pair.kind == kind
        ]
        table[f"test split of {data}"] = Wordings(pairs, []).write_question
    return table


def read_phrasings() -> Iterator[tuple[str, Kind, str | None]]:
    """The questions of `phrasings.txt` that can be answered."""
    for name, questions in read_tables(PHRASINGS).items():
        named, _, fruit = name.partition(" ")
        for kind in KINDS:
            if kind == named:
                yield from ((question, kind, fruit or None) for question in questions)


def ask(photo: Photo, model: Captioner, write: Writer, rng: random.Random) -> Iterator[QAPair]:
    """Questions of all kinds about a photo with their true answers."""
    for spec in question_specs(photo, dict.fromkeys(model.fruits, 1), rng):
        question = write(spec.kind, spec.fruit, rng)
        if question:
            answer = templates.answer(spec.kind, spec.fruit, spec.value)
            yield QAPair(question, answer, spec.kind, spec.fruit, "")


def figures(pairs: Sequence[Sequence[QAPair]], answers: Sequence[Sequence[Decoded]]) -> list[str]:
    """The number of questions, and the shares of right answers in all and by kind."""
    asked: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for row, decoded in zip(pairs, answers, strict=True):
        for pair, answer in zip(row, decoded, strict=True):
            for kind in (pair.kind, "all"):
                asked[kind] += 1
                right[kind] += pair.accepts(answer.text)
    shares = [f"{100 * right[kind] / asked[kind]:.1f}" for kind in ("all", *KINDS)]
    return [f"{asked['all']}", *shares]


if __name__ == "__main__":
    main()
