"""Which photos are trained on, chosen with and reported on.

The split of a photo is a hash of its group, so that photos of one scene stay together and adding
photos never moves one that was there before.
"""

from __future__ import annotations

import hashlib

from fruit_caption.data.records import Photo, Split

SHARES: dict[Split, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}


def group_of(photo: Photo) -> str:
    """What the split of a photo is decided by."""
    return photo.group or photo.path.name


def split_of(
    photo: Photo, unseen_sources: tuple[str, ...] = (), train_sources: tuple[str, ...] = ()
) -> Split:
    """The split of a photo: 80 % train, 10 % validation, 10 % test, by group.

    Photos whose source contains one of `unseen_sources` go to the split `unseen`, a second and
    harder test: nothing from where they come from is ever trained on. Photos of one of
    `train_sources` are never tested with.
    """
    if any(source in photo.source for source in unseen_sources):
        return "unseen"
    if photo.source in train_sources:
        return "train"
    digest = hashlib.sha256(group_of(photo).encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    for split, share in SHARES.items():
        if place < share:
            return split
        place -= share
    return "test"
