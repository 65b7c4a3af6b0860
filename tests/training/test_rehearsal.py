"""Photos of an old data set are mixed into a new one."""

from pathlib import Path

from fruit_caption.data.dataset import DataSet, Example
from fruit_caption.data.qa import QAPair
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.language.answers import parse_answer
from fruit_caption.training.rehearsal import OLD_PER_NEW, rehearse


def data_set(fruits, shown, number, folder):
    def example(n):
        photo = Photo(
            Path(folder, f"{n}.png"), 9, 9, (FruitBox(shown, 1, 1, 5, 5),), frozenset(fruits)
        )
        item = QAPair(f"is there a {shown}?", f"yes, there is a {shown}", "presence", shown, "")
        return Example(photo.path, f"{folder}/{n}.png", (item,), photo)

    splits = {
        "train": [example(n) for n in range(number)],
        "validation": [example(n) for n in range(number, number + 2)],
        "test": [],
        "unseen": [],
    }
    return DataSet(Path(folder), splits, tuple(fruits))


NEW = data_set(["apple", "kiwi"], "kiwi", 3, "new")
OLD = data_set(["apple", "pear"], "pear", 40, "old")


def test_old_photos_are_added_to_training_and_validation():
    mixed = rehearse(NEW, OLD, seed=0)
    train = mixed.splits["train"]
    assert train[:3] == NEW.splits["train"]
    assert len(train) == 3 + OLD_PER_NEW * 3
    assert {example.path.parent.name for example in train[3:]} == {"old"}
    assert mixed.splits["validation"][:2] == NEW.splits["validation"]
    assert len(mixed.splits["validation"]) == 4  # the old data set has only two
    assert mixed.splits["test"] == []
    assert mixed.fruits == NEW.fruits
    assert rehearse(NEW, OLD, seed=0) == mixed != rehearse(NEW, OLD, seed=1)


def test_fruits_unknown_to_the_old_data_are_absent_in_answers_and_boxes():
    old = rehearse(NEW, OLD, seed=0).splits["train"][3]
    assert old.photo.count("kiwi") == 0
    assert old.photo.count("pear") == 1
    kept, *added = old.qa_pairs
    assert kept == OLD.splits["train"][0].qa_pairs[0]
    # The old data set knows apples, so no questions about them are added.
    assert [(item.kind, item.fruit) for item in added] == [("presence", "kiwi"), ("count", "kiwi")]
    assert [parse_answer(i.kind, i.answer, "kiwi") for i in added] == [False, 0]


def test_few_old_photos_are_all_used_once():
    few = data_set(["pear"], "pear", 2, "old")
    assert len(rehearse(NEW, few, seed=0).splits["train"]) == 5
    assert rehearse(NEW, NEW, seed=0) == NEW


def test_old_photos_need_no_boxes():
    train = [Example(Path("old/1.png"), "1.png", ())]
    old = DataSet(Path("old"), OLD.splits | {"train": train}, ("apple",))
    again = rehearse(NEW, old, seed=0).splits["train"][-1]
    assert again.photo is None
    assert len(again.qa_pairs) == 2
