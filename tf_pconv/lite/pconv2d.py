"""The custom operator `PConv2D`: its code and its options, as `docs/fkw.md` describes them."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

from tf_pconv.lite.flatbuffer import enum_name, schema

CUSTOM_CODE = b"PConv2D"
OPERATOR_VERSION = 1

MOST_STRIDE = 2
"""Largest stride of a `PConv2D`."""

_OPTIONS = struct.Struct("<8B")
_OPTIONS_VERSION = 1
_ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")
_BUILTINS = ("CONV_2D", "FULLY_CONNECTED")


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of a `PConv2D`.

    Attributes:
        builtin: What the operator stands for: `CONV_2D` or `FULLY_CONNECTED`.
        conv: `Conv2DOptionsT` of the convolution that it computes.
    """

    builtin: str
    conv: Any


def convolution_options(options: Any) -> Any:
    """Returns the `Conv2DOptionsT` of the 1x1 convolution that a FULLY_CONNECTED is.

    Args:
        options: Its `FullyConnectedOptionsT`.

    Raises:
        ValueError: The delegate does not take them; the message is the reason.
    """
    fb = schema()
    if options is None:
        raise ValueError("the operator has no options")
    if options.weightsFormat != fb.FullyConnectedOptionsWeightsFormat.DEFAULT:
        raise ValueError(f"weights of the format {options.weightsFormat}")
    conv = fb.Conv2DOptionsT()
    conv.padding = fb.Padding.VALID
    conv.strideH = conv.strideW = conv.dilationHFactor = conv.dilationWFactor = 1
    conv.fusedActivationFunction = options.fusedActivationFunction
    return conv


def check_options(options: Any, most_stride: int = MOST_STRIDE) -> None:
    """Checks the steps of a convolution: its `Conv2DOptionsT` or `DepthwiseConv2DOptionsT`.

    Args:
        options: The options.
        most_stride: Largest stride that is accepted.

    Raises:
        ValueError: The delegate does not take them; the message is the reason.
    """
    fb = schema()
    if options is None:
        raise ValueError("the operator has no options")
    dilations = (options.dilationHFactor, options.dilationWFactor)
    if dilations != (1, 1):
        raise ValueError(f"dilation {dilations[0]}x{dilations[1]}")
    strides = (options.strideH, options.strideW)
    if not all(1 <= stride <= most_stride for stride in strides):
        raise ValueError(f"stride {strides[0]}x{strides[1]}")
    activation = enum_name(fb.ActivationFunctionType, options.fusedActivationFunction)
    if activation not in _ACTIVATIONS:
        raise ValueError(f"fused activation {activation}")
    if options.padding not in (fb.Padding.SAME, fb.Padding.VALID):
        raise ValueError(f"padding {options.padding}")


def encode_options(options: Any, builtin: str = "CONV_2D") -> bytes:
    """Returns the custom options for the `Conv2DOptionsT` of what stands for a builtin operator.

    Raises:
        ValueError: PConv2D cannot express the options; the message is the reason.
    """
    check_options(options)
    activation = enum_name(schema().ActivationFunctionType, options.fusedActivationFunction)
    data = _OPTIONS.pack(
        _OPTIONS_VERSION,
        options.padding,
        options.strideH,
        options.strideW,
        options.dilationHFactor,
        options.dilationWFactor,
        _ACTIVATIONS.index(activation),
        _BUILTINS.index(builtin),
    )
    if vars(decode_options(data).conv) != vars(options):
        raise ValueError("the operator has options that PConv2D lacks")
    return data


def decode_options(data: bytes) -> Options:
    """Returns what custom options stand for.

    Raises:
        ValueError: The bytes break a rule of `docs/fkw.md`.
    """
    fb = schema()
    if len(data) != _OPTIONS.size:
        raise ValueError(f"PConv2D has {_OPTIONS.size} bytes of options, not {len(data)}.")
    version, padding, stride_h, stride_w, dilation_h, dilation_w, activation, builtin = (
        _OPTIONS.unpack(data)
    )
    if (
        version != _OPTIONS_VERSION
        or padding not in (fb.Padding.SAME, fb.Padding.VALID)
        or not all(1 <= stride <= MOST_STRIDE for stride in (stride_h, stride_w))
        or (dilation_h, dilation_w) != (1, 1)
        or activation >= len(_ACTIVATIONS)
        or builtin >= len(_BUILTINS)
        or (_BUILTINS[builtin] == "FULLY_CONNECTED" and (stride_h, stride_w) != (1, 1))
    ):
        raise ValueError(f"The options of a PConv2D are not valid: {data.hex(' ')}.")
    options = fb.Conv2DOptionsT()
    options.padding = padding
    options.strideH, options.strideW = stride_h, stride_w
    options.dilationHFactor, options.dilationWFactor = dilation_h, dilation_w
    options.fusedActivationFunction = getattr(fb.ActivationFunctionType, _ACTIVATIONS[activation])
    return Options(_BUILTINS[builtin], options)
