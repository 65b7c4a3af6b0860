"""Caption scores against the reference libraries and values computed by hand."""

import math

import pytest
import sacrebleu

from fruit_caption.data.qa import CAPTION, CAPTION_PROMPT, Prediction, QAPair
from fruit_caption.evaluation.caption_metrics import score_captions

REFERENCES = ["A photo of two figs.", "three ripe pears on a table", "one apple and a lime"]
PREDICTIONS = ["a photo of two limes", "three ripe pears on a board", "one apple and a lime"]


def rows(references, predictions):
    return [
        Prediction("a.jpg", QAPair(CAPTION_PROMPT, reference, CAPTION, None, ""), prediction, 1.0)
        for reference, prediction in zip(references, predictions, strict=True)
    ]


def test_bleu_agrees_with_sacrebleu():
    plain = [text.lower().rstrip(".") for text in REFERENCES]
    assert score_captions(rows(REFERENCES, PREDICTIONS))["bleu4"] == pytest.approx(
        sacrebleu.corpus_bleu(PREDICTIONS, [plain]).score, abs=0.01
    )


def test_bleu_by_hand():
    # Matching n-grams: 4 of 5, 3 of 4, 2 of 3, 1 of 2; the lengths are equal.
    bleu = score_captions(rows(REFERENCES[:1], PREDICTIONS[:1]))["bleu4"]
    assert bleu == round(100 * math.exp(sum(map(math.log, (4 / 5, 3 / 4, 2 / 3, 1 / 2))) / 4), 2)


def test_cider_is_ten_for_equal_and_zero_for_different_captions():
    pytest.importorskip("pycocoevalcap")
    assert score_captions(rows(REFERENCES, REFERENCES))["cider"] == pytest.approx(10.0)
    assert score_captions(rows(REFERENCES, ["x y z w"] * 3))["cider"] == 0.0
    assert 0 < score_captions(rows(REFERENCES, PREDICTIONS))["cider"] < 10


def test_without_pycocoevalcap_there_is_no_cider(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pycocoevalcap.cider.cider", None)
    assert score_captions(rows(REFERENCES, PREDICTIONS))["cider"] is None


def test_empty_captions_and_no_captions():
    assert score_captions(rows(REFERENCES, ["", "", ""]))["bleu4"] == 0.0
    assert score_captions([]) is None
