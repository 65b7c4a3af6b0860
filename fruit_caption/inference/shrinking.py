"""Stores the weights of an ONNX model in fewer bits.

Only the file becomes smaller: ONNX Runtime works the weights out to float32 once, when it opens
the model, and is as fast as before.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

FEWEST = 1000
"""Smaller arrays stay as they are: they weigh little, and shifts and scales want to be exact."""


def shrink(path: Path, bits: int) -> None:
    """Store the weights of a model with 16 bits each, or 8 and a scale for each channel.

    Args:
        path: of an ONNX file, which is written anew.
        bits: 16, rounded to float16; or 8, whole numbers from -127 to 127 ("Quantizing deep
            convolutional networks for efficient inference", Krishnamoorthi 2018, section 2.3:
            symmetric, for each channel).
    """
    model = onnx.load(path)
    stored: list[TensorProto] = []
    nodes: list[NodeProto] = []
    for weights in model.graph.initializer:
        values = numpy_helper.to_array(weights)
        if values.dtype != np.float32 or values.size < FEWEST:
            stored.append(weights)
            continue
        parts = _halves(values) if bits == 16 else _whole_numbers(values)
        names = [f"{weights.name}/{number}" for number in range(len(parts))]
        stored += [
            numpy_helper.from_array(part, name) for part, name in zip(parts, names, strict=True)
        ]
        nodes += _restored(names, weights.name)
    del model.graph.initializer[:]
    model.graph.initializer.extend(stored)
    others = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *others])
    onnx.save(model, path)


def _halves(values: np.ndarray) -> list[np.ndarray]:
    return [values.astype("float16")]


def _whole_numbers(values: np.ndarray) -> list[np.ndarray]:
    """Numbers and scales, whose product is about the values."""
    # A convolution's kernel is (channels, …), any other matrix (…, channels).
    channels = 0 if values.ndim == 4 else values.ndim - 1
    others = tuple(axis for axis in range(values.ndim) if axis != channels)
    scales = np.abs(values).max(axis=others, keepdims=True) / 127
    scales[scales == 0] = 1
    return [np.rint(values / scales).astype("int8"), scales]


def _restored(names: list[str], name: str) -> list[NodeProto]:
    """What makes the float32 weights `name` of the stored arrays."""
    if len(names) == 1:
        return [helper.make_node("Cast", names, [name], to=TensorProto.FLOAT)]
    numbers, scales = names
    cast = f"{numbers}/cast"
    return [
        helper.make_node("Cast", [numbers], [cast], to=TensorProto.FLOAT),
        helper.make_node("Mul", [cast, scales], [name]),
    ]
