"""Mixes photos of an earlier data set into a new one, so that training does not forget them.

A network that is trained on new photos only forgets the old ones (McCloskey & Cohen 1989); training
on some of those again prevents it (Robins 1995, "Catastrophic forgetting, rehearsal and
pseudorehearsal"). The old photos also serve as negative examples: trained on photos of kiwis only,
a model finds kiwis everywhere.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from fruit_caption.data.dataset import DataSet, Example
from fruit_caption.data.qa import QAPair
from fruit_caption.data.records import Split
from fruit_caption.datagen.question_specs import QuestionSpec
from fruit_caption.datagen.template_writer import template_pair
from fruit_caption.language.questions import Kind

OLD_PER_NEW = 8
"""Maximum number of old photos for each new one."""

ABSENT_ANSWERS: dict[Kind, int | bool] = {"presence": False, "count": 0}
"""Questions about a fruit that is not in a photo, with their answers."""


def rehearse(new: DataSet, old: DataSet, seed: int) -> DataSet:
    """Return the new data set with old photos added to its training and validation splits.

    Fruits that the old data set does not know are assumed to be absent from its photos, and
    questions about them are added. A photo in both data sets stays as it is in the new one.

    Args:
        new: The data set to learn.
        old: The data set that the model was trained on before, or rendered scenes in its place.
        seed: Random seed for the choice of photos and the wording of the added questions.
    """
    rng = random.Random(seed)
    new_names = {example.name for examples in new.splits.values() for example in examples}
    unknown = [fruit for fruit in new.fruits if fruit not in old.fruits]
    splits = dict(new.splits)
    mixed_splits: tuple[Split, ...] = ("train", "validation")
    for split in mixed_splits:
        candidates = [example for example in old.splits[split] if example.name not in new_names]
        number = min(len(candidates), OLD_PER_NEW * len(new.splits[split]))
        chosen = rng.sample(candidates, number)
        splits[split] = new.splits[split] + [_add_absent(e, unknown, rng) for e in chosen]
    return replace(new, splits=splits)


def _add_absent(example: Example, fruits: Sequence[str], rng: random.Random) -> Example:
    """An example with questions about fruits that are known to be absent from its photo."""
    photo = example.photo
    if photo:
        photo = replace(photo, listed=photo.listed | set(fruits))
    return replace(example, photo=photo, qa_pairs=(*example.qa_pairs, *_absent_pairs(fruits, rng)))


def _absent_pairs(fruits: Sequence[str], rng: random.Random) -> Iterator[QAPair]:
    for fruit in fruits:
        for kind, answer in ABSENT_ANSWERS.items():
            yield template_pair(QuestionSpec(kind, fruit, answer), rng)
