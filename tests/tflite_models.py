"""Weights that follow patterns and small `.tflite` files, made without a converter."""

import numpy as np

from tf_pconv.lite import model_builder
from tf_pconv.lite.model_builder import ModelBuilder
from tf_pconv.lite.model_builder import quantize_weights as quantize
from tf_pconv.lite.pattern_weights import ALL_PATTERNS, MASK_BITS

__all__ = ["Conv", "ModelBuilder", "assert_same_model", "chain", "pattern_weights", "quantize"]

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
