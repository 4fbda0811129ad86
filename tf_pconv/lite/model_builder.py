"""Builds small `.tflite` files directly, without a converter."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_pconv.lite import flatbuffer

Quantization = tuple[float, int]
"""Scale and zero point of an int8 activation."""


@dataclasses.dataclass(eq=False)
class Conv:
    """One convolution of a model to build.

    Attributes:
        weights: (filters, height, width, channels), float32 or int8.
        scales: float32 (filters,), quantisation scale of each filter; None for float32.
        bias: (filters,), float32, or int32 in units of input scale times filter scale; None: none.
        quantization: Of the output, for int8.
        stride: Of both axes.
        padding: `"SAME"` or `"VALID"`.
        activation: Name of a fused activation of TensorFlow Lite.
        dilation: Of both axes.
    """

    weights: npt.NDArray[Any]
    scales: npt.NDArray[np.float32] | None = None
    bias: npt.NDArray[Any] | None = None
    quantization: Quantization | None = None
    stride: int = 1
    padding: str = "SAME"
    activation: str = "NONE"
    dilation: int = 1

    def output_side(self, length: int, kernel: int) -> int:
        """Returns the output's height or width for an input of `length` pixels."""
        if self.padding == "SAME":
            return -(-length // self.stride)
        return (length - self.dilation * (kernel - 1) - 1) // self.stride + 1


@dataclasses.dataclass(eq=False)
class FullyConnected:
    """One fully-connected layer of a model to build.

    Attributes:
        weights: (filters, channels), float32 or int8.
        scales: float32, quantisation scale of each filter, or one for all; None for float32.
        bias: (filters,), float32, or int32 in units of input scale times filter scale; None: none.
        quantization: Of the output, for int8.
        activation: Name of a fused activation of TensorFlow Lite.
        keep_dimensions: Whether the output has the dimensions of the input, not two.
    """

    weights: npt.NDArray[Any]
    scales: npt.NDArray[np.float32] | None = None
    bias: npt.NDArray[Any] | None = None
    quantization: Quantization | None = None
    activation: str = "NONE"
    keep_dimensions: bool = False


class ModelBuilder:
    """Builds a `.tflite` one tensor and operator at a time, in a single subgraph.

    Attributes:
        fb: The schema's module.
        model: The file as objects of the schema.
        graph: Its subgraph.
    """

    def __init__(self) -> None:
        self.fb = flatbuffer.schema()
        self.model = self.fb.ModelT()
        self.model.version = flatbuffer.SCHEMA_VERSION
        self.model.description = b"tf_pconv"
        self.model.operatorCodes = []
        self.model.buffers = [self.fb.BufferT()]
        self.graph = self.fb.SubGraphT()
        self.graph.name = b"main"
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self,
        name: str,
        shape: Any,
        type_name: str,
        data: npt.NDArray[Any] | None = None,
        scale: Any = None,
        zero_point: int = 0,
    ) -> int:
        """Adds a tensor, constant where it has data, and returns its index."""
        tensor = self.fb.TensorT()
        tensor.name, tensor.shape = name.encode(), list(shape)
        tensor.type = getattr(self.fb.TensorType, type_name)
        tensor.hasRank = True
        tensor.quantization = self.fb.QuantizationParametersT()
        if scale is not None:
            tensor.quantization.scale = np.atleast_1d(np.float32(scale))
            count = len(tensor.quantization.scale)
            tensor.quantization.zeroPoint = np.full(count, zero_point, np.int64)
        if data is not None:
            tensor.buffer = self.buffer(data.tobytes())
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def buffer(self, data: bytes) -> int:
        """Adds a buffer and returns its index."""
        buffer = self.fb.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def operator(
        self, name: str, inputs: Any, outputs: Any, options: Any = None, version: int = 1
    ) -> None:
        """Adds a builtin operator."""
        builtin = getattr(self.fb.BuiltinOperator, name)
        known = [(code.builtinCode, code.version) for code in self.model.operatorCodes]
        if (builtin, version) not in known:
            code = self.fb.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = builtin
            code.version = version
            self.model.operatorCodes.append(code)
            known.append((builtin, version))
        operator = self.fb.OperatorT()
        operator.opcodeIndex = known.index((builtin, version))
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if options is not None:
            operator.builtinOptions = options
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(self.fb.BuiltinOptions, kind)
        self.graph.operators.append(operator)

    def activation(self, name: str, shape: Any, quantization: Quantization | None = None) -> int:
        """Adds a tensor between operators: int8 where it is quantised, else float32."""
        if quantization is None:
            return self.tensor(name, shape, "FLOAT32")
        scale, zero_point = quantization
        return self.tensor(name, shape, "INT8", scale=scale, zero_point=zero_point)

    def weights(self, layer: Conv | FullyConnected, name: str) -> int:
        """Adds the weights of a layer."""
        type_name = "FLOAT32" if layer.scales is None else "INT8"
        return self.tensor(name, layer.weights.shape, type_name, layer.weights, layer.scales)

    def bias(self, source: int, layer: Conv | FullyConnected, name: str) -> int:
        """Adds the bias, which it must have, of a layer with that input."""
        assert layer.bias is not None
        if layer.scales is None:
            return self.tensor(name, layer.bias.shape, "FLOAT32", layer.bias)
        scale = self.graph.tensors[source].quantization.scale[0] * layer.scales
        return self.tensor(name, layer.bias.shape, "INT32", layer.bias, scale)

    def convolution(self, source: int, conv: Conv, name: str, weights: int) -> int:
        """Adds a convolution and returns its output."""
        filters, *kernel, _ = conv.weights.shape
        inputs = [source, weights]
        if conv.bias is not None:
            inputs.append(self.bias(source, conv, name + "/bias"))
        _, *sides, _ = self.graph.tensors[source].shape
        sides = [conv.output_side(*lengths) for lengths in zip(sides, kernel, strict=True)]
        output = self.activation(name + "/output", [1, *sides, filters], conv.quantization)
        options = self.fb.Conv2DOptionsT()
        options.padding = getattr(self.fb.Padding, conv.padding)
        options.strideH = options.strideW = conv.stride
        options.dilationHFactor = options.dilationWFactor = conv.dilation
        activation = getattr(self.fb.ActivationFunctionType, conv.activation)
        options.fusedActivationFunction = activation
        version = 1 if conv.scales is None else 3
        self.operator("CONV_2D", inputs, [output], options, version)
        return output

    def fully_connected(self, source: int, layer: FullyConnected, name: str, weights: int) -> int:
        """Adds a fully-connected layer and returns its output."""
        inputs = [source, weights]
        if layer.bias is not None:
            inputs.append(self.bias(source, layer, name + "/bias"))
        *leading, _ = self.graph.tensors[source].shape
        if not layer.keep_dimensions:
            leading = [math.prod(leading)]
        shape = [*leading, len(layer.weights)]
        output = self.activation(name + "/output", shape, layer.quantization)
        options = self.fb.FullyConnectedOptionsT()
        activation = getattr(self.fb.ActivationFunctionType, layer.activation)
        options.fusedActivationFunction = activation
        options.keepNumDims = layer.keep_dimensions
        self.operator("FULLY_CONNECTED", inputs, [output], options, self._version(layer))
        return output

    @staticmethod
    def _version(layer: FullyConnected) -> int:
        """The first version of FULLY_CONNECTED that knows what the layer uses."""
        if layer.scales is not None and len(layer.scales) > 1:
            return 12
        if layer.bias is None:
            return 6
        if layer.keep_dimensions:
            return 5
        return 1 if layer.scales is None else 4

    def serialize(self) -> bytes:
        """Returns the bytes of the file."""
        return flatbuffer.serialize(self.model)


def chain(*convs: Conv, side: int, quantization: Quantization | None = None) -> ModelBuilder:
    """Builds convolutions one after another.

    Args:
        *convs: The convolutions.
        side: Height and width of the input, in pixels.
        quantization: Of the input, for int8.

    Returns:
        The builder, whose model is complete.
    """
    builder = ModelBuilder()
    channels = convs[0].weights.shape[3]
    tensor = builder.activation("input", [1, side, side, channels], quantization)
    builder.graph.inputs = [tensor]
    for place, conv in enumerate(convs):
        name = f"conv{place}"
        tensor = builder.convolution(tensor, conv, name, builder.weights(conv, name))
    builder.graph.outputs = [tensor]
    return builder


def quantize_weights(
    dense: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Returns int8 weights and the scales of their filters, as TensorFlow Lite's converter does."""
    scales = np.abs(dense).max(axis=(1, 2, 3)) / 127
    scales = np.where(scales > 0, scales, 1).astype(np.float32)
    return np.round(dense / scales[:, None, None, None]).astype(np.int8), scales
