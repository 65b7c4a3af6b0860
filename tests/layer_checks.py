"""What every custom layer must stand: building, masking, saving, and a step of training."""

import keras
import numpy as np


def check_layer(layer, inputs, folder):
    """Build a layer in a functional model, train it one step, and save and reload it.

    Args:
        layer: the layer.
        inputs: its call arguments by name, float arrays with the batch first.
        folder: to save in.
    """
    symbols = {name: keras.Input(array.shape[1:], name=name) for name, array in inputs.items()}
    outputs = keras.tree.flatten(layer(**symbols))
    model = keras.Model(symbols, outputs)
    before = model.predict(inputs, verbose=0)
    for symbol, array in zip(outputs, keras.tree.flatten(before), strict=True):
        assert tuple(symbol.shape[1:]) == array.shape[1:]

    # Saved and reloaded it gives the same.
    model.save(folder / "layer.keras")
    again = keras.saving.load_model(folder / "layer.keras", safe_mode=True)
    for old, new in zip(
        keras.tree.flatten(before),
        keras.tree.flatten(again.predict(inputs, verbose=0)),
        strict=True,
    ):
        np.testing.assert_array_equal(old, new)
    assert again.get_layer(layer.name).get_config() == layer.get_config()

    # One step of training moves every weight.
    old_weights = [weight.numpy().copy() for weight in layer.trainable_weights]
    assert old_weights
    rng = np.random.default_rng(0)
    wanted = [rng.normal(size=array.shape) for array in keras.tree.flatten(before)]
    model.compile("sgd", loss=["mse"] * len(outputs))
    model.train_on_batch(inputs, wanted)
    for weight, old in zip(layer.trainable_weights, old_weights, strict=True):
        assert np.isfinite(weight.numpy()).all()
        assert (weight.numpy() != old).any(), weight.path
