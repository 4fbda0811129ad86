"""Writes a `.tflite` as ONNX: float32, or int8 with the very same quantisation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tf_pconv.benchmark.contestants.graph import Graph, Operator, Pads, Tensor, to_nchw
from tf_pconv.benchmark.contestants.translation import Filters, Window, Writer

if TYPE_CHECKING:
    import numpy.typing as npt

_OPSET = 17
_IR_VERSION = 8

_UNSIGNED_OFFSET = 128


class _Step(NamedTuple):
    """A node that reads what the one before wrote, and further inputs."""

    kind: str
    inputs: Sequence[str] = ()
    attributes: Mapping[str, Any] = MappingProxyType({})


def to_unsigned(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns the uint8 activation that stands for an int8 one; others stay as they are."""
    return value.view(np.uint8) ^ _UNSIGNED_OFFSET if value.dtype == np.int8 else value


def to_signed(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns the int8 activation that a uint8 one stands for; others stay as they are."""
    return (value ^ _UNSIGNED_OFFSET).view(np.int8) if value.dtype == np.uint8 else value


class OnnxWriter(Writer):
    """Writes a model that computes what a graph computes, in NCHW.

    Quantised tensors pass between operators as 8-bit integers; each operator stands between
    DequantizeLinear and QuantizeLinear (QDQ), which engines fuse into integer kernels.

    Args:
        graph: The graph.
        unsigned: Whether quantised activations are uint8, see `to_unsigned`.

    Raises:
        EngineError: An operator that is not translated.
    """

    format = "ONNX"

    def __init__(self, graph: Graph, *, unsigned: bool = False) -> None:
        import onnx

        self._onnx = onnx
        self._dtype: Any = np.uint8 if unsigned else np.int8
        self._offset = _UNSIGNED_OFFSET if unsigned else 0
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}  # of which operators may share some
        self._graph = graph
        self.add(graph)

    def serialize(self) -> bytes:
        """Returns the bytes of the file."""
        helper = self._onnx.helper

        def values(tensors: tuple[Tensor, ...]) -> list[Any]:
            return [
                helper.make_tensor_value_info(tensor.name, self._type(tensor), _nchw(tensor.shape))
                for tensor in tensors
            ]

        inputs, outputs = values(self._graph.inputs), values(self._graph.outputs)
        made = helper.make_graph(self._nodes, "model", inputs, outputs, [*self._constants.values()])
        opsets = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(made, opset_imports=opsets, ir_version=_IR_VERSION)
        return model.SerializeToString()

    def convolution(
        self, operator: Operator, filters: Filters, window: Window, groups: int
    ) -> None:
        """See `Writer`."""
        inputs = [self._real(operator.source), *self._real_filters(operator, filters)]
        self._compute(operator, _Step("Conv", inputs, {"group": groups, **_attributes(window)}))

    def fully_connected(self, operator: Operator, filters: Filters) -> None:
        """See `Writer`."""
        source = self._real(operator.source, self._flat(operator.source))
        inputs = [source, *self._real_filters(operator, filters)]
        self._compute(operator, _Step("Gemm", inputs, {"transB": 1}))

    def max_pool(self, operator: Operator, window: Window) -> None:
        """See `Writer`."""
        inputs = [self._real(operator.source)]
        self._compute(operator, _Step("MaxPool", inputs, _attributes(window)))

    def mean(self, operator: Operator) -> None:
        """See `Writer`."""
        last = [_Step("Flatten")] if len(operator.output.shape) == 2 else []
        pool = _Step("GlobalAveragePool", [self._real(operator.source)])
        self._compute(operator, pool, last=last)

    def addition(self, operator: Operator) -> None:
        """See `Writer`."""
        self._compute(operator, _Step("Add", [self._real(tensor) for tensor in operator.inputs]))

    def pad(self, operator: Operator, pads: Pads) -> None:
        """See `Writer`."""
        top, left, bottom, right = pads
        sides = np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
        amounts = self._constant(operator.output.name + "_pads", sides)
        self._compute(operator, _Step("Pad", [self._real(operator.source), amounts]))

    def flatten(self, operator: Operator) -> None:
        """See `Writer`."""
        self._node("Identity", [self._flat(operator.source)], operator.output.name)

    def _compute(self, operator: Operator, *steps: _Step, last: Sequence[_Step] = ()) -> None:
        """Adds steps to real numbers, activation, quantisation, and what follows it."""
        result = operator.output.name
        every = [*steps, *self._activation(operator), *self._quantize(operator.output), *last]
        inputs: list[str] = []
        for place, step in enumerate(every):
            name = result if place == len(every) - 1 else f"{result}_{step.kind}"
            self._node(step.kind, [*inputs, *step.inputs], name, **step.attributes)
            inputs = [name]

    def _activation(self, operator: Operator) -> list[_Step]:
        if _implied(operator):
            return []
        if operator.activation == "RELU":
            return [_Step("Relu")]
        name = operator.output.name
        limits = [self._constant(f"{name}_{limit:g}", np.float32(limit)) for limit in (0.0, 6.0)]
        return [_Step("Clip", limits)]

    def _quantize(self, tensor: Tensor) -> list[_Step]:
        return (
            [] if tensor.scales is None else [_Step("QuantizeLinear", self._quantization(tensor))]
        )

    def _real(self, tensor: Tensor, name: str = "") -> str:
        """Returns the name of the real values of an activation."""
        name = name or tensor.name
        if tensor.scales is None:
            return name
        real = f"{name}_real{len(self._nodes)}"
        self._node("DequantizeLinear", [name, *self._quantization(tensor)], real)
        return real

    def _flat(self, tensor: Tensor) -> str:
        """Returns the name of an activation as a row of numbers, in the order of the `.tflite`."""
        if len(tensor.shape) == 2:
            return tensor.name
        name = tensor.name
        if len(tensor.shape) == 4 and tensor.shape[1:3] != (1, 1):
            name = f"{tensor.name}_nhwc{len(self._nodes)}"
            self._node("Transpose", [tensor.name], name, perm=(0, 2, 3, 1))
        flat = f"{tensor.name}_flat{len(self._nodes)}"
        self._node("Flatten", [name], flat)
        return flat

    def _real_filters(self, operator: Operator, filters: Filters) -> list[str]:
        """Returns the names of the real values of weights and, if there is one, bias."""
        weights, bias = filters.weights, filters.bias
        names = [self._real_constant(weights.name, filters.values, weights.scales)]
        if bias is not None:
            scales = filters.scales(operator.source)
            names.append(self._real_constant(bias.name, bias.constant, scales))
        return names

    def _real_constant(
        self, name: str, values: npt.NDArray[Any], scales: npt.NDArray[np.float32] | None
    ) -> str:
        """Adds constants; quantised ones have one scale or one for each filter."""
        if scales is None:
            return self._constant(name, values)
        per_filter = len(scales) > 1
        scales = scales if per_filter else scales[0]
        inputs = [
            self._constant(name, values),
            self._constant(name + "_scale", scales),
            self._constant(name + "_zero", np.zeros(np.shape(scales), values.dtype)),
        ]
        axis = {"axis": 0} if per_filter else {}
        self._node("DequantizeLinear", inputs, name + "_real", **axis)
        return name + "_real"

    def _quantization(self, tensor: Tensor) -> list[str]:
        """Returns the names of scale and zero point."""
        assert tensor.scales is not None
        place = f"{tensor.name}_{len(self._constants)}"
        return [
            self._constant(place + "_scale", np.float32(tensor.scales[0])),
            self._constant(place + "_zero", self._dtype(tensor.zero_point + self._offset)),
        ]

    def _constant(self, name: str, values: Any) -> str:
        array = np.ascontiguousarray(values).reshape(np.shape(values))
        self._constants[name] = self._onnx.numpy_helper.from_array(array, name)
        return name

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [output], **attributes))

    def _type(self, tensor: Tensor) -> int:
        dtype = np.float32 if tensor.scales is None else self._dtype
        return self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


class IntegerOnnxWriter(OnnxWriter):
    """Writes quantised products as ConvInteger and MatMulInteger; activations are uint8."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph, unsigned=True)

    def convolution(
        self, operator: Operator, filters: Filters, window: Window, groups: int
    ) -> None:
        """See `Writer`."""
        if filters.weights.scales is None:
            super().convolution(operator, filters, window, groups)
            return
        source = self._quantized(operator.source)
        settings = {"group": groups, **_attributes(window)}
        self._multiply(operator, source, filters, "ConvInteger", (-1, 1, 1), settings)

    def fully_connected(self, operator: Operator, filters: Filters) -> None:
        """See `Writer`."""
        if filters.weights.scales is None:
            super().fully_connected(operator, filters)
            return
        turned = dataclasses.replace(filters, values=filters.values.T)
        source = self._flat(operator.source)
        self._multiply(operator, source, turned, "MatMulInteger", (-1,), {})

    def _multiply(
        self,
        operator: Operator,
        source: str,
        filters: Filters,
        kind: str,
        per_filter: tuple[int, ...],
        settings: dict[str, Any],
    ) -> None:
        """Adds a product of integers, bias and scales; `per_filter` shapes the latter."""
        weights, bias = filters.weights, filters.bias
        zero_point = self._quantization(operator.source)[1]
        zero = self._constant(weights.name + "_zero", np.int8(0))
        values = self._constant(weights.name, filters.values)
        steps = [_Step(kind, [source, values, zero_point, zero], settings)]
        if bias is not None:
            numbers = self._constant(bias.name, bias.constant.reshape(per_filter))
            steps.append(_Step("Add", [numbers]))
        scales = filters.scales(operator.source)
        assert scales is not None
        factor = self._constant(weights.name + "_scale", scales.reshape(per_filter))
        steps += [_Step("Cast", [], {"to": self._onnx.TensorProto.FLOAT}), _Step("Mul", [factor])]
        self._compute(operator, *steps)

    def _quantized(self, tensor: Tensor) -> str:
        """Returns the name of a quantised activation, an input through a QuantizeLinear of its own.

        DeepSparse takes over from there.
        """
        if tensor not in self._graph.inputs:
            return tensor.name
        quantized = f"{tensor.name}_quantized"
        inputs = [self._real(tensor), *self._quantization(tensor)]
        self._node("QuantizeLinear", inputs, quantized)
        return quantized


def _attributes(window: Window) -> dict[str, Any]:
    return {
        "kernel_shape": window.kernel,
        "strides": window.strides,
        "dilations": window.dilations,
        "pads": window.pads,
    }


def _implied(operator: Operator) -> bool:
    """Whether the range of the quantised output, or the lack of one, makes the activation idle."""
    output = operator.output
    if operator.activation == "NONE":
        return True
    if output.scales is None or output.zero_point != np.iinfo(np.int8).min:
        return False
    steps = np.iinfo(np.int8).max - output.zero_point
    return operator.activation == "RELU" or round(6 / float(output.scales[0])) >= steps


def _nchw(shape: tuple[int, ...]) -> tuple[int, ...]:
    return to_nchw(np.empty(shape, np.bool_)).shape
