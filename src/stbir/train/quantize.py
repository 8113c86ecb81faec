"""Smaller ONNX files: weights stored as 8-bit integers with a scale per output channel, computed with in float32.

Storing is lossy by half a step of 1/127 of a channel's largest weight; computing stays exact on every CPU, because ONNX
Runtime turns the stored integers back into floats when it opens the model. Embedding tables stay integers in memory.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_MIN_ELEMENTS = 2048


def store_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the large weights of convolutions, matrix products and embeddings as int8.

    Args:
        model: A float32 model.

    Returns:
        The model with the same inputs and outputs.
    """
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    uses: dict[str, list[tuple[onnx.NodeProto, int]]] = {}
    for node in graph.node:
        for place, name in enumerate(node.input):
            uses.setdefault(name, []).append((node, place))
    added: list[onnx.NodeProto] = []
    for name, tensor in weights.items():
        users = uses.get(name, [])
        if not users:
            continue
        kinds = {(node.op_type, place) for node, place in users}
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < _MIN_ELEMENTS or len(tensor.dims) < 2:
            continue
        if kinds == {("Gather", 0)}:
            _store_table(graph, tensor, [node for node, _ in users])
        elif kinds <= {("Conv", 1), ("Gemm", 1), ("MatMul", 1)}:
            added += _store_weight(graph, tensor, axis=_channel_axis(users[0][0]))
    kept = list(graph.node)
    del graph.node[:]
    graph.node.extend([*added, *kept])
    onnx.checker.check_model(model)
    return model


def _channel_axis(node: onnx.NodeProto) -> int:
    if node.op_type == "Conv":
        return 0
    transposed = any(a.name == "transB" and a.i == 1 for a in node.attribute)
    return 0 if node.op_type == "Gemm" and transposed else 1


def _quantized(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Integers and their scales; the scales broadcast against the integers."""
    others = tuple(a for a in range(values.ndim) if a != axis)
    scale = np.maximum(np.abs(values).max(axis=others, keepdims=True), 1e-12) / 127.0
    return np.clip(np.round(values / scale), -127, 127).astype(np.int8), scale.astype(np.float32)


def _replace(graph: onnx.GraphProto, old: onnx.TensorProto, new: list[onnx.TensorProto]) -> None:
    graph.initializer.remove(old)
    graph.initializer.extend(new)


def _store_weight(graph: onnx.GraphProto, tensor: onnx.TensorProto, axis: int) -> list[onnx.NodeProto]:
    integers, scale = _quantized(numpy_helper.to_array(tensor), axis)
    name = tensor.name
    _replace(
        graph,
        tensor,
        [numpy_helper.from_array(integers, f"{name}_int8"), numpy_helper.from_array(scale, f"{name}_scale")],
    )
    return [
        helper.make_node("Cast", [f"{name}_int8"], [f"{name}_cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}_cast", f"{name}_scale"], [name]),
    ]


def _store_table(graph: onnx.GraphProto, tensor: onnx.TensorProto, users: list[onnx.NodeProto]) -> None:
    """Look up integers and scales, multiply what was looked up."""
    integers, scale = _quantized(numpy_helper.to_array(tensor), axis=0)
    name = tensor.name
    _replace(
        graph,
        tensor,
        [numpy_helper.from_array(integers, f"{name}_int8"), numpy_helper.from_array(scale, f"{name}_scale")],
    )
    for node in users:
        output, index = node.output[0], node.input[1]
        place = list(graph.node).index(node)
        graph.node.remove(node)
        rows, scales, floats = f"{output}_rows", f"{output}_scales", f"{output}_floats"
        for offset, new in enumerate(
            [
                helper.make_node("Gather", [f"{name}_int8", index], [rows]),
                helper.make_node("Gather", [f"{name}_scale", index], [scales]),
                helper.make_node("Cast", [rows], [floats], to=TensorProto.FLOAT),
                helper.make_node("Mul", [floats, scales], [output]),
            ]
        ):
            graph.node.insert(place + offset, new)
