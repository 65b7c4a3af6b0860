"""Splits keep groups together, never change, and have the expected shares."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from fruit_caption.data.records import Photo
from fruit_caption.data.splits import (
    SHARES,
    few_photos_note,
    keep_splits,
    parse_shares,
    split_in_path,
    split_named,
    split_of,
)
from fruit_caption.utils.errors import DataError

PHOTO = Photo(Path("a.jpg"), 10, 10, source="github.com/somebody/fruit")


def test_a_group_is_never_split():
    splits = {split_of(replace(PHOTO, path=Path(f"{n}.jpg"), group="scene")) for n in range(50)}
    assert len(splits) == 1


def test_splits_have_their_shares():
    counts = Counter(split_of(replace(PHOTO, group=str(n))) for n in range(5000))
    assert abs(counts["train"] / 5000 - 0.8) < 0.02
    assert abs(counts["validation"] / 5000 - 0.1) < 0.02
    assert abs(counts["test"] / 5000 - 0.1) < 0.02


def test_other_shares():
    shares = parse_shares(" 70/15/15 ")
    counts = Counter(split_of(replace(PHOTO, group=str(n)), shares=shares) for n in range(5000))
    assert {split: round(count / 50) for split, count in counts.items()} == pytest.approx(
        {"train": 70, "validation": 15, "test": 15}, abs=2
    )
    assert parse_shares("80/10/10") == SHARES


@pytest.mark.parametrize("text", ["", "70/30", "70/15/16", "100/0/0", "0.7/0.15/0.15", "a/b/c"])
def test_shares_that_make_no_sense(text):
    with pytest.raises(DataError, match="is not the shares of training, validation and test"):
        parse_shares(text)


def test_splits_with_few_photos_are_named():
    assert few_photos_note({"train": 160, "validation": 20, "test": 20}) == ""
    note = few_photos_note({"train": 51, "validation": 5, "unseen": 3})
    assert note.startswith("few photos: 5 for validation, 0 for test; ")
    assert "--shares 70/15/15" in note


def test_the_split_of_a_group_never_changes():
    # A change would test old models on photos that they were trained on.
    splits = [split_of(replace(PHOTO, group=group)) for group in ("a", "b", "g", "i", "5", "6")]
    assert splits == ["train", "train", "validation", "validation", "test", "test"]


def test_unseen_sources_have_their_own_split():
    assert split_of(PHOTO, ("somebody",)) == "unseen"
    assert split_of(PHOTO, ("nobody",)) != "unseen"


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"), ("Training", "train"), ("TRAIN2017", "train"), ("trainset", "train"),
        ("val", "validation"), ("valid", "validation"), ("Validation", "validation"),
        ("val2014", "validation"), ("test", "test"), ("testing", "test"), ("Test-Set", "test"),
        ("trains", None), ("contest", None), ("banana", None), ("value", None), ("", None),
    ],
)  # fmt: skip
def test_names_of_splits(name, split):
    assert split_named(name) == split


def test_the_split_in_a_path():
    home = Path("photos")
    assert split_in_path(home / "train" / "images" / "a.jpg", home) == "train"
    assert split_in_path(home / "images" / "val" / "a.jpg", home) == "validation"
    assert split_in_path(home / "apple" / "test.jpg", home) is None
    assert split_in_path(Path("set/test/apple/a.jpg"), Path("set/test")) == "test"


def photo(name, split, group=""):
    return replace(PHOTO, path=Path(name), split=split, group=group)


def test_kept_splits_never_cut_a_group():
    given = [
        photo("a", "test", "scene"), photo("b", "train", "scene"), photo("c", "test", "scene"),
        photo("d", None, "scene"), photo("e", "validation"), photo("f", "train"), photo("g", None),
    ]  # fmt: skip
    kept, notes = keep_splits(given)
    expected = ["test", "test", "test", "test", "validation", "train", None]
    assert [each.split for each in kept] == expected
    [note] = notes
    assert "1 groups lie in several splits, each goes to one: scene (now test)" in note
    assert split_of(kept[1]) == "test"
    assert split_of(kept[1], ("somebody",)) == "unseen"


def test_without_a_split_for_validation_the_hash_chooses_it():
    given = [photo(str(n), "train") for n in range(1000)] + [photo("t", "test")]
    kept, [note] = keep_splits(given)
    counts = Counter(each.split for each in kept)
    assert abs(counts["validation"] - 100) < 30
    assert counts["test"] == 1
    assert f"{counts['validation']} of 1001 groups" in note


def test_without_any_split_there_is_nothing_to_keep():
    with pytest.raises(DataError, match="no splits to keep"):
        keep_splits([PHOTO])
