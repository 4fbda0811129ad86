"""Whether the delegate will accelerate a pruned layer, and why not."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from tf_pconv.methods import PruningTarget
from tf_pconv.patterns import SIDE

if TYPE_CHECKING:
    from tf_pconv.lite.pattern_weights import PatternWeights

MAXIMUM_STRIDE = 2
"""Largest stride that the delegate takes (docs/fkw.md)."""

MOST_KEPT = 0.5
"""Share of 1x1 kernels kept up to which the delegate takes a layer."""

MOST_DIMENSIONS = 4
"""Of the input of a Dense layer."""

_DTYPES = ("float32", "int8")


@dataclasses.dataclass(frozen=True)
class Acceleration:
    """What the delegate will do with a pruned layer.

    Attributes:
        accelerated: Whether it takes the layer.
        reason: Why not, or on which condition; or empty.
    """

    accelerated: bool
    reason: str


def predict_acceleration(layer: keras.Layer, target: PruningTarget) -> Acceleration:
    """Returns whether the delegate will take a built layer that is pruned to a target.

    What it cannot take is known by the layer; where it is slower than a dense one, by its own
    prediction, as packing asks it: the least gain over today's processors, one thread. Without the
    delegate library only the former is said.
    """
    refusal = _refusal(layer, target)
    if refusal is not None:
        return Acceleration(False, refusal)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return _depthwise_acceleration(layer)
    return _predict(layer, target)


def _refusal(layer: keras.Layer, target: PruningTarget) -> str | None:
    """Returns why the delegate cannot take a layer, or None."""
    if isinstance(layer, keras.layers.Dense):
        return _dense_refusal(layer) or _density_refusal(target)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return _depthwise_refusal(layer) or _steps_refusal(layer)
    if tuple(layer.kernel_size) not in ((SIDE, SIDE), (1, 1)):
        return f"{'x'.join(map(str, layer.kernel_size))} kernels"
    if layer.groups != 1:
        return f"{layer.groups} convolution groups"
    return _steps_refusal(layer) or _density_refusal(target)


def _dense_refusal(layer: keras.layers.Dense) -> str | None:
    from tf_pconv.lite.fkw import MAX_CHANNELS

    if max(layer.kernel.shape) > MAX_CHANNELS:
        return f"more than {MAX_CHANNELS:,} inputs"
    dimensions = len(_input_shape(layer) or ())
    return f"inputs of {dimensions} dimensions" if dimensions > MOST_DIMENSIONS else None


def _depthwise_refusal(layer: keras.layers.DepthwiseConv2D) -> str | None:
    from tf_pconv.lite.convolutions import DEPTHWISE_LEAST_CHANNELS

    if layer.depth_multiplier != 1:
        return f"depth multiplier {layer.depth_multiplier}"
    channels = layer.kernel.shape[2]
    if channels < min(DEPTHWISE_LEAST_CHANNELS.values()):
        return f"{channels} channels"
    return None


def _depthwise_acceleration(layer: keras.layers.DepthwiseConv2D) -> Acceleration:
    """Returns in which types the delegate has kernels for a layer that it can take."""
    from tf_pconv.lite.convolutions import DEPTHWISE_LEAST_CHANNELS

    channels = layer.kernel.shape[2]
    types = [dtype for dtype, least in DEPTHWISE_LEAST_CHANNELS.items() if channels >= least]
    return Acceleration(True, "" if len(types) > 1 else f"in {types[0]}")


def _steps_refusal(layer: keras.Layer) -> str | None:
    if any(rate != 1 for rate in layer.dilation_rate):
        return f"dilation {max(layer.dilation_rate)}"
    if any(stride > MAXIMUM_STRIDE for stride in layer.strides):
        return f"stride {max(layer.strides)}"
    return None


def _density_refusal(target: PruningTarget) -> str | None:
    """Returns why a layer without patterns keeps too much, or None."""
    channels = target.shape[-2]
    kernels = channels if target.kernels is None else target.kernels
    is_too_dense = target.library is None and kernels > MOST_KEPT * channels
    return "keeps more than half" if is_too_dense else None


def _input_shape(layer: keras.Layer) -> tuple[int | None, ...] | None:
    """Returns the shape that the layer was built for, with None for what only an input decides."""
    shape = (layer.get_build_config() or {}).get("input_shape")
    return None if shape is None else tuple(shape)


def _predict(layer: keras.Layer, target: PruningTarget) -> Acceleration:
    """Asks the delegate in which types the layer is faster than a dense one."""
    from tf_pconv.lite.prediction import UNKNOWN_SIDE

    channels = target.shape[-2]
    shape = _input_shape(layer) or (None, *(None,) * (len(target.shape) - 2), channels)
    sides = shape[1:-1]
    assumed = ""
    if None in sides:
        size = "x".join(str(side or UNKNOWN_SIDE) for side in sides)
        assumed = f"at a size of {size}"
    gains = [_least_gain(layer, target, dtype, shape) for dtype in _DTYPES]
    known = {dtype: gain for dtype, gain in zip(_DTYPES, gains, strict=True) if gain is not None}
    if not known:
        return Acceleration(True, "")
    faster = [dtype for dtype, gain in known.items() if gain >= 1]
    if not faster:
        kind = "layer" if isinstance(layer, keras.layers.Dense) else "convolution"
        words = ["a dense", kind, "is expected to be faster", assumed]
        return Acceleration(False, " ".join(words).strip())
    conditions = [assumed] if len(faster) > 1 else [f"in {faster[0]}", assumed]
    return Acceleration(True, ", ".join(filter(None, conditions)))


def _least_gain(
    layer: keras.Layer, target: PruningTarget, dtype: str, input_shape: Sequence[int | None]
) -> float | None:
    """Returns the gain over dense on the processor where it is least; None: no library to ask."""
    from tf_pconv.lite import fkw
    from tf_pconv.lite.prediction import predict_least_speedup

    try:
        return predict_least_speedup(
            fkw.encode(_stand_in(target, dtype)),
            getattr(layer, "strides", (1, 1)),
            getattr(layer, "padding", "valid") == "same",
            [-1 if side is None else side for side in input_shape],
        )
    except (OSError, RuntimeError):
        return None


def _stand_in(target: PruningTarget, dtype: str) -> PatternWeights:
    """Returns weights of the size of the target's: the prediction counts kernels, wherever."""
    from tf_pconv.lite.pattern_weights import POINTWISE_PATTERNS, PatternWeights

    side, _, channels, filters = target.convolution_shape
    kernels = channels if target.kernels is None else target.kernels
    groups = -(-filters // target.group_size)
    patterns = POINTWISE_PATTERNS
    if target.library is not None:
        patterns = np.array(target.library.masks[:1], np.uint16)
    return PatternWeights(
        filters,
        channels,
        target.group_size,
        patterns=patterns,
        filter_order=np.arange(filters, dtype=np.int32),
        group_begin=np.arange(groups + 1) * kernels,
        kernel_channels=np.tile(np.arange(kernels, dtype=np.int32), groups),
        kernel_patterns=np.zeros(kernels * groups, np.int32),
        values=np.ones(target.weights_kept, dtype),
        scales=np.ones(filters, np.float32) if dtype == "int8" else None,
        kernel_size=side,
    )
