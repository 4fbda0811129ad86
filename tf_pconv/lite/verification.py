"""Checks that packed convolutions, run by the delegate, compute what the originals do."""

from __future__ import annotations

import dataclasses
import math
import os
import warnings
from typing import Any

import numpy as np

from tf_pconv.lite.convolutions import (
    FULLY_CONNECTED,
    PCONV_2D,
    Convolution,
    find_convolutions,
)
from tf_pconv.lite.flatbuffer import load, parse, schema, serialize, shape_signature
from tf_pconv.lite.isolation import isolate, isolate_dense, take_activation
from tf_pconv.lite.pattern_weights import KERNEL_SIZE

INT8_DIFFERENCE = 1
"""Largest difference of an int8 output, in units of quantisation."""

INT8_EQUAL_SHARE = 0.998
"""Share of int8 outputs that must be equal."""

FLOAT_DIFFERENCE = 1e-5
"""Largest difference of a float32 output, as a share of the largest output before activation."""

_SEED = 1909_05073
_OUTPUTS = 1 << 16  # Outputs compared of one convolution, where these many are cheap:
_MULTIPLICATIONS = 1 << 29
_MAX_SIDE = 64
_INT8_WIDTH = 42.0  # Standard deviation wanted of int8 values: a third of half their range.
_UNKNOWN_SIDE = 16  # Stands for a side that only an input decides.


class VerificationError(RuntimeError):
    """A packed convolution does not compute what the original computes."""


class UnverifiedWarning(UserWarning):
    """Packed convolutions could not be compared: the delegate library is missing."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How well a packed convolution agrees with its original.

    Attributes:
        name: Name of its weights.
        type: `float32` or `int8`.
        outputs: Number of outputs compared.
        largest_difference: In units of quantisation for int8; as a share of the largest output
            before activation for float32.
        equal_share: Share of equal outputs.
    """

    name: str
    type: str
    outputs: int
    largest_difference: float
    equal_share: float

    @property
    def ok(self) -> bool:
        """Whether rounding explains the difference."""
        if self.type == "int8":
            small = self.largest_difference <= INT8_DIFFERENCE
            return small and self.equal_share >= INT8_EQUAL_SHARE
        return self.largest_difference <= FLOAT_DIFFERENCE


def verify_packed(
    original: bytes | str | os.PathLike, packed: bytes | str | os.PathLike
) -> list[Agreement]:
    """Compares every packed convolution, run by the delegate, with the original.

    Each pair runs alone on the same seeded inputs, the original in TFLite's reference kernels.
    int8 outputs may be `INT8_DIFFERENCE` off and `INT8_EQUAL_SHARE` of them must be equal; float32
    outputs may differ by `FLOAT_DIFFERENCE` of the largest before activation.

    Args:
        original: The file before packing, or its path.
        packed: The packed file, or its path.

    Returns:
        One entry for each packed convolution; empty, with an `UnverifiedWarning`, where the
        delegate library is missing.

    Raises:
        VerificationError: A convolution differs, or has no original.
        ValueError: Not a readable TFLite file.

    Example:
        >>> verify_packed("model.tflite", "packed.tflite")[0].largest_difference
        0.0
    """
    delegate = _load_delegate()
    if delegate is None:
        return []
    before, after = parse(load(original)), parse(load(packed))
    originals = {_output(before, conv): conv for conv in find_convolutions(before)}
    agreements = []
    for conv in find_convolutions(after):
        if conv.kind != PCONV_2D:
            continue
        counterpart = originals.get(_output(after, conv))
        if counterpart is None or counterpart.dense is None:
            raise VerificationError(
                f"The packed convolution with the weights {conv.name!r} has no original."
            )
        agreement = _compare(before, counterpart, after, conv, delegate)
        if not agreement.ok:
            raise VerificationError(_describe(agreement))
        agreements.append(agreement)
    return agreements


def _load_delegate() -> Any:
    """Returns the delegate, or None, with a warning, where its library is missing."""
    from tf_pconv.runtime import load_delegate

    options = {"num_threads": 1, "require_delegation": True, "log_level": "none"}
    try:
        return load_delegate(options)
    except FileNotFoundError as error:
        warnings.warn(
            f"The packed convolutions were not verified: {error}", UnverifiedWarning, stacklevel=3
        )
        return None


def _output(model: Any, convolution: Convolution) -> tuple[int, int]:
    """Subgraph and output tensor, which packing leaves as they are."""
    operator = model.subgraphs[convolution.subgraph].operators[convolution.operator]
    return convolution.subgraph, int(operator.outputs[0])


def _describe(agreement: Agreement) -> str:
    if agreement.type == "int8":
        found = (
            f"{agreement.largest_difference:.0f} units off, {100 * agreement.equal_share:.2f} % "
            "of the outputs equal"
        )
        accepted = (
            f"at most {INT8_DIFFERENCE} unit off, at least {100 * INT8_EQUAL_SHARE:.1f} % equal"
        )
    else:
        found = f"{agreement.largest_difference:.1e} of the largest output before activation off"
        accepted = f"at most {FLOAT_DIFFERENCE:.0e}"
    return (
        f"The packed convolution with the weights {agreement.name!r} differs from the original: "
        f"{found}; accepted: {accepted}. Nothing was written; please report this, and "
        'convert with pattern_format = "dense" meanwhile.'
    )


def _compare(
    before: Any, original: Convolution, after: Any, packed: Convolution, delegate: Any
) -> Agreement:
    inputs = _inputs(before, original, np.random.default_rng(_SEED))
    dense = isolate_dense(before, original)
    # What float32 rounds are sums: those that an activation clips count as they were.
    limits = (-math.inf, math.inf) if inputs.dtype == np.int8 else take_activation(dense)
    try:
        sums = _run(dense, inputs, None).astype(np.float64)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"TensorFlow Lite does not run the convolution with the weights {original.name!r}, so "
            f"that there is nothing to compare with: {_in_one_line(error)}"
        ) from error
    try:
        actual = _run(isolate(after, packed), inputs, delegate).astype(np.float64)
    except (RuntimeError, ValueError) as error:
        raise VerificationError(
            f"The delegate does not run the packed convolution with the weights {packed.name!r}: "
            f"{_in_one_line(error)}"
        ) from error
    difference = np.abs(actual - np.clip(sums, *limits))
    unit = 1.0 if inputs.dtype == np.int8 else np.abs(sums).max() or 1.0
    largest = float(difference.max() / unit)
    return Agreement(
        name=packed.name,
        type=inputs.dtype.name,
        outputs=difference.size,
        # An output that is not a number never agrees.
        largest_difference=largest if math.isfinite(largest) else math.inf,
        equal_share=float(np.mean(difference == 0)),
    )


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _scale_and_zero_point(tensor: Any) -> tuple[np.float32, np.float32]:
    return np.float32(tensor.quantization.scale[0]), np.float32(tensor.quantization.zeroPoint[0])


def _inputs(model: Any, convolution: Convolution, random: np.random.Generator) -> np.ndarray:
    """Returns seeded inputs of the convolution: its own size, cut where that would take long."""
    tensors = model.subgraphs[convolution.subgraph].tensors
    operator = model.subgraphs[convolution.subgraph].operators[convolution.operator]
    source, output = tensors[operator.inputs[0]], tensors[operator.outputs[0]]
    shape = _input_shape(source, convolution)
    values = random.standard_normal(shape, np.float32)
    gain = _gain(convolution)
    if source.type == schema().TensorType.FLOAT32:
        return values / gain
    scale, zero_point = _scale_and_zero_point(source)
    width = _INT8_WIDTH * _scale_and_zero_point(output)[0] / (gain * scale)
    values = zero_point + np.clip(width, 1, _INT8_WIDTH) * values
    return np.clip(np.round(values), -128, 127).astype(np.int8)


def _input_shape(source: Any, convolution: Convolution) -> tuple[int, ...]:
    filters, _, _, channels = convolution.shape
    cost = math.prod(convolution.shape)
    outputs = max(1, min(_OUTPUTS // filters, _MULTIPLICATIONS // cost))
    if convolution.builtin == FULLY_CONNECTED:
        # As many rows as the file has: they decide which kernel runs.
        *leading, _ = (int(side) for side in source.shape)
        return (*(1,) * (len(leading) - 1), min(outputs, math.prod(leading)), channels)
    pixels = outputs * math.prod(convolution.stride)
    rows, columns = (_side(source, axis, convolution.stride) for axis in (1, 2))
    rows = min(rows, max(2 * KERNEL_SIZE, pixels // columns))
    return max(1, pixels // (rows * columns)), rows, columns, channels


def _side(source: Any, axis: int, stride: tuple[int, int]) -> int:
    """Rows (axis 1) or columns (axis 2) of an input; a usual number where the model leaves it."""
    side = shape_signature(source)[axis]
    return min(_MAX_SIDE, side) if side > 0 else _UNKNOWN_SIDE * stride[axis - 1]


def _gain(convolution: Convolution) -> np.float32:
    """Standard deviation of outputs for inputs of standard deviation 1, before the activation.

    Inputs are divided by it, so that activations and quantisation clip few outputs.
    """
    assert convolution.dense is not None, "originals have dense weights"
    weights = convolution.dense.reshape(convolution.shape[0], -1).astype(np.float64)
    gains = np.sqrt((weights**2).sum(axis=1))
    if convolution.patterns is not None and convolution.patterns.scales is not None:
        gains = gains * convolution.patterns.scales
    return np.float32(np.median(gains[gains > 0]))


def _run(model: Any, inputs: np.ndarray, delegate: Any) -> np.ndarray:
    """Runs a model of one operator: in the delegate, or in TFLite's reference kernels."""
    try:
        from ai_edge_litert import interpreter as lite
    except ImportError:
        from tensorflow import lite
    resolver = getattr(lite, "experimental", lite).OpResolverType.BUILTIN_REF
    interpreter = lite.Interpreter(
        model_content=serialize(model),
        experimental_delegates=None if delegate is None else [delegate],
        experimental_op_resolver_type=resolver,
        num_threads=1,
    )
    source = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(source, inputs.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(source, inputs)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
