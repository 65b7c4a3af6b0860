"""The sentence at the end of a training."""

import pytest

from fruit_caption.data.dataset import read_data
from fruit_caption.evaluation.baselines import majority, question_alone
from fruit_caption.evaluation.metrics import score
from fruit_caption.evaluation.verdict import verdict


@pytest.fixture
def splits(data):
    return read_data(data).splits


def test_a_model_that_guesses_is_told_so(splits):
    train, validation = splits["train"], splits["validation"]
    best = max(score(answer(train, validation))["exact"] for answer in (majority, question_alone))
    for exact in (0.0, best):
        text = verdict(exact, train, validation)
        assert f"no better than always giving the most frequent answer ({100 * best:.1f} %)" in text
        assert "--from release" in text
    text = verdict(1.0, train, validation)
    assert f"the model is {100 * (1 - best):.1f} points better" in text


def test_questions_that_no_baseline_can_answer(splits):
    assert "right in 0.0 %" in verdict(0.5, [], splits["validation"])
