"""Fine-tuning: some weights go slower."""

import keras
import numpy as np

from fruit_caption.training.optimizer import TwoSpeedAdamW


def test_slow_variables_take_a_tenth_of_the_step():
    fast, slow = keras.Variable([1.0], name="fast"), keras.Variable([1.0], name="slow")
    optimizer = TwoSpeedAdamW([slow], learning_rate=0.01, weight_decay=0.0)
    optimizer.apply([np.array([3.0], "float32")] * 2, [fast, slow])
    # Adam's first step is the learning rate, whatever the gradient.
    np.testing.assert_allclose(fast, [0.99], atol=1e-6)
    np.testing.assert_allclose(slow, [0.999], atol=1e-6)
