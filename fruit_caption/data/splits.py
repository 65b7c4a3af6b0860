"""Assigns photos to the training, validation and test splits.

The split depends only on a hash of the photo's group. Photos of the same scene therefore stay
together, and adding photos never moves an old one to another split. If the user wants to keep the
splits that the photos come with, `keep_splits` brings these into line with the groups.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from fruit_caption.data.records import Photo, Split
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.listing import shorten
from fruit_caption.utils.paths import encodable

SHARES: dict[Split, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}
"""Expected share of the groups in each split."""

FEW_PHOTOS = 20
"""A score of fewer photos says little: one answer more or less changes it by points."""

_SHARES = re.compile(r"(\d{1,3})/(\d{1,3})/(\d{1,3})")

SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""Usual names of the splits, in lower case."""

SPLIT_NAME = re.compile(r"([a-z]+?)[ _-]?(set|\d{4})?")
"""The name of a split, perhaps with a year, as in "val2017"."""


def group_of(photo: Photo) -> str:
    """Return the group that decides the split of a photo: its own, or else its file name."""
    return photo.group or photo.path.name


def split_named(name: str) -> Split | None:
    """Return the split that a name such as "valid", "Training" or "test2017" stands for."""
    match = SPLIT_NAME.fullmatch(name.strip().lower())
    return SPLIT_NAMES.get(match[1]) if match else None


def split_in_path(path: PurePath, folder: PurePath) -> Split | None:
    """Return the split that the folders of a photo name, such as "train" in "train/images/a.jpg".

    Args:
        path: The photo.
        folder: The folder of the whole set, which may itself be one split.
    """
    inner = path.relative_to(folder).parent.parts
    return next((split for part in (*inner, folder.name) if (split := split_named(part))), None)


def parse_shares(text: str) -> dict[Split, float]:
    """Return the share of each split in a text such as "70/15/15", in percent.

    Raises:
        DataError: It is none, has a split without photos, or does not add up to 100.
    """
    match = _SHARES.fullmatch(text.strip())
    percents = [int(part) for part in match.groups()] if match else [0]
    if sum(percents) != 100 or 0 in percents:
        raise DataError(
            f"{text[:40]!r} is not the shares of training, validation and test in percent, such as "
            "70/15/15.",
            "no-shares",
        )
    return {split: percent / 100 for split, percent in zip(SHARES, percents, strict=True)}


def few_photos_note(photos: Mapping[Split, int]) -> str:
    """Return a warning about splits with few photos, or "".

    Args:
        photos: Number of photos of each split.
    """
    few = {split: photos.get(split, 0) for split in SHARES if photos.get(split, 0) < FEW_PHOTOS}
    if not few:
        return ""
    numbers = ", ".join(f"{number} for {split}" for split, number in few.items())
    return (
        f"few photos: {numbers}; what {FEW_PHOTOS} photos or fewer score says little, and "
        "--shares 70/15/15 takes more of them for validation and test"
    )


def split_of(
    photo: Photo,
    unseen_sources: tuple[str, ...] = (),
    train_sources: tuple[str, ...] = (),
    shares: Mapping[Split, float] = SHARES,
) -> Split:
    """Return the split of a photo: the one that it is meant for, or else by its group.

    Args:
        photo: The photo.
        unseen_sources: Photos whose source contains one of these strings are "unseen": a second,
            harder test set from sources that the model is not trained on.
        train_sources: Photos of these sources are always used for training.
        shares: Expected share of the groups in each split.
    """
    if any(source in photo.source for source in unseen_sources):
        return "unseen"
    if photo.source in train_sources:
        return "train"
    if photo.split:
        return photo.split
    position = _position(photo)
    for split, share in shares.items():
        if position < share:
            return split
        position -= share
    return "test"  # rounding errors of the shares


def keep_splits(photos: Sequence[Photo]) -> tuple[list[Photo], list[str]]:
    """Return photos whose splits never cut a group, and what had to be changed for that.

    A group of which photos are in two splits goes to the one that has most of them. Photos without
    a split get that of their group; if it has none either, the hash decides as usual. If no photo
    is meant for validation, the hash chooses a tenth of the training groups for it, because
    training needs it.

    Args:
        photos: The photos of all sources.

    Raises:
        DataError: No photo has a split.
    """
    meant: dict[str, Counter[Split]] = defaultdict(Counter)
    for photo in photos:
        if photo.split:
            meant[group_of(photo)][photo.split] += 1
    if not meant:
        raise DataError(
            "There are no splits to keep: no photo lies in a folder that is called "
            f"{', '.join(SPLIT_NAMES)}, and neither the annotations nor a photos.csv name splits.",
            "no-splits",
        )
    # `max` prefers the first of equal numbers; training comes first.
    chosen = {group: max(SHARES, key=lambda split: of[split]) for group, of in meant.items()}
    notes = []
    if torn := [f"{g} (now {chosen[g]})" for g, of in sorted(meant.items()) if len(of) > 1]:
        notes.append(f"{len(torn)} groups lie in several splits, each goes to one: {shorten(torn)}")
    if "validation" not in chosen.values():
        kept, start = len(chosen), 1 - SHARES["validation"]
        moved = {
            group_of(photo)
            for photo in photos
            if chosen.get(group_of(photo)) == "train" and _position(photo) >= start
        }
        chosen |= dict.fromkeys(moved, "validation")
        notes.append(f"no split for validation: {len(moved)} of {kept} groups are used for it")
    return [replace(photo, split=chosen.get(group_of(photo))) for photo in photos], notes


def _position(photo: Photo) -> float:
    """Return a number from 0 to 1 that depends on the group only."""
    digest = hashlib.sha256(encodable(group_of(photo)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
