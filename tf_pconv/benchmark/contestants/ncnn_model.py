"""Writes a float32 `.tflite` as ncnn's two files: layers as text, weights as bytes."""

from __future__ import annotations

import collections

import numpy as np

from tf_pconv.benchmark.contestants.contestant import EngineError
from tf_pconv.benchmark.contestants.graph import Graph, Operator, Pads, Tensor
from tf_pconv.benchmark.contestants.translation import Filters, Window, Writer

_MAGIC = 7767517
_FLOAT32 = bytes(4)  # marks weights stored as they are
_HWC_ORDER = 3  # of Permute: channels fastest, rows slowest
_ACTIVATIONS = {"NONE": "", "RELU": "9=1", "RELU6": "9=3 -23310=2,0.0,6.0"}


class NcnnWriter(Writer):
    """Writes a net that computes what a float32 graph computes.

    Args:
        graph: The graph.

    Raises:
        EngineError: An operator that is not translated.
    """

    format = "ncnn"

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
        fields = [
            f"0={len(values)} 1={width} 11={height} 2={columns} 12={rows} 3={across} 13={down}",
            f"4={left} 14={top} 15={right} 16={bottom} 5={_count(filters)} 6={values.size}",
            f"7={groups}" if groups > 1 else "",
            _ACTIVATIONS[operator.activation],
        ]
        kind = "ConvolutionDepthWise" if groups > 1 else "Convolution"
        self._layer(kind, [self._read(operator.source)], operator.output.name, *fields)
        self._store(filters)

    def fully_connected(self, operator: Operator, filters: Filters) -> None:
        """See `Writer`."""
        fields = f"0={len(filters.values)} 1={_count(filters)} 2={filters.values.size}"
        activation = _ACTIVATIONS[operator.activation]
        name = self._flat(operator.source)
        self._layer("InnerProduct", [name], operator.output.name, fields, activation)
        self._store(filters)

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

    def _store(self, filters: Filters) -> None:
        if filters.values.dtype != np.float32:
            raise EngineError("ncnn takes float32 models only here.")
        self._weights += [_FLOAT32, filters.values.tobytes()]
        if filters.bias is not None:
            self._weights.append(filters.bias.constant.tobytes())


def _count(filters: Filters) -> int:
    """Returns 1 where there is a bias."""
    return int(filters.bias is not None)
