"""Weights that follow patterns and small `.tflite` files, made without a converter."""

import dataclasses

import numpy as np

from tf_pconv.lite import flatbuffer
from tf_pconv.lite.pattern_weights import ALL_PATTERNS, MASK_BITS


def pattern_weights(rng, filters, channels, group_size=1, kernels=None, patterns=8):
    """Dense float32 weights in TFLite's order; groups are scattered over the filters."""
    library = rng.choice(ALL_PATTERNS, patterns, replace=False)
    kernels = max(1, channels // 3) if kernels is None else kernels
    mask = np.zeros((filters, 9, channels), bool)
    order = rng.permutation(filters)
    for begin in range(0, filters, group_size):
        kept = rng.choice(channels, kernels, replace=False)
        shared = np.zeros((9, channels), bool)
        shared[:, kept] = MASK_BITS[rng.choice(library, kernels)].T
        mask[order[begin : begin + group_size]] = shared
    dense = np.where(mask, rng.normal(size=mask.shape), 0).astype(np.float32)
    return dense.reshape(filters, 3, 3, channels)


def quantize(dense):
    """Per-channel int8 weights and their scales, as TFLite's converter makes them."""
    scales = np.abs(dense).max(axis=(1, 2, 3)) / 127
    scales = np.where(scales > 0, scales, 1).astype(np.float32)
    return np.round(dense / scales[:, None, None, None]).astype(np.int8), scales


@dataclasses.dataclass
class Conv:
    """One convolution of a model to build; `weights` may be shared between convolutions."""

    weights: np.ndarray
    scales: np.ndarray | None = None
    stride: int = 1
    padding: str = "SAME"
    activation: str = "NONE"
    dilation: int = 1
    bias: bool = True


class ModelBuilder:
    """Builds a `.tflite` one tensor and operator at a time, in a single subgraph."""

    def __init__(self):
        self.fb = flatbuffer.schema()
        self.model = self.fb.ModelT()
        self.model.version = flatbuffer.SCHEMA_VERSION
        self.model.description = b"built by a test"
        self.model.operatorCodes = []
        self.model.buffers = [self.fb.BufferT()]
        self.graph = self.fb.SubGraphT()
        self.graph.name = b"main"
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, name, shape, type_name, data=None, scale=None, zero_point=0):
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

    def buffer(self, data):
        """Adds a buffer and returns its index."""
        buffer = self.fb.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def operator(self, name, inputs, outputs, options=None, version=1):
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

    def activation(self, name, shape, int8):
        """Adds a tensor between operators."""
        scale = {"scale": 0.05, "zero_point": 3} if int8 else {}
        return self.tensor(name, shape, "INT8" if int8 else "FLOAT32", **scale)

    def weights(self, conv, name):
        """Adds the weights of a convolution."""
        type_name = "FLOAT32" if conv.scales is None else "INT8"
        return self.tensor(name, conv.weights.shape, type_name, conv.weights, conv.scales)

    def convolution(self, source, conv, name, weights):
        """Adds a convolution and returns its output."""
        fb, int8 = self.fb, conv.scales is not None
        filters = conv.weights.shape[0]
        inputs = [source, weights]
        if conv.bias:
            values = np.linspace(-1, 1, filters)
            data = np.int32(100 * values) if int8 else np.float32(values)
            scale = 0.05 * conv.scales if int8 else None
            type_name = "INT32" if int8 else "FLOAT32"
            inputs.append(self.tensor(name + "/bias", [filters], type_name, data, scale))
        _, height, width, _ = self.graph.tensors[source].shape
        side = [_side(length, conv) for length in (height, width)]
        output = self.activation(name + "/output", [1, *side, filters], int8)
        options = fb.Conv2DOptionsT()
        options.padding = getattr(fb.Padding, conv.padding)
        options.strideH = options.strideW = conv.stride
        options.dilationHFactor = options.dilationWFactor = conv.dilation
        activation = getattr(fb.ActivationFunctionType, conv.activation)
        options.fusedActivationFunction = activation
        self.operator("CONV_2D", inputs, [output], options, version=3 if int8 else 1)
        return output

    def serialize(self):
        """Returns the bytes of the file."""
        return flatbuffer.serialize(self.model)


def _side(length, conv):
    if conv.padding == "SAME":
        return -(-length // conv.stride)
    return (length - 2 * conv.dilation - 1) // conv.stride + 1


def chain(*convs, side=8):
    """Builds convolutions one after another; returns the builder."""
    builder = ModelBuilder()
    channels = convs[0].weights.shape[3]
    tensor = builder.activation("input", [1, side, side, channels], convs[0].scales is not None)
    builder.graph.inputs = [tensor]
    for place, conv in enumerate(convs):
        name = f"conv{place}"
        tensor = builder.convolution(tensor, conv, name, builder.weights(conv, name))
    builder.graph.outputs = [tensor]
    return builder


def assert_same_model(first, second):
    """Compares two parsed objects field by field; arrays by their values."""
    assert type(first) is type(second) or not hasattr(first, "__dict__")
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        assert np.array_equal(first, second)
    elif isinstance(first, list):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same_model(one, other)
    elif hasattr(first, "__dict__"):
        for name in vars(first):
            assert_same_model(getattr(first, name), getattr(second, name))
    else:
        assert first == second
