"""Writes a `.tflite` as ONNX: float32, or int8 with the very same quantisation (QDQ)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tf_pconv.benchmark.contestants.contestant import EngineError
from tf_pconv.benchmark.contestants.graph import Graph, Operator, Tensor, to_nchw

if TYPE_CHECKING:
    import numpy.typing as npt

_OPSET = 17
_IR_VERSION = 8

UNSIGNED_OFFSET = 128
"""What separates the int8 activations of a `.tflite` from uint8 ones of the same values."""


def to_onnx(graph: Graph, *, unsigned: bool = False) -> bytes:
    """Returns an ONNX model that computes what a graph computes, in NCHW.

    Quantised tensors pass between operators as 8-bit integers; each operator stands between
    DequantizeLinear and QuantizeLinear, which engines fuse into integer kernels.

    Args:
        graph: The graph.
        unsigned: Whether quantised activations are uint8, `UNSIGNED_OFFSET` higher, not int8.

    Raises:
        EngineError: An operator that is not translated.
    """
    writer = _Writer(unsigned)
    for operator in graph.operators:
        writer.add(operator)
    return writer.serialize(graph)


class _Writer:
    def __init__(self, unsigned: bool) -> None:
        import onnx

        self._onnx = onnx
        self._dtype: Any = np.uint8 if unsigned else np.int8
        self._offset = UNSIGNED_OFFSET if unsigned else 0
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, operator: Operator) -> None:
        """Adds an operator."""
        translate = _TRANSLATIONS.get(operator.kind)
        if translate is None:
            raise EngineError(f"the operator {operator.kind} is not translated to ONNX.")
        translate(self, operator)

    def serialize(self, graph: Graph) -> bytes:
        helper = self._onnx.helper

        def values(tensors: tuple[Tensor, ...]) -> list[Any]:
            return [
                helper.make_tensor_value_info(tensor.name, self._type(tensor), _nchw(tensor.shape))
                for tensor in tensors
            ]

        made = helper.make_graph(
            self._nodes, "model", values(graph.inputs), values(graph.outputs), self._constants
        )
        opsets = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(made, opset_imports=opsets, ir_version=_IR_VERSION)
        return model.SerializeToString()

    def convolution(self, operator: Operator, *, depthwise: bool = False) -> None:
        source, weights, *bias = operator.inputs
        # Filters, height, width, channels; depthwise: 1, height, width, filters.
        order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
        inputs = [self._real(source), self._weights(weights, weights.constant.transpose(order))]
        kernel = weights.shape[1:3]
        self._compute(
            operator,
            "Conv",
            inputs + self._bias(bias, source, weights),
            kernel_shape=kernel,
            strides=operator.strides,
            dilations=operator.dilations,
            pads=operator.pads(kernel),
            group=source.shape[3] if depthwise else 1,
        )

    def depthwise(self, operator: Operator) -> None:
        self.convolution(operator, depthwise=True)

    def fully_connected(self, operator: Operator) -> None:
        source, weights, *bias = operator.inputs
        name = self._flat(source)
        inputs = [self._real(source, name), self._weights(weights, weights.constant)]
        self._compute(operator, "Gemm", inputs + self._bias(bias, source, weights), transB=1)

    def max_pool(self, operator: Operator) -> None:
        kernel = (operator.options.filterHeight, operator.options.filterWidth)
        self._compute(
            operator,
            "MaxPool",
            [self._real(operator.inputs[0])],
            kernel_shape=kernel,
            strides=operator.strides,
            pads=operator.pads(kernel),
        )

    def mean(self, operator: Operator) -> None:
        source, axes = operator.inputs
        if len(source.shape) != 4 or sorted(axes.constant.ravel() % 4) != [1, 2]:
            raise EngineError("MEAN is translated over height and width only.")
        pooled = operator.output.name + "_pooled"
        self._compute(operator, "GlobalAveragePool", [self._real(source)], result=pooled)
        kind = "Identity" if len(operator.output.shape) == 4 else "Flatten"
        self._node(kind, [pooled], operator.output.name)

    def addition(self, operator: Operator) -> None:
        if any(tensor.data is not None for tensor in operator.inputs):
            raise EngineError("ADD of a constant is not translated.")
        self._compute(operator, "Add", [self._real(tensor) for tensor in operator.inputs])

    def pad(self, operator: Operator) -> None:
        source, amounts = operator.inputs
        before, after = amounts.constant.T
        sides = np.concatenate([before[[0, 3, 1, 2]], after[[0, 3, 1, 2]]]).astype(np.int64)
        name = self._constant(amounts.name, sides)
        self._compute(operator, "Pad", [self._real(source), name], mode="constant")

    def reshape(self, operator: Operator) -> None:
        if len(operator.output.shape) != 2:
            raise EngineError("RESHAPE is translated to two dimensions only.")
        name = self._flat(operator.inputs[0])
        self._node("Identity", [name], operator.output.name)

    def _compute(
        self,
        operator: Operator,
        kind: str,
        inputs: list[str],
        result: str = "",
        **attributes: Any,
    ) -> None:
        """Adds an operator on real numbers, its activation, and the quantisation behind them."""
        output = operator.output
        result = result or output.name
        activation = "" if _implied(operator) else operator.activation
        quantized = output.scales is not None
        name = result + "_computed" if activation or quantized else result
        self._node(kind, inputs, name, **attributes)
        if activation:
            computed, name = name, result + "_activated" if quantized else result
            if activation == "RELU":
                self._node("Relu", [computed], name)
            else:
                limits = [
                    self._constant(f"{name}_{limit}", np.float32(limit)) for limit in (0.0, 6.0)
                ]
                self._node("Clip", [computed, *limits], name)
        if quantized:
            self._node("QuantizeLinear", [name, *self._quantization(output)], result)

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

    def _weights(self, weights: Tensor, values: npt.NDArray[Any]) -> str:
        if weights.scales is None:
            return self._constant(weights.name, values)
        return self._dequantized(weights.name, values, weights.scales)

    def _bias(self, bias: list[Tensor], source: Tensor, weights: Tensor) -> list[str]:
        if not bias:
            return []
        if weights.scales is None or source.scales is None:
            return [self._constant(bias[0].name, bias[0].constant)]
        scales = source.scales * weights.scales
        return [self._dequantized(bias[0].name, bias[0].constant, scales)]

    def _dequantized(
        self, name: str, values: npt.NDArray[Any], scales: npt.NDArray[np.float32]
    ) -> str:
        """Adds quantised constants, with one scale or one for each filter."""
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
        assert tensor.scales is not None
        place = f"{tensor.name}_{len(self._constants)}"
        return [
            self._constant(place + "_scale", np.float32(tensor.scales[0])),
            self._constant(place + "_zero", self._dtype(tensor.zero_point + self._offset)),
        ]

    def _constant(self, name: str, values: Any) -> str:
        array = np.ascontiguousarray(values).reshape(np.shape(values))
        self._constants.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [output], **attributes))

    def _type(self, tensor: Tensor) -> int:
        dtype = np.float32 if tensor.scales is None else self._dtype
        return self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


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
