"""Writes a float32 `.tflite` as ncnn's two files: layers as text, weights as bytes."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_pconv.benchmark.contestants.contestant import EngineError
from tf_pconv.benchmark.contestants.graph import Graph, Operator, Tensor

if TYPE_CHECKING:
    import numpy.typing as npt

_MAGIC = 7767517
_FLOAT32 = bytes(4)  # marks weights stored as they are
_HWC_ORDER = 3  # of Permute: channels fastest, rows slowest
_ACTIVATIONS = {"NONE": "", "RELU": "9=1", "RELU6": "9=3 -23310=2,0.0,6.0"}


def to_ncnn(graph: Graph) -> tuple[str, bytes]:
    """Returns the content of the `.param` and the `.bin` file of a graph.

    Raises:
        EngineError: An operator that is not translated.
    """
    writer = _Writer(graph)
    for operator in graph.operators:
        writer.add(operator)
    return writer.finish()


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self._lines: list[str] = []
        self._weights: list[bytes] = []
        self._blobs = 0
        # A blob of ncnn has one reader; Split makes copies for several.
        self._readers = collections.Counter(
            tensor.name for operator in graph.operators for tensor in operator.inputs
        )
        self._copies: dict[str, list[str]] = {}
        for tensor in graph.inputs:
            self._layer("Input", [], tensor.name)

    def add(self, operator: Operator) -> None:
        """Adds an operator."""
        translate = _TRANSLATIONS.get(operator.kind)
        if translate is None:
            raise EngineError(f"the operator {operator.kind} is not translated to ncnn.")
        translate(self, operator)

    def finish(self) -> tuple[str, bytes]:
        header = f"{_MAGIC}\n{len(self._lines)} {self._blobs}\n"
        return header + "\n".join(self._lines) + "\n", b"".join(self._weights)

    def convolution(self, operator: Operator, *, depthwise: bool = False) -> None:
        source, weights, *bias = operator.inputs
        _, height, width, _ = weights.shape
        values = weights.constant.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
        top, left, bottom, right = operator.pads((height, width))
        down, across = operator.strides
        rows, columns = operator.dilations
        fields = [
            f"0={len(values)} 1={width} 11={height} 2={columns} 12={rows} 3={across} 13={down}",
            f"4={left} 14={top} 15={right} 16={bottom} 5={len(bias)} 6={values.size}",
            f"7={source.shape[3]}" if depthwise else "",
            _ACTIVATIONS[operator.activation],
        ]
        kind = "ConvolutionDepthWise" if depthwise else "Convolution"
        self._layer(kind, [self._read(source)], operator.output.name, *fields)
        self._store(values, bias)

    def depthwise(self, operator: Operator) -> None:
        self.convolution(operator, depthwise=True)

    def fully_connected(self, operator: Operator) -> None:
        source, weights, *bias = operator.inputs
        values = weights.constant
        fields = f"0={len(values)} 1={len(bias)} 2={values.size}"
        activation = _ACTIVATIONS[operator.activation]
        name = self._flat(source)
        self._layer("InnerProduct", [name], operator.output.name, fields, activation)
        self._store(values, bias)

    def max_pool(self, operator: Operator) -> None:
        height, width = operator.options.filterHeight, operator.options.filterWidth
        top, left, bottom, right = operator.pads((height, width))
        down, across = operator.strides
        fields = (
            f"0=0 1={width} 11={height} 2={across} 12={down} "
            f"3={left} 13={top} 14={right} 15={bottom} 5=1"
        )
        self._activated(operator, "Pooling", [self._read(operator.inputs[0])], fields)

    def mean(self, operator: Operator) -> None:
        source, axes = operator.inputs
        if len(source.shape) != 4 or sorted(axes.constant.ravel() % 4) != [1, 2]:
            raise EngineError("MEAN is translated over height and width only.")
        self._layer("Pooling", [self._read(source)], operator.output.name, "0=1 4=1")

    def addition(self, operator: Operator) -> None:
        if any(tensor.data is not None for tensor in operator.inputs):
            raise EngineError("ADD of a constant is not translated.")
        names = [self._read(tensor) for tensor in operator.inputs]
        self._activated(operator, "BinaryOp", names, "0=0")

    def pad(self, operator: Operator) -> None:
        source, amounts = operator.inputs
        if np.any(amounts.constant[[0, 3]]):
            raise EngineError("PAD is translated over height and width only.")
        (top, bottom), (left, right) = amounts.constant[1:3]
        fields = f"0={top} 1={bottom} 2={left} 3={right} 4=0 5=0.0"
        self._layer("Padding", [self._read(source)], operator.output.name, fields)

    def reshape(self, operator: Operator) -> None:
        if len(operator.output.shape) != 2:
            raise EngineError("RESHAPE is translated to two dimensions only.")
        self._layer("Noop", [self._flat(operator.inputs[0])], operator.output.name)

    def _activated(self, operator: Operator, kind: str, inputs: list[str], fields: str) -> None:
        """Adds a layer that has no activation of its own, and its activation."""
        name = operator.output.name
        if operator.activation == "NONE":
            self._layer(kind, inputs, name, fields)
            return
        self._layer(kind, inputs, name + "_linear", fields)
        if operator.activation == "RELU":
            self._layer("ReLU", [name + "_linear"], name)
        else:
            self._layer("Clip", [name + "_linear"], name, "0=0.0 1=6.0")

    def _flat(self, tensor: Tensor) -> str:
        """Returns the blob of an activation as a row of numbers, in the order of the `.tflite`."""
        name = self._read(tensor)
        if len(tensor.shape) != 4:
            return name
        ordered, flat = (f"{tensor.name}_{what}{self._blobs}" for what in ("hwc", "flat"))
        self._layer("Permute", [name], ordered, f"0={_HWC_ORDER}")
        self._layer("Flatten", [ordered], flat)
        return flat

    def _read(self, tensor: Tensor) -> str:
        """Returns the name of a blob for one reader of an activation."""
        name, readers = tensor.name, self._readers[tensor.name]
        if readers == 1:
            return name
        if name not in self._copies:
            copies = [f"{name}_copy{place}" for place in range(readers)]
            self._layer("Split", [name], " ".join(copies))
            self._copies[name] = copies
        return self._copies[name].pop()

    def _layer(self, kind: str, inputs: list[str], output: str, *fields: str) -> None:
        count = len(output.split())
        parts = [kind, f"layer{len(self._lines)}", len(inputs), count, *inputs, output, *fields]
        self._lines.append(" ".join(str(part) for part in parts if part != ""))
        self._blobs += count

    def _store(self, values: npt.NDArray[Any], bias: list[Tensor]) -> None:
        if values.dtype != np.float32:
            raise EngineError("ncnn takes float32 models only here.")
        self._weights += [_FLOAT32, values.tobytes(), *(each.constant.tobytes() for each in bias)]


_TRANSLATIONS = {
    "CONV_2D": _Writer.convolution,
    "DEPTHWISE_CONV_2D": _Writer.depthwise,
    "FULLY_CONNECTED": _Writer.fully_connected,
    "MAX_POOL_2D": _Writer.max_pool,
    "MEAN": _Writer.mean,
    "ADD": _Writer.addition,
    "PAD": _Writer.pad,
    "RESHAPE": _Writer.reshape,
}
