"""Which layers can be pruned, and which of them this version's delegate accelerates."""

from __future__ import annotations

from typing import Any

import keras

from tf_pconv.patterns import SIDE

MAXIMUM_STRIDE = 2
"""Largest stride that the delegate takes (docs/fkw.md)."""

_PRUNABLE = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)


def is_prunable_class(layer: Any) -> bool:
    """Whether the layer is of a class that can be wrapped, or of a subclass of one."""
    return isinstance(layer, _PRUNABLE)


def is_exact_class(layer: Any) -> bool:
    """Whether the layer is Keras' own: a subclass may change the kernel before it uses it."""
    return type(layer) in _PRUNABLE


def pruning_refusal(layer: Any) -> str | None:
    """Returns why a layer cannot be pruned, or None."""
    if not isinstance(layer, keras.Layer):
        return f"{type(layer).__module__}.{type(layer).__name__} is not a Keras 3 layer"
    if not is_prunable_class(layer):
        return "not a Conv2D or Dense"
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return "channels_first; pruning needs channels_last"
    if layer.dtype_policy.quantization_mode is not None:
        return "quantised already"
    if getattr(layer, "lora_enabled", False):
        return "LoRA is enabled"
    is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    if is_depthwise and tuple(layer.kernel_size) != (SIDE, SIDE):
        return f"depthwise {_size(layer)}; patterns are 3x3"
    return None


def acceleration_refusal(layer: keras.Layer) -> str | None:
    """Returns why the delegate does not take a pruned layer, or None."""
    if isinstance(layer, keras.layers.Dense):
        return "fully connected"
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return _depthwise_refusal(layer) or _steps_refusal(layer)
    if tuple(layer.kernel_size) not in ((SIDE, SIDE), (1, 1)):
        return f"{_size(layer)} kernels"
    if layer.groups != 1:
        return f"{layer.groups} convolution groups"
    return _steps_refusal(layer)


def acceleration_condition(layer: keras.Layer) -> str:
    """Returns on which condition the delegate takes a layer that it can take, or nothing."""
    return "in int8" if isinstance(layer, keras.layers.DepthwiseConv2D) else ""


def _depthwise_refusal(layer: keras.layers.DepthwiseConv2D) -> str | None:
    from tf_pconv.lite.convolutions import DEPTHWISE_LEAST_CHANNELS

    if layer.depth_multiplier != 1:
        return f"depth multiplier {layer.depth_multiplier}"
    channels = layer.kernel.shape[2]
    if channels < DEPTHWISE_LEAST_CHANNELS:
        return f"{channels} channels"
    return None


def _steps_refusal(layer: keras.Layer) -> str | None:
    if any(rate != 1 for rate in layer.dilation_rate):
        return f"dilation {max(layer.dilation_rate)}"
    if any(stride > MAXIMUM_STRIDE for stride in layer.strides):
        return f"stride {max(layer.strides)}"
    return None


def _size(layer: keras.Layer) -> str:
    return "x".join(str(side) for side in layer.kernel_size)
