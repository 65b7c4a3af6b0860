"""How alike the captions are to the true ones, as captions are scored elsewhere.

Whether a caption is true is another matter: `metrics.score` tells that, by what it names.
"""

from __future__ import annotations

from collections.abc import Sequence

import sacrebleu

from fruit_caption.data.qa import CAPTION, Prediction
from fruit_caption.language.vocabulary import split_words


def score_captions(rows: Sequence[Prediction]) -> dict[str, float | None] | None:
    """Scores of the captions among some answers, each beside its photo's one true caption.

    Returns:
        `bleu4`, 0 to 100: the share of runs of one to four words that the true captions have, too
            (Papineni et al. 2002), over all captions together;
        `cider`, 0 to 10: likewise, but rare words count more (CIDEr-D, Vedantam et al. 2015), the
            mean over the captions; None where pycocoevalcap isn't installed.
        None where there is no caption.
    """
    captions = [row for row in rows if row.item.kind == CAPTION]
    if not captions:
        return None
    said = [" ".join(split_words(row.answer)) for row in captions]
    true = [" ".join(split_words(row.item.answer)) for row in captions]
    # The words are apart already.
    bleu = sacrebleu.corpus_bleu(said, [true], tokenize="none", force=True)
    return {"bleu4": round(bleu.score, 2), "cider": _cider(said, true)}


def _cider(said: Sequence[str], true: Sequence[str]) -> float | None:
    try:
        from pycocoevalcap.cider.cider import Cider
    except ImportError:
        return None
    score, _ = Cider().compute_score(
        {place: [text] for place, text in enumerate(true)},
        {place: [text] for place, text in enumerate(said)},
    )
    return round(float(score), 3)
