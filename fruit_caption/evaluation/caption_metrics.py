"""Scores captions by their similarity to the reference captions: BLEU-4 and CIDEr-D.

`metrics.score` instead scores whether a caption is true, by the fruits and numbers that it names.
"""

from __future__ import annotations

from collections.abc import Sequence

import sacrebleu

from fruit_caption.data.qa import CAPTION, Prediction
from fruit_caption.language.vocabulary import split_words


def score_captions(rows: Sequence[Prediction]) -> dict[str, float | None] | None:
    """Score the captions among some answers against the one reference caption of each photo.

    Args:
        rows: Answers; those that are not captions are ignored.

    Returns:
        None if there are no captions, else a dictionary:

        - `bleu4`: corpus BLEU, 0 to 100: the geometric mean of the precisions of n-grams of 1 to 4
          words, times a penalty for short captions (Papineni et al. 2002).
        - `cider`: CIDEr-D, 0 to 10: the mean similarity of TF-IDF-weighted n-grams (Vedantam et al.
          2015). None if pycocoevalcap is not installed.
    """
    captions = [row for row in rows if row.qa_pair.kind == CAPTION]
    if not captions:
        return None
    predictions = [" ".join(split_words(row.answer)) for row in captions]
    references = [" ".join(split_words(row.qa_pair.answer)) for row in captions]
    # The words are already separated by spaces.
    bleu = sacrebleu.corpus_bleu(predictions, [references], tokenize="none", force=True)
    return {"bleu4": round(bleu.score, 2), "cider": _cider(predictions, references)}


def _cider(predictions: Sequence[str], references: Sequence[str]) -> float | None:
    try:
        from pycocoevalcap.cider.cider import Cider
    except ImportError:
        return None
    score, _ = Cider().compute_score(
        {number: [text] for number, text in enumerate(references)},
        {number: [text] for number, text in enumerate(predictions)},
    )
    return round(float(score), 3)
