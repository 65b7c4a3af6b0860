"""Stores the weights of an ONNX file as float16.

Only the file becomes smaller: ONNX Runtime casts the weights to float32 once, when it opens the
model, and computes as fast as before.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

MIN_SIZE = 1000
"""Arrays with fewer elements, such as biases, stay float32: they take little space."""


def store_float16(path: Path) -> None:
    """Rewrite an ONNX file with its large float32 weights stored as float16.

    Args:
        path: the ONNX file, which is overwritten.
    """
    model = onnx.load(path)
    stored: list[TensorProto] = []
    casts: list[NodeProto] = []
    for weights in model.graph.initializer:
        values = numpy_helper.to_array(weights)
        if values.dtype != np.float32 or values.size < MIN_SIZE:
            stored.append(weights)
            continue
        name = f"{weights.name}/float16"
        stored.append(numpy_helper.from_array(values.astype("float16"), name))
        casts.append(helper.make_node("Cast", [name], [weights.name], to=TensorProto.FLOAT))
    del model.graph.initializer[:]
    model.graph.initializer.extend(stored)
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
    onnx.save(model, path)
