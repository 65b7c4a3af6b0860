"""Beam search: the likeliest answers, where greedy decoding gives one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fruit_caption.models.decoding import MOST_WORDS, Runtime, Seen, chances_of_next, padded

WIDTH = 8
LEAST = 1e-2
"""A sentence that is less likely is not worth finishing."""

Said = tuple[str, float]
"""A text and its confidence, the product of its words' probabilities."""


def beam_search(
    model: Runtime, seen: Seen, questions: Sequence[Sequence[str]]
) -> list[list[list[Said]]]:
    """Answer questions about photos in several ways.

    After every word the `WIDTH` likeliest beginnings are kept (Sutskever et al. 2014). The
    likeliest answer that is found may differ from the greedy one.

    Args:
        model: a trained model.
        seen: what its eye gives for the photos.
        questions: for each photo its questions.

    Returns:
        for each photo and question the answers found, the likeliest first; none where every answer
        is less likely than `LEAST`.
    """
    vocabulary = model.vocabulary
    asked = [(photo, text) for photo, texts in enumerate(questions) for text in texts]
    if not asked:
        return [[] for _ in questions]
    photos = [photo for photo, _ in asked]
    # The decoder's questions are the beams of one question; its photos, a question each. At first
    # there is one beam, which becomes many with the first word.
    known = model.hold({name: seen[name][photos] for name in model.needs})
    words = padded([[vocabulary.prompt(text)] for _, text in asked])
    said = np.full((len(asked), 1, MOST_WORDS), vocabulary.end)
    likelihood, ended = np.zeros(said.shape[:2]), np.zeros(said.shape[:2], bool)
    for step in range(MOST_WORDS):
        new = model.step(known | {"words": words})
        following = chances_of_next(new, vocabulary)
        # After the end nothing else can be said.
        following[ended] = np.eye(following.shape[2])[vocabulary.end]
        beam, word = _likeliest(likelihood, following)
        chosen = np.take_along_axis(following, beam[:, :, None], 1)
        chances = np.take_along_axis(chosen, word[:, :, None], 2)[:, :, 0]
        likelihood = np.take_along_axis(likelihood, beam, 1) + _log(chances)
        said = np.take_along_axis(said, beam[:, :, None], 1)
        said[:, :, step] = word
        ended = np.take_along_axis(ended, beam, 1) | (word == vocabulary.end)
        if (ended | (likelihood < np.log(LEAST))).all():
            break
        for name in ("state_h", "state_c"):
            known[name] = np.take_along_axis(new[name], beam[:, :, None], 1)
        words = word[:, :, None].astype("int32")
    finished = ended & (likelihood >= np.log(LEAST))
    answers = (
        [
            (vocabulary.text(said[row, place]), float(np.exp(likelihood[row, place])))
            for place in np.flatnonzero(finished[row])
        ]
        for row in range(len(asked))
    )
    return [[next(answers) for _ in texts] for texts in questions]


def _likeliest(likelihood: np.ndarray, following: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row the beams and the words with which the likeliest sentences go on."""
    rows, beams, words = following.shape
    sentences = (likelihood[:, :, None] + _log(following)).reshape(rows, beams * words)
    best = np.argsort(-sentences, axis=1, kind="stable")[:, :WIDTH]
    return best // words, best % words


def _log(chances: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        logs: np.ndarray = np.log(chances)
    return logs
