"""The optimizer trains some variables with a lower learning rate."""

import keras
import numpy as np

from fruit_caption.training.optimizer import TwoRateAdamW


def test_low_lr_variables_take_a_tenth_of_the_step():
    normal, low = keras.Variable([1.0], name="normal"), keras.Variable([1.0], name="low")
    optimizer = TwoRateAdamW([low], learning_rate=0.01, weight_decay=0.0)
    optimizer.apply([np.array([3.0], "float32")] * 2, [normal, low])
    # Adam's first step is the learning rate, whatever the gradient.
    np.testing.assert_allclose(normal, [0.99], atol=1e-6)
    np.testing.assert_allclose(low, [0.999], atol=1e-6)
