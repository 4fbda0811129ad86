"""Multiply-adds of a model: those of its dense weights, and those that are really needed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from typing import Any

import numpy as np

from tf_pconv.lite import flatbuffer, pconv2d

_DEPTHWISE = "DEPTHWISE_CONV_2D"
_COUNTED = ("CONV_2D", _DEPTHWISE, "FULLY_CONNECTED")


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
    found = operations_by_output(flatbuffer.parse(dense), packed).values()
    return Operations(sum(each.dense for each in found), sum(each.executed for each in found))


def operations_by_output(
    dense: Any, sparse: Collection[tuple[int, int]]
) -> dict[tuple[int, int], Operations]:
    """Counts the multiply-adds of each convolution and fully-connected layer.

    Args:
        dense: The parsed model, its weights dense.
        sparse: Subgraph and output of the layers that need no weights that are zero; a depthwise
            layer needs all.

    Returns:
        The counts by subgraph and output.
    """
    counts = {}
    for place, subgraph in enumerate(dense.subgraphs):
        for operator in flatbuffer.items(subgraph.operators):
            kind = _kind(dense, operator)
            if kind not in _COUNTED:
                continue
            key = (place, int(operator.outputs[0]))
            positions = _positions(subgraph.tensors[key[1]])
            weights = subgraph.tensors[operator.inputs[1]]
            size = math.prod(map(int, weights.shape))
            skips = key in sparse and kind != _DEPTHWISE
            kept = _nonzero(dense, weights) if skips else size
            counts[key] = Operations(size * positions, kept * positions)
    return counts


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
