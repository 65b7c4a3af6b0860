"""How data sets are worded: `python benchmarks/wording.py data/fruit data/other …`.

For each: who wrote its captions and questions, and how varied they are: distinct-2 (over as many
texts of each data set) and the number of different wordings, fruits and numbers aside.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

from fruit_caption.data.qa import GRAMMAR, read_qa
from fruit_caption.datagen.diversity import distinct_2, wording

COMPARED = 1000
"""Texts of each sort over which distinct-2 is taken."""


def main(folders: Sequence[str]) -> None:
    for folder in folders:
        texts = read_qa(Path(folder))
        items = [item for text in texts for item in text.items()]
        captions = [item for item in items if item.kind == "caption"]
        questions = [item for item in items if item.kind != "caption"]
        print(f"{folder}: {len(texts)} photos, {len(questions)} questions")
        for name, some in (("captions", captions), ("questions", questions)):
            share = sum(item.by != GRAMMAR for item in some) / max(1, len(some))
            print(f"  {name}: {100 * share:.1f} % by the language model")
        for name, words in (
            ("captions", [item.answer for item in captions]),
            ("questions", [item.question for item in questions]),
            ("answers", [item.answer for item in questions]),
        ):
            drawn = random.Random(0).sample(words, min(COMPARED, len(words)))
            print(
                f"  {name}: distinct-2 {distinct_2(drawn):.3f} over {len(drawn)}, "
                f"{len(set(map(wording, words)))} wordings of {len(words)}"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
