"""Chooses how often each photo is shown while the detector is trained.

Most photos show one apple on a table. Photos that show something rare are shown more often: rare
kinds of fruit, several fruits of a kind, and small sources.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from fruit_caption.data.records import Photo

SEVERAL_FACTOR = 2.0
"""How much more often photos with two or more fruits of a kind are shown."""

NO_BOX_FACTOR = 0.6
"""How much more often photos without boxes are shown: they teach kinds only."""

MIN_FACTOR, MAX_FACTOR = 0.5, 3.0
"""Bounds of the factors for kinds and sources."""

KIND_EXPONENT, SOURCE_EXPONENT = 0.5, 0.25
"""A kind in a quarter of the photos of another is shown 4^0.5 times as often."""


def sampling_probabilities(photos: Sequence[Photo | None]) -> np.ndarray:
    """Return how often each photo is shown, float64 (photos,); the sum is 1.

    Args:
        photos: The photos, None for one of which nothing is known.
    """
    kind_factors = _rarity(
        [fruit for photo in photos if photo for fruit in photo.fruits], KIND_EXPONENT
    )
    source_factors = _rarity([source_of(photo) for photo in photos if photo], SOURCE_EXPONENT)
    weights = np.ones(len(photos))
    for index, photo in enumerate(photos):
        if photo is None:
            continue
        weights[index] *= source_factors[source_of(photo)]
        weights[index] *= max((kind_factors[fruit] for fruit in photo.fruits), default=1.0)
        if any((number or 0) >= 2 for number in photo.counts().values()):
            weights[index] *= SEVERAL_FACTOR
        if photo.labels:
            weights[index] *= NO_BOX_FACTOR
    return weights / weights.sum()


def source_of(photo: Photo) -> str:
    """Return the source of a photo; all composed photos have the same one."""
    return "composed" if photo.source.startswith("composed from") else photo.source


def _rarity(names: Iterable[str], exponent: float) -> dict[str, float]:
    """A factor for each name, above 1 if it is rarer than the others on average."""
    counts = Counter(names)
    mean = sum(counts.values()) / max(1, len(counts))
    return {
        name: min(max((mean / count) ** exponent, MIN_FACTOR), MAX_FACTOR)
        for name, count in counts.items()
    }
