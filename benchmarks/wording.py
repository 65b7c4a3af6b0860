"""Measures how varied the wording of data sets is.

    python benchmarks/wording.py DATA [DATA …]

Prints for each data set how many of its captions and questions the language model wrote, distinct-2
(over equally many texts of each data set), and the number of different wordings, apart from fruits
and numbers.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from fruit_caption.data.qa import GRAMMAR, read_qa
from fruit_caption.datagen.diversity import distinct_2, wording

SAMPLE = 1000
"""Number of texts of each sort over which distinct-2 is computed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+", help="data sets to compare")
    for folder in parser.parse_args().data:
        texts = read_qa(folder)
        pairs = [pair for text in texts for pair in text.qa_pairs]
        captions = [pair for pair in pairs if pair.kind == "caption"]
        questions = [pair for pair in pairs if pair.kind != "caption"]
        print(f"{folder}: {len(texts)} photos, {len(questions)} questions")
        for name, some in (("captions", captions), ("questions", questions)):
            share = sum(pair.by != GRAMMAR for pair in some) / max(1, len(some))
            print(f"  {name}: {100 * share:.1f} % by the language model")
        for name, sentences in (
            ("captions", [pair.answer for pair in captions]),
            ("questions", [pair.question for pair in questions]),
            ("answers", [pair.answer for pair in questions]),
        ):
            sample = random.Random(0).sample(sentences, min(SAMPLE, len(sentences)))
            print(
                f"  {name}: distinct-2 {distinct_2(sample):.3f} over {len(sample)}, "
                f"{len(set(map(wording, sentences)))} wordings of {len(sentences)}"
            )


if __name__ == "__main__":
    main()
