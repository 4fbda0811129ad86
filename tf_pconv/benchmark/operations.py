"""Multiply-adds of a model: those of its dense weights, and those that are really needed."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from tf_pconv.lite import flatbuffer, pconv2d

_COUNTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@dataclasses.dataclass(frozen=True)
class Operations:
    """Multiply-adds of one run of a model, in convolutions and fully-connected layers.

    Attributes:
        dense: Dense-equivalent: as if no weight were pruned.
        executed: Those of packed convolutions with weights that are not zero, and all others.
    """

    dense: int
    executed: int


def count_operations(delegated: bytes, dense: bytes) -> Operations:
    """Counts the multiply-adds of a model.

    Args:
        delegated: The file that the delegate runs.
        dense: The same weights, dense.
    """
    packed = _packed_outputs(flatbuffer.parse(delegated))
    model = flatbuffer.parse(dense)
    total = executed = 0
    for place, subgraph in enumerate(model.subgraphs):
        for operator in flatbuffer.items(subgraph.operators):
            if _kind(model, operator) not in _COUNTED:
                continue
            output = int(operator.outputs[0])
            weights = subgraph.tensors[operator.inputs[1]]
            positions = _positions(subgraph.tensors[output])
            size = math.prod(map(int, weights.shape))
            total += size * positions
            kept = _nonzero(model, weights) if (place, output) in packed else size
            executed += kept * positions
    return Operations(total, executed)


def _kind(model: Any, operator: Any) -> str:
    code = flatbuffer.builtin_code(model.operatorCodes[operator.opcodeIndex])
    return flatbuffer.enum_name(flatbuffer.schema().BuiltinOperator, code)


def _positions(output: Any) -> int:
    """Pixels of an image or rows of a matrix: how often each weight is used."""
    *positions, _ = (max(1, int(side)) for side in output.shape)
    return math.prod(positions)


def _nonzero(model: Any, weights: Any) -> int:
    dtype = flatbuffer.enum_name(flatbuffer.schema().TensorType, weights.type).lower()
    return int(np.count_nonzero(model.buffers[weights.buffer].data.view(dtype)))


def _packed_outputs(model: Any) -> set[tuple[int, int]]:
    """Returns subgraph and output of the packed convolutions."""
    return {
        (place, int(operator.outputs[0]))
        for place, subgraph in enumerate(model.subgraphs)
        for operator in flatbuffer.items(subgraph.operators)
        if model.operatorCodes[operator.opcodeIndex].customCode == pconv2d.CUSTOM_CODE
    }
