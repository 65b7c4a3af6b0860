"""A stage ends in time, and its losses are those of a single photo, whatever the batch."""

import keras
import numpy as np
import pytest

from fruit_caption.models.captioner import Captioner
from fruit_caption.training.stages import StagePlan, compile_model, dtype_policy


def plan(*scores, epochs=10, num_cases=100):
    history = [{"validation": score} for score in scores]
    return StagePlan("decoder", None, None, None, num_cases, epochs, 1e-3, history=history)


@pytest.mark.parametrize(
    ("scores", "num_cases", "kept"),
    [
        ((0.1, 0.5, 0.2, 0.5), 100, 3),
        # One standard error of 0.5 is 0.05 with 98 cases and 0.005 with 9,998.
        ((0.1, 0.5, 0.46, 0.44), 98, 2),
        ((0.1, 0.5, 0.46, 0.44), 9_998, 1),
        # Of 99 right cases and one wrong it is 0.00995.
        ((0.9, 1.0, 0.9901, 0.98), 98, 2),
        ((0.0, 0.0), 0, 1),
    ],
)
def test_the_latest_weights_are_kept_that_may_be_the_best(scores, num_cases, kept):
    assert plan(*scores, num_cases=num_cases).kept_epoch == kept


@pytest.mark.parametrize(
    ("stage", "is_finished"),
    [
        (plan(), False),
        (plan(0.1), False),
        (plan(0.1, 0.5, 0.2), False),
        (plan(0.1, 0.5, 0.2, 0.5), True),  # no improvement in two epochs
        (plan(0.1, 0.2, 0.3, epochs=3), True),
        (plan(0.1, 0.2, epochs=3), False),
    ],
)
def test_a_stage_ends_after_all_epochs_or_without_improvement(stage, is_finished):
    assert stage.is_finished(patience=2) == is_finished


def test_a_dtype_policy_ends_with_its_block():
    before = keras.config.dtype_policy().name
    with dtype_policy("mixed_bfloat16"):
        assert keras.layers.Dense(1).dtype_policy.compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == before == "float32"


def test_losses_have_their_weights(tiny):
    keras.utils.set_random_seed(0)
    model = Captioner(tiny.model, ["a"], ["apple", "lime"]).detector_training_model()
    compile_model(model, 1e-3, steps=10)
    center = np.zeros((1, 6, 6, 1), "float32")
    predicted = {
        "center": center,  # a probability of 1/2
        "kind": np.zeros((1, 6, 6, 2), "float32"),
        "label": np.array([[0.5, 0.5]], "float32"),
    }
    true = {
        "center": center,
        "kind": np.zeros((1, 6, 6), "int32"),
        "label": np.array([[0.0, 1.0]], "float32"),
    }
    cell = np.zeros((1, 6, 6), "float32")
    cell[0, 2, 3] = 1
    no_cell, label = 0 * cell, np.zeros(1, "float32")

    def loss(**weights):
        chosen = {"center": no_cell, "kind": no_cell, "label": label} | weights
        return float(model.compute_loss(y=true, y_pred=predicted, sample_weight=chosen))

    assert loss() == 0
    assert loss(center=cell) == pytest.approx(0.25 * np.log(2))  # an empty cell: p^2 log(1 - p)
    assert loss(kind=cell) == pytest.approx(np.log(2))
    assert loss(label=label + 1) == pytest.approx(0.5 * np.log(2))
