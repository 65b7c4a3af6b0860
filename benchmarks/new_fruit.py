"""A fruit it never saw: `python benchmarks/new_fruit.py DATA OUT --fruit kiwi --weights FILE`.

Leaves one fruit out of a data set, trains EfficientNet-Lite0 with attention on the rest, and then
goes on from there with 40 photos of that fruit alone, as a person would with `fruit train --from
--rehearse`. Asks whether the fruit is there: about photos of it that were not learnt from, and
test photos of others; and asks the other test questions before and after. Writes
OUT/new-fruit.json. What is trained already in OUT is reused.
"""

from __future__ import annotations

import argparse
import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fruit_caption.config import ModelConfig, RunConfig, TrainingConfig
from fruit_caption.data.dataset import DataSet, Example, read_data
from fruit_caption.data.features import FEATURES
from fruit_caption.data.formats.coco import IMAGES, write_coco
from fruit_caption.data.qa import CAPTION, GRAMMAR, Caption, PhotoQA, Prediction, QAPair, write_qa
from fruit_caption.data.records import Photo, Split
from fruit_caption.evaluation.evaluate import encode_photos, predict
from fruit_caption.evaluation.metrics import score
from fruit_caption.language import templates
from fruit_caption.models.captioner import Captioner
from fruit_caption.runs import Run
from fruit_caption.training.trainer import train, versions
from fruit_caption.utils.files import write_json

LEARNT, VALIDATED = 36, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--fruit", default="kiwi")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--rehearse", type=Path, help="instead of the photos it learnt from")
    parser.add_argument("--epochs", type=int, default=24)
    given = parser.parse_args()
    data, fruit, out = read_data(given.data), given.fruit, given.out

    with_it = [e for split in data.splits.values() for e in split if _shows(e, fruit)]
    alone = [e for e in data.splits["train"] if e.photo and e.photo.fruits == (fruit,)]
    chosen = random.Random(0).sample(alone, LEARNT + VALIDATED)
    held_out = [example for example in with_it if example not in chosen]
    others = {s: [e for e in ones if e not in with_it] for s, ones in data.splits.items()}
    _write(out / "rest", data, others, [one for one in data.fruits if one != fruit])
    splits: dict[Split, list[Example]] = {
        "train": chosen[:LEARNT], "validation": chosen[LEARNT:], "test": [], "unseen": [],
    }  # fmt: skip
    _write(out / "new", data, splits, [fruit])

    model = ModelConfig("efficientnet-lite0", given.weights, image_size=320)
    before = RunConfig(str(out / "rest"), model, TrainingConfig(epochs=given.epochs), versions())
    if not (out / "before" / "model.keras").is_file():
        train(before, Run(out / "before"), resume=(Run(out / "before").config_file).is_file())
    after = replace(
        before,
        data=str(out / "new"),
        start=str(out / "before"),
        rehearse=str(given.rehearse or out / "rest"),
        training=TrainingConfig(epochs=10, learning_rate=1e-3),
    )
    began = time.monotonic()
    train(after, Run(out / "after"))
    minutes = (time.monotonic() - began) / 60

    result = {"fruit": fruit, "minutes": round(minutes, 1), "rehearse": after.rehearse}
    rest = read_data(out / "rest")
    for name in ("before", "after"):
        answers = _ask(Run(out / name).load_model(), rest.splits["test"], out / "rest" / FEATURES)
        result[f"others_{name}"] = score(answers)["exact"]
    asked = [_about(e, fruit, True) for e in held_out]
    asked += [_about(e, fruit, False) for e in rest.splits["test"]]
    answers = _ask(Run(out / "after").load_model(), asked, data.folder / FEATURES)
    result |= {"photos_of_it": len(held_out), "photos_of_others": len(rest.splits["test"])}
    result["presence"] = score(answers)["kinds"]["presence"]
    print(result)
    write_json(out / "new-fruit.json", {"versions": versions(), **result})


def _shows(example: Example, fruit: str) -> bool:
    return bool(example.photo and fruit in example.photo.fruits)


def _write(
    out: Path, data: DataSet, splits: dict[Split, list[Example]], listed: Sequence[str]
) -> None:
    """Write some photos of a data set as one that knows no fruits but those listed."""
    (out / IMAGES).mkdir(parents=True, exist_ok=True)
    photos, texts = [], []
    for split, examples in splits.items():
        for example in examples:
            shutil.copyfile(example.path, out / IMAGES / example.name)
            items = [i for i in example.items if i.fruit is None or i.fruit in listed]
            caption = next(item for item in items if item.kind == CAPTION)
            questions = tuple(item for item in items if item.kind != CAPTION)
            texts.append(
                PhotoQA(example.name, split, Caption(caption.answer, caption.by), questions)
            )
            if example.photo:
                photos.append(_listed(example.photo, out / IMAGES / example.name, listed))
    write_coco(out, photos, frozenset(listed))
    write_qa(out, texts, {"from": data.folder.name})


def _listed(photo: Photo, path: Path, listed: Sequence[str]) -> Photo:
    boxes = tuple(box for box in photo.boxes if box.fruit in listed)
    return replace(photo, path=path, boxes=boxes, listed=photo.listed & frozenset(listed))


def _about(example: Example, fruit: str, there: bool) -> Example:
    question, answer = (
        templates.question("presence", fruit),
        templates.answer("presence", fruit, there),
    )
    return replace(example, items=(QAPair(question, answer, "presence", fruit, GRAMMAR),))


def _ask(model: Captioner, examples: Sequence[Example], cache: Path) -> list[Prediction]:
    return predict(model, examples, encode_photos(model, examples, cache))


if __name__ == "__main__":
    main()
