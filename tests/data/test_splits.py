"""Splits keep groups together, never change, and have the expected shares."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from fruit_caption.data.records import Photo
from fruit_caption.data.splits import split_of

PHOTO = Photo(Path("a.jpg"), 10, 10, source="github.com/somebody/fruit")


def test_a_group_is_never_split():
    splits = {split_of(replace(PHOTO, path=Path(f"{n}.jpg"), group="scene")) for n in range(50)}
    assert len(splits) == 1


def test_splits_have_their_shares():
    counts = Counter(split_of(replace(PHOTO, group=str(n))) for n in range(5000))
    assert abs(counts["train"] / 5000 - 0.8) < 0.02
    assert abs(counts["validation"] / 5000 - 0.1) < 0.02
    assert abs(counts["test"] / 5000 - 0.1) < 0.02


def test_the_split_of_a_group_never_changes():
    # A change would test old models on photos that they were trained on.
    splits = [split_of(replace(PHOTO, group=group)) for group in ("a", "b", "g", "i", "5", "6")]
    assert splits == ["train", "train", "validation", "validation", "test", "test"]


def test_unseen_sources_have_their_own_split():
    assert split_of(PHOTO, ("somebody",)) == "unseen"
    assert split_of(PHOTO, ("nobody",)) != "unseen"
