"""The operators of a `.tflite`, in the form that writers of other formats need."""

from __future__ import annotations

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
    """

    kind: str
    inputs: tuple[Tensor, ...]
    output: Tensor
    options: Any

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

    def pads(self, kernel: Sequence[int]) -> Pads:
        """Returns the padding of a convolution or pooling with a kernel of this height and width.

        An odd pixel of `SAME` goes below and right.
        """
        before, after = [0, 0], [0, 0]
        if self.options.padding == flatbuffer.schema().Padding.SAME:
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
    """Reads a `.tflite`.

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
    return Graph(pick(subgraph.inputs), pick(subgraph.outputs), tuple(operators))


def to_nchw(tensor: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Moves the channels of an image before its rows; other tensors stay as they are."""
    return np.ascontiguousarray(tensor.transpose(0, 3, 1, 2)) if tensor.ndim == 4 else tensor


def to_nhwc(tensor: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Moves the channels of an image behind its columns; other tensors stay as they are."""
    return np.ascontiguousarray(tensor.transpose(0, 2, 3, 1)) if tensor.ndim == 4 else tensor


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
