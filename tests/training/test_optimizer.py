"""The optimizer: two learning rates, warm-up and averaged weights."""

import keras
import numpy as np
import pytest

from fruit_caption.training.optimizer import (
    AVERAGED_SHARE,
    LOW_LR_FACTOR,
    MAX_AVERAGING_MOMENTUM,
    TwoRateAdamW,
    cosine_adamw,
)

GRADIENT = np.array([3.0], "float32")


def test_low_lr_variables_take_a_smaller_step():
    normal, low = keras.Variable([1.0], name="normal"), keras.Variable([1.0], name="low")
    optimizer = TwoRateAdamW([low], learning_rate=0.01, weight_decay=0.0)
    optimizer.apply([GRADIENT] * 2, [normal, low])
    # Adam's first step is the learning rate, whatever the gradient.
    np.testing.assert_allclose(normal, [0.99], atol=1e-6)
    np.testing.assert_allclose(low, [1 - 0.01 * LOW_LR_FACTOR], atol=1e-6)


def rates(steps):
    """The learning rate at each step of a training."""
    schedule = cosine_adamw(0.5, steps)._learning_rate
    return [float(schedule(step)) for step in range(steps)]


def test_the_rate_rises_from_zero_then_falls():
    values = rates(200)
    assert values[0] == 0
    assert np.argmax(values) == 6  # 3 % of the steps
    assert max(values) == pytest.approx(0.5)
    assert values[3] == pytest.approx(0.25)
    assert (np.diff(values[6:]) < 0).all()
    assert values[-1] < 0.001


@pytest.mark.parametrize("steps", [1, 2, 10])
def test_a_short_training_has_no_warmup(steps):
    assert rates(steps)[0] == pytest.approx(0.5)


def train(steps, number=None):
    """An optimizer, a variable, and its values after each of a training's first steps."""
    variable = keras.Variable([1.0])
    optimizer = cosine_adamw(0.1, steps, average=True)
    optimizer.build([variable])
    values = []
    for _ in range(number or steps):
        optimizer.apply([GRADIENT], [variable])
        values.append(float(variable[0]))
    return optimizer, variable, values


def test_averages_replace_the_weights_on_demand_only():
    optimizer, variable, values = train(steps=100)
    optimizer.finalize_variable_values([variable])
    assert float(variable[0]) == values[-1]
    average = values[0]
    momentum = 1 - 1 / (AVERAGED_SHARE * 100)
    for value in values[1:]:
        average = momentum * average + (1 - momentum) * value
    optimizer.assign_averages([variable])
    assert float(variable[0]) == pytest.approx(average, abs=1e-5)
    assert average != pytest.approx(values[-1], abs=1e-5)


def test_a_short_training_averages_over_few_steps():
    optimizer, variable, values = train(steps=10)
    optimizer.assign_averages([variable])
    assert float(variable[0]) == pytest.approx(values[-1])
    assert cosine_adamw(0.1, 10**6, average=True).ema_momentum == MAX_AVERAGING_MOMENTUM
