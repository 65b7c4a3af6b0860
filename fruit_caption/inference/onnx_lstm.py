"""Reads words with ONNX's LSTM operator.

Keras exports an LSTM to ONNX as a loop, and computes its first step a second time to find out the
shape of its output. The operator is faster. So Keras exports only what comes after the LSTM of the
decoder; here what comes before is built, and both are joined.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnx
from onnx import TensorProto, compose, numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_tensor_value_info

from fruit_caption.inference.exported import HIDDEN, NEXT, STATES

KERAS_GATES = ("input", "forget", "cell", "output")
"""The gates in the order in which Keras keeps their weights."""
ONNX_GATES = ("input", "output", "forget", "cell")
"""The gates in the order of the operator."""


def prepend_lstm(path: Path, decoder: keras.Model) -> None:
    """Put the embedding of words and the LSTM in front of the rest of a decoder.

    Args:
        path: ONNX file of the rest, whose input `hidden` is the output of the LSTM. It is
            overwritten.
        decoder: The decoder of a captioner.
    """
    rest = onnx.load(path)
    embedding = np.asarray(decoder.get_layer("token_embedding").embeddings)
    reader = make_model(
        _reader(embedding, decoder.get_layer("lstm").lstm),
        opset_imports=rest.opset_import,
        ir_version=rest.ir_version,
    )
    onnx.save(compose.merge_models(reader, rest, [(HIDDEN, HIDDEN)]), path)


def _reader(embedding: np.ndarray, lstm: keras.layers.LSTM) -> onnx.GraphProto:
    """The graph from `words` and the states to `hidden` and the new states."""
    units = lstm.units
    arrays = {
        "embedding": embedding,
        **_lstm_weights(lstm),
        "any": np.array([-1]),
        "units": np.array([units]),
        "flat_state": np.array([1, -1, units]),
        "one": np.array([1]),
        "two": np.array([2]),
        "min_length": np.array([1], "int32"),
    }
    inputs = [make_tensor_value_info("words", TensorProto.INT32, ["photos", "questions", "steps"])]
    inputs += [_float_info(state, ["photos", "states", units]) for state in STATES]
    outputs = [_float_info(f"{NEXT}{state}", ["photos", "questions", units]) for state in STATES]
    outputs.append(_float_info(HIDDEN, ["photos", "questions", 1, units]))
    constants = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    return make_graph(_nodes(units), "reader", inputs, outputs, constants)


def _nodes(units: int) -> list[onnx.NodeProto]:
    """The nodes of the graph.

    The operator wants words (steps, questions, channels) and states (1, questions, units), with the
    questions about all photos in one axis.
    """
    before, after = ([f"{state}_{when}" for state in STATES] for when in ("before", "after"))
    nodes = [
        make_node("Shape", ["words"], ["rows"], end=2),
        make_node("Shape", ["words"], ["steps"], start=2),
        make_node("Concat", ["any", "steps"], ["flat_words"], axis=0),
        make_node("Reshape", ["words", "flat_words"], ["prompts"]),
        make_node("Transpose", ["prompts"], ["by_step"], perm=[1, 0]),
        make_node("Gather", ["embedding", "by_step"], ["embedded"]),
        # Words are padded with zeros. Nothing but padding counts as one word.
        make_node("Cast", ["prompts"], ["is_word"], to=TensorProto.BOOL),
        make_node("Cast", ["is_word"], ["ones"], to=TensorProto.INT32),
        make_node("ReduceSum", ["ones", "one"], ["num_words"], keepdims=0),
        make_node("Max", ["num_words", "min_length"], ["lengths"]),
        make_node("Concat", ["rows", "units"], ["state_shape"], axis=0),
    ]
    for state, flat in zip(STATES, before, strict=True):
        nodes.append(make_node("Expand", [state, "state_shape"], [f"{state}_of_each"]))
        nodes.append(make_node("Reshape", [f"{state}_of_each", "flat_state"], [flat]))
    inputs = ["embedded", "kernel", "recurrent", "bias", "lengths", *before]
    nodes.append(make_node("LSTM", inputs, ["", *after], hidden_size=units))
    for state, flat in zip(STATES, after, strict=True):
        nodes.append(make_node("Reshape", [flat, "state_shape"], [f"{NEXT}{state}"]))
    nodes.append(make_node("Unsqueeze", [f"{NEXT}state_h", "two"], [HIDDEN]))
    return nodes


def _lstm_weights(lstm: keras.layers.LSTM) -> dict[str, np.ndarray]:
    """The weights as the operator wants them: gates along the first of two axes, in its order."""
    kernel, recurrent, bias = (np.asarray(weight) for weight in lstm.get_weights())

    def reorder(weights: np.ndarray) -> np.ndarray:
        gates = dict(zip(KERAS_GATES, np.split(weights.T, 4), strict=True))
        return np.concatenate([gates[name] for name in ONNX_GATES])[None]

    return {
        "kernel": reorder(kernel),
        "recurrent": reorder(recurrent),
        # The second half would be added to the first.
        "bias": np.concatenate([reorder(bias), np.zeros((1, bias.size), "float32")], axis=1),
    }


def _float_info(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
    return make_tensor_value_info(name, TensorProto.FLOAT, shape)
