"""Transfer: a trained model that is to learn new words and new kinds of fruit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fruit_caption.models.captioner import Captioner


def grow(model: Captioner, words: Sequence[str], fruits: Sequence[str], unfreeze: int) -> Captioner:
    """The same model with room for more: what it knew before it still knows.

    New words and fruits come after the old ones, so that every weight lies where it lay, at the
    start of a larger one; the rest starts at random, as in a new model.

    Args:
        model: a trained model.
        words: that it must know; those that it has are kept in their places.
        fruits: likewise.
        unfreeze: how many of the encoder's last stages learn from now on.
    """
    grown = Captioner(
        replace(model.config, encoder_weights="saved", unfreeze=unfreeze),
        list(dict.fromkeys([*model.vocabulary.words, *words])),
        list(dict.fromkeys([*model.fruits, *fruits])),
    )
    for new, old in zip(grown.weights, model.weights, strict=True):
        values = np.array(new)
        values[tuple(slice(length) for length in old.shape)] = old
        new.assign(values)
    return grown
