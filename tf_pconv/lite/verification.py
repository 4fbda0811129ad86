"""Checks that packed convolutions, run by the delegate, compute what the originals do."""

from __future__ import annotations

import copy
import dataclasses
import math
import os
import warnings
from typing import Any

import numpy as np

from tf_pconv.lite.convolutions import PCONV_2D, Convolution, find_convolutions
from tf_pconv.lite.flatbuffer import load, parse, schema, serialize
from tf_pconv.lite.pattern_weights import KERNEL_SIZE, TAPS

INT8_DIFFERENCE = 1
"""Largest difference of an int8 output, in units of quantisation."""

INT8_ROUNDING = 0.51
"""Distance of an int8 output that is not equal from the result in real numbers, in units.

TFLite's reference rounds twice, and so not always to the nearest: up to some per cent of the
outputs of a layer with a large multiplier. Who rounds once is right to differ there.
"""

FLOAT_DIFFERENCE = 1e-5
"""Largest difference of a float32 output, as a share of the largest output."""

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
        largest_difference: In units of quantisation for int8; as a share of the largest output for
            float32.
        equal_share: Share of equal outputs.
        rounding: int8 only: largest distance of an output that is not equal from the result in
            real numbers, in units of quantisation.
    """

    name: str
    type: str
    outputs: int
    largest_difference: float
    equal_share: float
    rounding: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether rounding explains the difference."""
        if self.type == "int8":
            return self.largest_difference <= INT8_DIFFERENCE and self.rounding <= INT8_ROUNDING
        return self.largest_difference <= FLOAT_DIFFERENCE


def verify_packed(
    original: bytes | str | os.PathLike, packed: bytes | str | os.PathLike
) -> list[Agreement]:
    """Compares every packed convolution, run by the delegate, with the original.

    Each pair runs alone on the same seeded inputs, the original in TFLite's reference kernels.
    float32 outputs may differ by `FLOAT_DIFFERENCE` of the largest; int8 outputs by
    `INT8_DIFFERENCE`, and only where the other value is the nearest to the result in real numbers.

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
            f"{agreement.largest_difference:.0f} units off, "
            f"{100 * (1 - agreement.equal_share):.2f} % of the outputs differ, by up to "
            f"{agreement.rounding:.2f} units from the result in real numbers"
        )
        accepted = f"{INT8_DIFFERENCE} unit, and {INT8_ROUNDING} from real numbers"
    else:
        found = f"{agreement.largest_difference:.1e} of the largest output off"
        accepted = f"{FLOAT_DIFFERENCE:.0e}"
    return (
        f"The packed convolution with the weights {agreement.name!r} differs from the original: "
        f"{found}; accepted: at most {accepted}. Nothing was written; please report this, and "
        'convert with pattern_format = "dense" meanwhile.'
    )


def _compare(
    before: Any, original: Convolution, after: Any, packed: Convolution, delegate: Any
) -> Agreement:
    inputs = _inputs(before, original, np.random.default_rng(_SEED))
    expected = _run(_dense_alone(before, original), inputs, None).astype(np.float64)
    try:
        actual = _run(_alone(after, packed), inputs, delegate).astype(np.float64)
    except (RuntimeError, ValueError) as error:
        raise VerificationError(
            f"The delegate does not run the packed convolution with the weights {packed.name!r}: "
            f"{error}"
        ) from error
    difference = np.abs(actual - expected)
    rounding = 0.0
    if inputs.dtype == np.int8 and difference.any():
        real = _run_in_real_numbers(before, original, inputs)
        rounding = float(np.abs(actual - real)[difference > 0].max())
    unit = 1.0 if inputs.dtype == np.int8 else np.abs(expected).max() or 1.0
    largest = float(difference.max() / unit)
    return Agreement(
        name=packed.name,
        type=inputs.dtype.name,
        outputs=difference.size,
        # An output that is not a number never agrees.
        largest_difference=largest if math.isfinite(largest) else math.inf,
        equal_share=float(np.mean(difference == 0)),
        rounding=rounding,
    )


def _run_in_real_numbers(model: Any, convolution: Convolution, inputs: np.ndarray) -> np.ndarray:
    """Returns the outputs of an int8 convolution before rounding, in units of quantisation."""
    fb = schema()
    alone = _dense_alone(model, convolution)
    source, weights, bias, output = alone.subgraphs[0].tensors
    scale, zero_point = _scale_and_zero_point(source)
    output_scale, output_zero_point = _scale_and_zero_point(output)
    assert convolution.dense is not None, "originals have dense weights"
    assert convolution.patterns is not None, "what does not follow patterns is not packed"
    scales = np.asarray(convolution.patterns.scales)
    sums = np.asarray(alone.buffers[bias.buffer].data).view("<i4")
    _make_constant(alone, weights, convolution.dense * scales[:, None, None, None])
    _make_constant(alone, bias, (sums * np.float64(scale) * scales).astype(np.float32))
    for tensor in (source, weights, bias, output):
        tensor.type, tensor.quantization = fb.TensorType.FLOAT32, None
    real = _run(alone, (inputs.astype(np.float32) - zero_point) * scale, None)
    return np.clip(real / output_scale + output_zero_point, -128, 127)


def _scale_and_zero_point(tensor: Any) -> tuple[np.float32, np.float32]:
    return np.float32(tensor.quantization.scale[0]), np.float32(tensor.quantization.zeroPoint[0])


def _alone(model: Any, convolution: Convolution) -> Any:
    """Returns a model of one convolution alone: input, weights, bias if it has one, output."""
    fb = schema()
    subgraph = model.subgraphs[convolution.subgraph]
    operator = copy.copy(subgraph.operators[convolution.operator])
    inputs = [int(place) for place in operator.inputs]
    used = [*inputs, int(operator.outputs[0])]
    present = [place for place in used if place != -1]
    code = copy.copy(model.operatorCodes[operator.opcodeIndex])
    alone = fb.ModelT()
    alone.version = model.version
    alone.operatorCodes = [code]
    alone.buffers = [fb.BufferT()]
    graph = fb.SubGraphT()
    graph.tensors = []
    for place in present:
        tensor = copy.copy(subgraph.tensors[place])
        data = model.buffers[tensor.buffer].data
        tensor.buffer = 0
        if data is not None and len(data):
            tensor.buffer = len(alone.buffers)
            alone.buffers.append(model.buffers[subgraph.tensors[place].buffer])
        graph.tensors.append(tensor)
    operator.opcodeIndex = 0
    operator.inputs = [-1 if place == -1 else present.index(place) for place in inputs]
    operator.outputs = [len(present) - 1]
    operator.debugMetadataIndex = -1
    graph.inputs, graph.outputs = [0], [len(present) - 1]
    graph.operators = [operator]
    alone.subgraphs = [graph]
    return alone


def _dense_alone(model: Any, convolution: Convolution) -> Any:
    """As `_alone`, with dense weights and a bias: TFLite's convolution does not run without one."""
    assert convolution.dense is not None, "originals have dense weights"
    alone = _alone(model, convolution)
    graph = alone.subgraphs[0]
    if len(graph.tensors) == 3:
        bias = schema().TensorT()
        is_int8 = convolution.dense.dtype == np.int8
        bias.type = schema().TensorType.INT32 if is_int8 else schema().TensorType.FLOAT32
        bias.shape = convolution.shape[:1]
        _make_constant(alone, bias, np.zeros(bias.shape, np.int32))
        graph.tensors.insert(2, bias)
        graph.outputs = graph.operators[0].outputs = [3]
        graph.operators[0].inputs = [0, 1, 2]
    _make_constant(alone, graph.tensors[1], convolution.dense)
    return alone


def _make_constant(alone: Any, tensor: Any, values: np.ndarray) -> None:
    """Gives a tensor constant values."""
    buffer = schema().BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    tensor.buffer = len(alone.buffers)
    alone.buffers.append(buffer)


def _inputs(model: Any, convolution: Convolution, random: np.random.Generator) -> np.ndarray:
    """Returns seeded inputs of the convolution: its own size, cut where that would take long."""
    tensors = model.subgraphs[convolution.subgraph].tensors
    operator = model.subgraphs[convolution.subgraph].operators[convolution.operator]
    source, output = tensors[operator.inputs[0]], tensors[operator.outputs[0]]
    filters, _, _, channels = convolution.shape
    cost = filters * channels * TAPS
    outputs = max(1, min(_OUTPUTS // filters, _MULTIPLICATIONS // cost))
    pixels = outputs * math.prod(convolution.stride)
    rows, columns = (_side(source, axis, convolution.stride) for axis in (1, 2))
    rows = min(rows, max(2 * KERNEL_SIZE, pixels // columns))
    shape = (max(1, pixels // (rows * columns)), rows, columns, channels)
    values = random.standard_normal(shape, np.float32)
    gain = _gain(convolution)
    if source.type == schema().TensorType.FLOAT32:
        return values / gain
    scale, zero_point = _scale_and_zero_point(source)
    width = _INT8_WIDTH * _scale_and_zero_point(output)[0] / (gain * scale)
    values = zero_point + np.clip(width, 1, _INT8_WIDTH) * values
    return np.clip(np.round(values), -128, 127).astype(np.int8)


def _side(source: Any, axis: int, stride: tuple[int, int]) -> int:
    """Rows (axis 1) or columns (axis 2) of an input; a usual number where the model leaves it."""
    signature = source.shape if source.shapeSignature is None else source.shapeSignature
    side = int(signature[axis])
    return min(_MAX_SIDE, side) if side > 0 else _UNKNOWN_SIDE * stride[axis - 1]


def _gain(convolution: Convolution) -> np.float32:
    """Standard deviation of outputs for inputs of standard deviation 1, before the activation.

    Inputs are divided by it, so that activations and quantisation clip few outputs.
    """
    assert convolution.dense is not None, "originals have dense weights"
    weights = convolution.dense.reshape(convolution.shape[0], -1).astype(np.float32)
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
