"""Writes a `.tflite` as ncnn's two files: layers as text, weights as bytes.

ncnn's int8 knows no zero points: weights and biases are those of the `.tflite`, but activations are
quantised anew, symmetrically, so that those behind a RELU have half as many steps.
"""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

import numpy as np

from tf_pconv.benchmark.contestants.contestant import EngineError
from tf_pconv.benchmark.contestants.graph import Graph, Operator, Pads, Tensor
from tf_pconv.benchmark.contestants.translation import Filters, Window, Writer

if TYPE_CHECKING:
    import numpy.typing as npt

_MAGIC = 7767517
_TAGS = {np.dtype(np.float32): 0, np.dtype(np.int8): 0x000D4B38}
_TO_FLOAT32, _TO_INT8 = 1, 101  # what a layer with int8 weights writes
_LARGEST = 127
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_HWC_ORDER = 3  # of Permute: channels fastest, rows slowest
_ACTIVATIONS = {"NONE": "", "RELU": "9=1", "RELU6": "9=3 -23310=2,0.0,6.0"}


def unit(tensor: Tensor) -> np.float32:
    """Returns the step of a symmetric int8 that has the range of a quantised tensor."""
    assert tensor.scales is not None
    return tensor.scales[0] * np.float32((_LARGEST + abs(tensor.zero_point)) / _LARGEST)


class NcnnWriter(Writer):
    """Writes a net that computes what a graph computes.

    Args:
        graph: The graph.

    Attributes:
        integers: Quantised activations that pass as int8, in steps of their `unit`. Others, among
            them all that layers other than convolutions read or write, are float32.

    Raises:
        EngineError: An operator that is not translated.
    """

    format = "ncnn"

    def __init__(self, graph: Graph) -> None:
        self.integers = _between_convolutions(graph)
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
        self.add(graph)

    def serialize(self) -> tuple[str, bytes]:
        """Returns the content of the `.param` and the `.bin` file."""
        header = f"{_MAGIC}\n{len(self._lines)} {self._blobs}\n"
        return header + "\n".join(self._lines) + "\n", b"".join(self._weights)

    def convolution(
        self, operator: Operator, filters: Filters, window: Window, groups: int
    ) -> None:
        """See `Writer`."""
        height, width = window.kernel
        top, left, bottom, right = window.pads
        down, across = window.strides
        rows, columns = window.dilations
        values = filters.values
        if filters.weights.scales is not None and groups not in (1, len(values)):
            raise EngineError("ncnn takes int8 depthwise filters only one for each channel.")
        fields = [
            f"0={len(values)} 1={width} 11={height} 2={columns} 12={rows} 3={across} 13={down}",
            f"4={left} 14={top} 15={right} 16={bottom} 5={_count(filters)} 6={values.size}",
            f"7={groups}" if groups > 1 else "",
            _ACTIVATIONS[operator.activation],
            self._result(operator),
        ]
        kind = "ConvolutionDepthWise" if groups > 1 else "Convolution"
        self._layer(kind, [self._read(operator.source)], operator.output.name, *fields)
        self._store(operator, filters)

    def fully_connected(self, operator: Operator, filters: Filters) -> None:
        """See `Writer`."""
        fields = f"0={len(filters.values)} 1={_count(filters)} 2={filters.values.size}"
        more = _ACTIVATIONS[operator.activation], self._result(operator)
        name = self._flat(operator.source)
        self._layer("InnerProduct", [name], operator.output.name, fields, *more)
        self._store(operator, filters)

    def max_pool(self, operator: Operator, window: Window) -> None:
        """See `Writer`."""
        height, width = window.kernel
        top, left, bottom, right = window.pads
        down, across = window.strides
        fields = (
            f"0=0 1={width} 11={height} 2={across} 12={down} "
            f"3={left} 13={top} 14={right} 15={bottom} 5=1"
        )
        self._activated(operator, "Pooling", [self._read(operator.source)], fields)

    def mean(self, operator: Operator) -> None:
        """See `Writer`."""
        self._layer("Pooling", [self._read(operator.source)], operator.output.name, "0=1 4=1")

    def addition(self, operator: Operator) -> None:
        """See `Writer`."""
        names = [self._read(tensor) for tensor in operator.inputs]
        self._activated(operator, "BinaryOp", names, "0=0")

    def pad(self, operator: Operator, pads: Pads) -> None:
        """See `Writer`."""
        top, left, bottom, right = pads
        fields = f"0={top} 1={bottom} 2={left} 3={right} 4=0 5=0.0"
        self._layer("Padding", [self._read(operator.source)], operator.output.name, fields)

    def flatten(self, operator: Operator) -> None:
        """See `Writer`."""
        self._layer("Noop", [self._flat(operator.source)], operator.output.name)

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

    def _result(self, operator: Operator) -> str:
        """Returns what tells that weights are int8, and the type of what their layer writes."""
        if operator.output.scales is None:
            return ""
        return f"8={_TO_INT8 if operator.output in self.integers else _TO_FLOAT32}"

    def _store(self, operator: Operator, filters: Filters) -> None:
        values, scales = filters.values, filters.weights.scales
        padding = bytes(-values.nbytes % 4)
        self._weights += [_bytes(_TAGS[values.dtype], np.uint32), values.tobytes(), padding]
        if filters.bias is not None:
            bias, bias_scales = filters.bias.constant, filters.scales(operator.source)
            self._weights.append(_bytes(bias if bias_scales is None else bias * bias_scales))
        if scales is not None:
            units = [unit(operator.source)]
            if operator.output in self.integers:
                units.append(unit(operator.output))
            per_filter = np.broadcast_to(scales, len(values))
            self._weights += [_bytes(1 / per_filter), _bytes(1 / np.array(units))]


def _between_convolutions(graph: Graph) -> frozenset[Tensor]:
    """Returns quantised activations that nothing but convolutions, if anything, writes or reads."""
    others = {
        tensor
        for operator in graph.operators
        if operator.kind not in _CONVOLUTIONS
        for tensor in (*operator.inputs, operator.output)
    }
    activations = {*graph.inputs, *(operator.output for operator in graph.operators)}
    return frozenset(tensor for tensor in activations - others if tensor.scales is not None)


def _count(filters: Filters) -> int:
    """Returns 1 where there is a bias."""
    return int(filters.bias is not None)


def _bytes(values: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> bytes:
    return np.asarray(values, dtype).tobytes()
