"""The operators of a `.tflite`, in the form that writers of other formats need."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_pconv.benchmark.contestants.contestant import EngineError
from tf_pconv.lite import flatbuffer

if TYPE_CHECKING:
    import numpy.typing as npt

Pads = tuple[int, int, int, int]
"""Pixels above, left, below and right of an image."""

_DTYPES = {
    "FLOAT32": np.float32,
    "INT8": np.int8,
    "INT32": np.int32,
}


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of a graph.

    Attributes:
        name: Unique in the graph.
        shape: As in the `.tflite`, NHWC.
        data: Its values if it is constant.
        scales: float32, one, or one for each filter; None: not quantised.
        zero_point: What stands for zero.
    """

    name: str
    shape: tuple[int, ...]
    data: npt.NDArray[Any] | None
    scales: npt.NDArray[np.float32] | None
    zero_point: int

    @property
    def constant(self) -> npt.NDArray[Any]:
        """Its values."""
        if self.data is None:
            raise EngineError(f"tensor {self.name} must be constant.")
        return self.data


@dataclasses.dataclass(frozen=True, eq=False)
class Operator:
    """An operator of a graph.

    Attributes:
        kind: Name of the builtin operator.
        inputs: Tensors, without those that were left out.
        output: The one tensor that it writes.
        options: Its options, as the schema has them.
        zeros: Pixels around its input that a PAD in front of it would add.
    """

    kind: str
    inputs: tuple[Tensor, ...]
    output: Tensor
    options: Any
    zeros: Pads = (0, 0, 0, 0)

    @property
    def source(self) -> Tensor:
        """The first thing that it reads."""
        return self.inputs[0]

    @property
    def activation(self) -> str:
        """`NONE`, `RELU` or `RELU6`."""
        value = getattr(self.options, "fusedActivationFunction", 0)
        name = flatbuffer.enum_name(flatbuffer.schema().ActivationFunctionType, value)
        if name not in ("NONE", "RELU", "RELU6"):
            raise EngineError(f"the activation {name} is not translated.")
        return name

    @property
    def strides(self) -> tuple[int, int]:
        """Down and right."""
        return self.options.strideH, self.options.strideW

    @property
    def dilations(self) -> tuple[int, int]:
        """Down and right."""
        return (
            getattr(self.options, "dilationHFactor", 1),
            getattr(self.options, "dilationWFactor", 1),
        )

    @property
    def is_same(self) -> bool:
        """Whether the padding of a convolution or pooling is `SAME`, not `VALID`."""
        return self.options.padding == flatbuffer.schema().Padding.SAME

    @property
    def is_nonnegative(self) -> bool:
        """Whether no number that it writes can be negative."""
        return self.activation != "NONE" or (
            self.output.scales is not None and self.output.zero_point == np.iinfo(np.int8).min
        )

    def pads(self, kernel: Sequence[int]) -> Pads:
        """Returns the padding of a convolution or pooling with a kernel of this height and width.

        An odd pixel of `SAME` goes below and right.
        """
        if not self.is_same:
            return self.zeros
        before, after = [0, 0], [0, 0]
        for axis in range(2):
            side, stride = self.source.shape[1 + axis], self.strides[axis]
            reach = (kernel[axis] - 1) * self.dilations[axis] + 1
            total = max(0, (-(-side // stride) - 1) * stride + reach - side)
            before[axis], after[axis] = total // 2, total - total // 2
        return before[0], before[1], after[0], after[1]


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """A model of one subgraph.

    Attributes:
        inputs: What it reads.
        outputs: What it writes.
        operators: In an order in which they can run.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operators: tuple[Operator, ...]


def read_graph(model: bytes) -> Graph:
    """Reads a `.tflite`; a PAD in front of a window becomes padding of that window.

    Raises:
        EngineError: A file that cannot be put into other formats.
    """
    fb = flatbuffer.schema()
    parsed = flatbuffer.parse(model)
    if len(parsed.subgraphs) != 1:
        raise EngineError("only models of one subgraph are translated.")
    (subgraph,) = parsed.subgraphs
    tensors = [
        _tensor(fb, parsed.buffers, tensor, index) for index, tensor in enumerate(subgraph.tensors)
    ]

    def pick(places: Any) -> tuple[Tensor, ...]:
        return tuple(tensors[place] for place in flatbuffer.items(places) if place >= 0)

    operators = []
    for operator in subgraph.operators:
        code = flatbuffer.builtin_code(parsed.operatorCodes[operator.opcodeIndex])
        kind = flatbuffer.enum_name(fb.BuiltinOperator, code)
        if len(operator.outputs) != 1:
            raise EngineError(f"the operator {kind} with several outputs is not translated.")
        (output,) = pick(operator.outputs)
        operators.append(Operator(kind, pick(operator.inputs), output, operator.builtinOptions))
    graph = Graph(pick(subgraph.inputs), pick(subgraph.outputs), tuple(operators))
    return dataclasses.replace(graph, operators=tuple(_folded(graph)))


def pad_amounts(pad: Operator) -> Pads:
    """Returns the pixels that a PAD adds.

    Raises:
        EngineError: It adds channels or images.
    """
    _, amounts = pad.inputs
    if amounts.shape != (4, 2) or np.any(amounts.constant[[0, 3]]):
        raise EngineError("PAD is translated over height and width only.")
    (top, bottom), (left, right) = amounts.constant[1:3]
    return int(top), int(left), int(bottom), int(right)


def to_nchw(tensor: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Moves the channels of an image before its rows; other tensors stay as they are."""
    return np.ascontiguousarray(tensor.transpose(0, 3, 1, 2)) if tensor.ndim == 4 else tensor


def to_nhwc(tensor: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Moves the channels of an image behind its columns; other tensors stay as they are."""
    return np.ascontiguousarray(tensor.transpose(0, 2, 3, 1)) if tensor.ndim == 4 else tensor


def _folded(graph: Graph) -> list[Operator]:
    """Returns the operators of a graph with fewer PADs, which engines do not expect everywhere."""
    readers = collections.Counter(tensor for each in graph.operators for tensor in each.inputs)
    readers.update(graph.outputs)
    writers = {operator.output: operator for operator in graph.operators}
    operators: list[Operator] = []
    for operator in graph.operators:
        pad = writers.get(operator.source)
        if pad and pad.kind == "PAD" and readers[pad.output] == 1:
            zeros = pad_amounts(pad)
            if _can_pad(operator, zeros, writers.get(pad.source)):
                operators.remove(pad)
                inputs = (pad.source, *operator.inputs[1:])
                operator = dataclasses.replace(operator, inputs=inputs, zeros=zeros)
        operators.append(operator)
    return operators


def _can_pad(operator: Operator, zeros: Pads, before: Operator | None) -> bool:
    """Whether zeros around what `before` writes can be padding of an operator that has none.

    Padding of a maximum takes no part in it, like zeros among numbers that are not negative, and
    no window may lie in it as a whole.
    """
    if operator.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return not operator.is_same
    if operator.kind != "MAX_POOL_2D" or before is None or not before.is_nonnegative:
        return False
    kernel = (operator.options.filterHeight, operator.options.filterWidth)
    return not operator.is_same and max(zeros) < min(kernel)


def _tensor(fb: Any, buffers: Any, tensor: Any, index: int) -> Tensor:
    shape = tuple(int(side) for side in flatbuffer.items(tensor.shape))
    type_name = flatbuffer.enum_name(fb.TensorType, tensor.type)
    if type_name not in _DTYPES:
        raise EngineError(f"tensors of type {type_name} are not translated.")
    content = buffers[tensor.buffer].data
    data = None
    if content is not None and len(content):
        data = np.frombuffer(content.tobytes(), _DTYPES[type_name]).reshape(shape)
    quantization = tensor.quantization
    scales = None if quantization is None else quantization.scale
    if scales is None or not len(scales):
        return Tensor(f"t{index}", shape, data, None, 0)
    zero_points = np.asarray(quantization.zeroPoint)
    if data is not None and np.any(zero_points):
        raise EngineError("constants with a zero point other than 0 are not translated.")
    scales = np.asarray(scales, np.float32)
    return Tensor(f"t{index}", shape, data, scales, int(zero_points[0]))
