"""A convolution of a model as a model of its own."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np

from tf_pconv.lite.convolutions import Convolution
from tf_pconv.lite.flatbuffer import enum_name, schema

_LIMITS = {
    "NONE": (-math.inf, math.inf),
    "RELU": (0.0, math.inf),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU6": (0.0, 6.0),
}
"""Range of the outputs of each fused activation that `PConv2D` knows."""


def isolate(model: Any, convolution: Convolution) -> Any:
    """Returns a `ModelT` of one convolution; its tensors: input, weights, bias if any, output."""
    fb = schema()
    subgraph = model.subgraphs[convolution.subgraph]
    operator = copy.copy(subgraph.operators[convolution.operator])
    used = [int(place) for place in (*operator.inputs, operator.outputs[0])]
    kept = [place for place in used if place != -1]  # -1 stands for no bias.
    code = model.operatorCodes[operator.opcodeIndex]
    operator.opcodeIndex = 0
    operator.inputs = list(range(len(kept) - 1))
    operator.outputs = [len(kept) - 1]
    operator.debugMetadataIndex = -1
    graph, alone = fb.SubGraphT(), fb.ModelT()
    graph.tensors = [copy.copy(subgraph.tensors[place]) for place in kept]
    graph.inputs, graph.outputs = [0], operator.outputs
    graph.operators = [operator]
    alone.version = model.version
    alone.operatorCodes = [code]
    alone.subgraphs = [graph]
    alone.buffers = [fb.BufferT()]
    for tensor in graph.tensors:
        tensor.name = b""  # Interpreters refuse names that are not UTF-8.
        alone.buffers.append(model.buffers[tensor.buffer])
        tensor.buffer = len(alone.buffers) - 1
    return alone


def isolate_dense(model: Any, convolution: Convolution) -> Any:
    """As `isolate`, with dense weights and always a bias: TFLite's CONV_2D does not run without."""
    assert convolution.dense is not None, "the caller has seen to that"
    fb, dense = schema(), convolution.dense
    alone = isolate(model, convolution)
    (graph,) = alone.subgraphs
    (operator,) = graph.operators
    if len(graph.tensors) == 3:
        bias = fb.TensorT()
        bias.type = fb.TensorType.INT32 if dense.dtype == np.int8 else fb.TensorType.FLOAT32
        bias.shape = convolution.shape[:1]
        graph.tensors.insert(2, bias)
        operator.inputs = [0, 1, 2]
        graph.outputs = operator.outputs = [3]
        _make_constant(alone, bias, np.zeros(bias.shape, np.int32))
    graph.tensors[1].sparsity = None
    _make_constant(alone, graph.tensors[1], dense)
    return alone


def take_activation(alone: Any) -> tuple[float, float]:
    """Removes the fused activation of a layer that stands alone; returns the limits it set."""
    fb = schema()
    (operator,) = alone.subgraphs[0].operators
    operator.builtinOptions = copy.copy(operator.builtinOptions)
    activation = enum_name(
        fb.ActivationFunctionType, operator.builtinOptions.fusedActivationFunction
    )
    operator.builtinOptions.fusedActivationFunction = fb.ActivationFunctionType.NONE
    return _LIMITS[activation]


def _make_constant(model: Any, tensor: Any, values: np.ndarray) -> None:
    """Gives a tensor constant values."""
    buffer = schema().BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    tensor.buffer = len(model.buffers)
    model.buffers.append(buffer)
