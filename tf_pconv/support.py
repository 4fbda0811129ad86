"""Which layers can be pruned, and why others cannot."""

from __future__ import annotations

from typing import Any

import keras

from tf_pconv.patterns import SIDE

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
        size = "x".join(str(side) for side in layer.kernel_size)
        return f"depthwise {size}; patterns are 3x3"
    return None
