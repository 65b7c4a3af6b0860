"""Transfer without forgetting: photos from before, mixed among the new ones.

A network that learns from new photos alone forgets the old ones (McCloskey & Cohen 1989); seeing
some of those again prevents it (Robins 1995, "Catastrophic forgetting, rehearsal and
pseudorehearsal"). They also show what the new fruit is not: from photos of kiwis alone, a model
learns to see kiwis everywhere.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from fruit_caption.data.dataset import DataSet, Example
from fruit_caption.data.qa import QAPair
from fruit_caption.data.records import Split
from fruit_caption.datagen.question_specs import QuestionSpec
from fruit_caption.datagen.template_writer import write_pair
from fruit_caption.language.questions import Kind

OLD_FOR_ONE = 8
"""Old photos for each new one."""

ABSENT: dict[Kind, int | bool] = {"presence": False, "count": 0}


def rehearse(new: DataSet, old: DataSet, seed: int) -> DataSet:
    """The new data set, with some photos of the old one in what is learnt and validated.

    Fruits that the old data set never knew are taken to be absent from its photos, and are asked
    about. A photo that both hold stays as the new one has it.

    Args:
        new: what is to be learnt.
        old: what the model learnt from before, or rendered scenes in its place.
        seed: chooses the old photos and their new questions.
    """
    rng = random.Random(seed)
    names = {example.name for examples in new.splits.values() for example in examples}
    unknown = [fruit for fruit in new.fruits if fruit not in old.fruits]
    mixed = dict(new.splits)
    mixable: tuple[Split, ...] = ("train", "validation")
    for split in mixable:
        known = [example for example in old.splits[split] if example.name not in names]
        chosen = rng.sample(known, min(len(known), OLD_FOR_ONE * len(new.splits[split])))
        mixed[split] = new.splits[split] + [_without(one, unknown, rng) for one in chosen]
    return replace(new, splits=mixed)


def _without(example: Example, fruits: list[str], rng: random.Random) -> Example:
    """A photo that shows none of some fruits, and is known to."""
    photo = example.photo
    if photo:
        photo = replace(photo, listed=photo.listed | set(fruits))
    return replace(example, photo=photo, items=(*example.items, *_denials(fruits, rng)))


def _denials(fruits: list[str], rng: random.Random) -> Iterator[QAPair]:
    for fruit in fruits:
        for kind, value in ABSENT.items():
            yield write_pair(QuestionSpec(kind, fruit, value), rng)
