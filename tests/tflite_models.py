"""Weights that follow patterns and small `.tflite` files, made without a converter."""

import dataclasses

import numpy as np

from tf_pconv.lite import model_builder
from tf_pconv.lite.model_builder import ModelBuilder
from tf_pconv.lite.model_builder import quantize_weights as quantize
from tf_pconv.lite.pattern_weights import ALL_PATTERNS, MASK_BITS

__all__ = [
    "Conv",
    "DepthwiseCase",
    "ModelBuilder",
    "assert_same_model",
    "chain",
    "connected",
    "pattern_weights",
    "quantize",
]

QUANTIZATION = (0.05, 3)


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


def connected(rng, filters, channels, group_size, kept):
    """Dense weights (filters, 1, 1, channels); scattered groups keep `kept` channels."""
    mask = np.zeros((filters, channels), bool)
    order = rng.permutation(filters)
    for begin in range(0, filters, group_size):
        channel = rng.choice(channels, kept, replace=False)
        mask[np.ix_(order[begin : begin + group_size], channel)] = True
    dense = np.where(mask, rng.normal(size=mask.shape), 0).astype(np.float32)
    return dense.reshape(filters, 1, 1, channels)


class Conv(model_builder.Conv):
    """A convolution whose filters have different biases."""

    def __init__(self, weights, scales=None, *, bias=True, **options):
        rising = np.linspace(-1, 1, len(weights))
        values = np.float32(rising) if scales is None else np.int32(100 * rising)
        quantization = None if scales is None else QUANTIZATION
        super().__init__(weights, scales, values if bias else None, quantization, **options)


def chain(*convs, side=8):
    """Builds convolutions one after another; returns the builder."""
    return model_builder.chain(*convs, side=side, quantization=convs[0].quantization)


@dataclasses.dataclass(frozen=True)
class DepthwiseCase:
    """A depthwise convolution of random dense weights; a model by itself."""

    channels: int
    side: int = 8
    dtype: str = "int8"
    stride: int = 1
    padding: str = "SAME"
    activation: str = "NONE"
    multiplier: int = 1
    kernel: int = 3
    dilation: int = 1

    def build(self, rng):
        """Returns the bytes of the file."""
        filters = self.channels * self.multiplier
        weights = rng.normal(size=(filters, self.kernel, self.kernel, 1)).astype(np.float32)
        scales, quantization = None, None
        if self.dtype == "int8":
            weights, scales = quantize(weights)
            quantization = QUANTIZATION
        conv = Conv(weights, scales, stride=self.stride, padding=self.padding,
                    dilation=self.dilation)  # fmt: skip
        builder = ModelBuilder()
        shape = [1, self.side, self.side, self.channels]
        source = builder.activation("input", shape, quantization)
        tensor = builder.weights(conv, "depthwise")
        bias = builder.bias(source, conv, "bias")
        # Depthwise weights are one filter of all channels.
        builder.graph.tensors[tensor].shape = [1, self.kernel, self.kernel, filters]
        dense = np.ascontiguousarray(weights.transpose(3, 1, 2, 0))
        data = np.frombuffer(dense.tobytes(), np.uint8)
        builder.model.buffers[builder.graph.tensors[tensor].buffer].data = data
        builder.graph.tensors[tensor].quantization.quantizedDimension = 3
        length = conv.output_side(self.side, self.kernel)
        output = builder.activation("output", [1, length, length, filters], quantization)
        options = builder.fb.DepthwiseConv2DOptionsT()
        options.padding = getattr(builder.fb.Padding, self.padding)
        options.strideH = options.strideW = self.stride
        options.dilationHFactor = options.dilationWFactor = self.dilation
        options.depthMultiplier = self.multiplier
        activation = getattr(builder.fb.ActivationFunctionType, self.activation)
        options.fusedActivationFunction = activation
        version = 1 if scales is None else 3
        builder.operator("DEPTHWISE_CONV_2D", [source, tensor, bias], [output], options, version)
        builder.graph.inputs, builder.graph.outputs = [source], [output]
        return builder.serialize()


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
