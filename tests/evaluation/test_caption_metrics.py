"""Captions scored against the libraries' own words, and by hand."""

import math

import pytest
import sacrebleu

from fruit_caption.data.qa import CAPTION, DESCRIBE, Prediction, QAPair
from fruit_caption.evaluation.caption_metrics import score_captions

TRUE = ["A photo of two figs.", "three ripe pears on a table", "one apple and a lime"]
SAID = ["a photo of two limes", "three ripe pears on a board", "one apple and a lime"]


def rows(true, said):
    return [
        Prediction(f"{n}.jpg", QAPair(DESCRIBE, t, CAPTION, None, ""), s, 1.0)
        for n, (t, s) in enumerate(zip(true, said, strict=True))
    ]


def test_bleu_agrees_with_sacrebleu_on_whole_sentences():
    plain = [text.lower().rstrip(".") for text in TRUE]
    assert score_captions(rows(TRUE, SAID))["bleu4"] == pytest.approx(
        sacrebleu.corpus_bleu(SAID, [plain]).score, abs=0.01
    )


def test_bleu_by_hand():
    # Of 5 words 4 are right, of 4 pairs 3, of 3 triples 2, of 2 fours 1; the lengths are equal.
    found = score_captions(rows(TRUE[:1], SAID[:1]))["bleu4"]
    assert found == round(100 * math.exp(sum(map(math.log, (4 / 5, 3 / 4, 2 / 3, 1 / 2))) / 4), 2)


def test_cider_is_ten_for_the_truth_and_nothing_for_nothing_alike():
    pytest.importorskip("pycocoevalcap")
    assert score_captions(rows(TRUE, TRUE))["cider"] == pytest.approx(10.0)
    assert score_captions(rows(TRUE, ["x y z w"] * 3))["cider"] == 0.0
    assert 0 < score_captions(rows(TRUE, SAID))["cider"] < 10


def test_without_pycocoevalcap_there_is_no_cider(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pycocoevalcap.cider.cider", None)
    assert score_captions(rows(TRUE, SAID))["cider"] is None


def test_empty_captions_and_no_captions():
    assert score_captions(rows(TRUE, ["", "", ""]))["bleu4"] == 0.0
    assert score_captions([]) is None
