"""Assigns photos to the training, validation and test splits.

The split depends only on a hash of the photo's group. Photos of the same scene therefore stay
together, and adding photos never moves an old one to another split.
"""

from __future__ import annotations

import hashlib

from fruit_caption.data.records import Photo, Split

SHARES: dict[Split, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}
"""Expected share of the groups in each split."""


def group_of(photo: Photo) -> str:
    """Return the group that decides the split of a photo: its own, or else its file name."""
    return photo.group or photo.path.name


def split_of(
    photo: Photo, unseen_sources: tuple[str, ...] = (), train_sources: tuple[str, ...] = ()
) -> Split:
    """Return the split of a photo.

    Args:
        photo: The photo.
        unseen_sources: Photos whose source contains one of these strings are "unseen": a second,
            harder test set from sources that the model is not trained on.
        train_sources: Photos of these sources are always used for training.
    """
    if any(source in photo.source for source in unseen_sources):
        return "unseen"
    if photo.source in train_sources:
        return "train"
    digest = hashlib.sha256(group_of(photo).encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    for split, share in SHARES.items():
        if position < share:
            return split
        position -= share
    return "test"  # rounding errors of the shares
