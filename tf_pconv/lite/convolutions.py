"""The convolutions of a `.tflite` file: which follow patterns, and why the others do not.

Fully-connected layers are among them, as 1x1 convolutions.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from tf_pconv.lite import fkw, pconv2d, sparse_tensor
from tf_pconv.lite.connectivity import recognize_connectivity
from tf_pconv.lite.flatbuffer import (
    builtin_code,
    enum_name,
    items,
    schema,
    shape_signature,
    text,
)
from tf_pconv.lite.pattern_weights import PatternWeights
from tf_pconv.lite.recognition import NoPatternsError, recognize_patterns

CONV_2D = "CONV_2D"
DENSIFY = "DENSIFY"
DEQUANTIZE = "DEQUANTIZE"
DEPTHWISE_CONV_2D = "DEPTHWISE_CONV_2D"
FULLY_CONNECTED = "FULLY_CONNECTED"
PCONV_2D = pconv2d.CUSTOM_CODE.decode()
CONVOLUTIONS = (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, PCONV_2D)
SPARSE_CONV_2D = f"{DENSIFY} + {CONV_2D}"
SPARSE_FULLY_CONNECTED = f"{DENSIFY} + {FULLY_CONNECTED}"

DEPTHWISE_LEAST_CHANNELS = {"float32": 8, "int8": 16}
"""Fewest channels of depthwise convolutions that the delegate has kernels for, by type."""

DEPTHWISE_KERNEL_SIZES = ((3, 3), (5, 5))
"""Kernel sizes of depthwise convolutions that the delegate takes."""

STEM_MOST_CHANNELS = 8
"""Most channels of stems, the dense convolutions that networks begin with, in the delegate."""

STEM_LEAST_FILTERS = 16
"""Fewest filters of stems."""

STEM_MOST_SIDE = 32
"""Most rows or columns of a stem's kernels, and its largest stride."""

_BIAS_BYTES = 4  # float32 and int32 alike
_DENSIFIED = {CONV_2D: SPARSE_CONV_2D, FULLY_CONNECTED: SPARSE_FULLY_CONNECTED}
_RANKS = (2, 3, 4)  # of what fully-connected layers read and write
_WEIGHT_TYPES = {"FLOAT32": "<f4", "FLOAT16": "<f2", "INT8": "i1"}


@dataclasses.dataclass(eq=False)
class Convolution:
    """One convolution of a model.

    Attributes:
        subgraph: Index of its subgraph.
        operator: Index of its operator in the subgraph.
        kind: `CONV_2D`, `FULLY_CONNECTED`, either behind `DENSIFY + `, `PConv2D` or
            `DEPTHWISE_CONV_2D`.
        name: Name of its constant weights, or of its output where they are not constant.
        types: Types of input, weights and output, as the schema calls them: `FLOAT32`, `INT8`...
        weights_tensor: Index of the constant weights, before any DENSIFY or DEQUANTIZE.
        shape: Dense shape of the weights: filters, height, width, channels of a filter.
        builtin: The builtin operator that it is, or stands for where it is packed.
        options: Its `Conv2DOptionsT`; None where it has none.
        stride: Height and width.
        stored_bytes: Bytes of the weights in the file.
        dense: The dense weights, of `shape`; None where they are not constant or of another type.
        patterns: The weights as patterns; None where `reason` says why not, and for depthwise
            convolutions and stems, whose weights stay dense.
        reason: Why the delegate cannot take it; empty where it can.
    """

    subgraph: int
    operator: int
    kind: str
    name: str
    types: tuple[str, str, str]
    weights_tensor: int
    shape: tuple[int, ...] = ()
    builtin: str = CONV_2D
    options: Any = None
    stride: tuple[int, int] = (1, 1)
    stored_bytes: int = 0
    dense: np.ndarray | None = None
    patterns: PatternWeights | None = None
    reason: str = ""

    @property
    def packable(self) -> bool:
        """Whether it can become a `PConv2D`."""
        return self.kind != PCONV_2D and self.patterns is not None and not self.reason

    @property
    def densified(self) -> bool:
        """Whether a DENSIFY makes its weights."""
        return self.kind in _DENSIFIED.values()

    @property
    def filters(self) -> int:
        """Output channels."""
        return self.shape[self.filter_dimension]

    @property
    def filter_dimension(self) -> int:
        """Dimension of `shape` along which scales of filters lie."""
        return 3 if self.kind == DEPTHWISE_CONV_2D else 0


def find_convolutions(model: Any) -> list[Convolution]:
    """Finds convolutions and fully-connected layers of a model and recognises their patterns.

    Args:
        model: A parsed model, `ModelT`.

    Returns:
        One entry for each convolution, in the order of the file.
    """
    known: dict[tuple, PatternWeights | NoPatternsError] = {}
    return [
        _describe(graph, operator, kind, known)
        for graph in (Graph(model, subgraph) for subgraph in range(len(model.subgraphs)))
        for operator, kind in enumerate(graph.kinds)
        if kind in CONVOLUTIONS
    ]


class Graph:
    """A subgraph with the names of its operators and the makers of its tensors.

    Attributes:
        index: Index of the subgraph.
        subgraph: The `SubGraphT`.
        kinds: Name of each operator: that of the schema, or the code of a custom operator.
        maker: For each tensor that an operator writes, the index of that operator.
    """

    def __init__(self, model: Any, index: int):
        names = [_operator_name(code) for code in items(model.operatorCodes)]
        self.index = index
        self.subgraph = model.subgraphs[index]
        self.operators = items(self.subgraph.operators)
        self.kinds = [names[operator.opcodeIndex] for operator in self.operators]
        self.maker = {
            output: place
            for place, operator in enumerate(self.operators)
            for output in items(operator.outputs)
        }
        self._buffers = model.buffers

    def tensor(self, index: int) -> Any:
        """Returns a `TensorT` of the subgraph."""
        return self.subgraph.tensors[index]

    def operands(self, place: int) -> list[int]:
        """Returns what every operator of its kind has: its first inputs and its first output."""
        operator = self.operators[place]
        inputs = 1 if self.kinds[place] in (DENSIFY, DEQUANTIZE) else 2
        operands = [*items(operator.inputs)[:inputs], *items(operator.outputs)[:1]]
        if len(operands) < inputs + 1 or min(operands) < 0:
            raise ValueError(
                f"The file is damaged: operator {place} of subgraph {self.index}, "
                f"{self.kinds[place]}, lacks an input or output."
            )
        return [int(tensor) for tensor in operands]

    def data(self, index: int) -> np.ndarray | None:
        """Returns the bytes of a constant tensor of this file; None for others."""
        tensor = self.tensor(index)
        data = items(self._buffers[tensor.buffer].data)
        is_input = index in items(self.subgraph.inputs)
        variable = tensor.isVariable or is_input or index in self.maker
        if variable or getattr(tensor, "externalBuffer", 0):
            return None
        return np.asarray(data, np.uint8) if len(data) else None


class _UnfitError(Exception):
    """The delegate cannot take a convolution; the message is the reason."""


def _operator_name(code: Any) -> str:
    builtin = schema().BuiltinOperator
    if builtin_code(code) == builtin.CUSTOM:
        return text(code.customCode)
    return enum_name(builtin, builtin_code(code))


def _describe(graph: Graph, place: int, kind: str, known: dict) -> Convolution:
    operator = graph.operators[place]
    source, filter_tensor, output = graph.operands(place)
    weights_tensor, maker = filter_tensor, graph.maker.get(filter_tensor)
    if maker is not None and graph.kinds[maker] in (DENSIFY, DEQUANTIZE):
        weights_tensor, _ = graph.operands(maker)
        if graph.kinds[maker] == DENSIFY:
            kind = _DENSIFIED.get(kind, kind)
    data = graph.data(weights_tensor)
    convolution = Convolution(
        subgraph=graph.index,
        operator=place,
        kind=kind,
        name=text(graph.tensor(output if data is None else weights_tensor).name),
        types=(
            _type_name(graph.tensor(source)),
            _type_name(graph.tensor(weights_tensor)),
            _type_name(graph.tensor(output)),
        ),
        weights_tensor=weights_tensor,
        shape=_shape(graph.tensor(filter_tensor)),
        builtin=graph.kinds[place],
        stored_bytes=0 if data is None else len(data),
    )
    try:
        if kind == PCONV_2D:
            _read_packed(convolution, operator, data)
        else:
            _read_dense(convolution, graph, operator, data, known)
    except _UnfitError as error:
        convolution.reason = str(error)
    return convolution


def _read_packed(convolution: Convolution, operator: Any, data: np.ndarray | None) -> None:
    if data is None:
        raise _UnfitError("its FKW weights are not constant")
    try:
        options = pconv2d.decode_options(bytes(operator.customOptions))
        weights = fkw.decode(data)
    except ValueError as error:
        raise _UnfitError(str(error)) from error
    if options.builtin == FULLY_CONNECTED and weights.kernel_size != 1:
        raise _UnfitError("a fully-connected layer with kernels of 3x3")
    convolution.builtin, convolution.options = options.builtin, options.conv
    convolution.stride = (options.conv.strideH, options.conv.strideW)
    convolution.shape = weights.dense_shape
    convolution.patterns = weights


def _read_dense(
    convolution: Convolution,
    graph: Graph,
    operator: Any,
    data: np.ndarray | None,
    known: dict,
) -> None:
    shape = convolution.shape  # as the file has it
    if convolution.builtin == FULLY_CONNECTED:
        if len(shape) == 2:
            convolution.shape = (shape[0], 1, 1, shape[1])
        try:
            convolution.options = pconv2d.convolution_options(operator.builtinOptions)
        except ValueError as error:
            raise _UnfitError(str(error)) from error
    elif operator.builtinOptions is not None:
        convolution.options = operator.builtinOptions
        convolution.stride = (convolution.options.strideH, convolution.options.strideW)
    if data is None:
        raise _UnfitError("its weights are not constants of this file")
    tensor = graph.tensor(convolution.weights_tensor)
    if convolution.types[1] in _WEIGHT_TYPES:
        dtype = _WEIGHT_TYPES[convolution.types[1]]
        dense = _dense_weights(tensor, data, dtype, shape)
        convolution.dense = dense.reshape(convolution.shape)
    _check_types(convolution.types)
    if convolution.kind == DEPTHWISE_CONV_2D:
        _check_depthwise(convolution, graph, operator)
    elif convolution.builtin == FULLY_CONNECTED:
        _check_fully_connected(convolution, graph, operator)
    else:
        _check_geometry(convolution, graph, operator)
    scales = _check_quantization(convolution, graph, operator)
    _check_bias(convolution, graph, operator)
    _check_finite(convolution)
    if convolution.kind == DEPTHWISE_CONV_2D:
        return
    try:
        _check_packable(convolution)
        convolution.patterns = _recognize(convolution, tensor, scales, known)
    except _UnfitError:
        if not _is_stem(convolution):
            raise


def _recognize(
    convolution: Convolution, tensor: Any, scales: np.ndarray | None, known: dict
) -> PatternWeights:
    """Recognises the patterns of a convolution; weights used twice are looked at once."""
    assert convolution.dense is not None, "weights of a supported type were read"
    # Sparse tensors may share the bytes of their values, yet place them differently.
    place = id(tensor.sparsity)
    key = (tensor.buffer, place, convolution.shape, None if scales is None else scales.tobytes())
    recognize = recognize_connectivity if convolution.shape[1] == 1 else recognize_patterns
    if key not in known:
        try:
            known[key] = recognize(convolution.dense, scales)
        except NoPatternsError as error:
            known[key] = error
    result = known[key]
    if isinstance(result, NoPatternsError):
        raise _UnfitError(str(result))
    return result


def _check_types(types: tuple[str, str, str]) -> None:
    source, weights, output = types
    if types in (("FLOAT32",) * 3, ("INT8",) * 3):
        return
    if source == "FLOAT32" and weights in ("INT8", "INT4", "UINT8"):
        raise _UnfitError(f"dynamic-range quantisation (float32 with {weights.lower()} weights)")
    if weights == "FLOAT16":
        raise _UnfitError("float16 weights")
    if source == "INT16":
        raise _UnfitError("int16 activations")
    raise _UnfitError(
        f"types {source.lower()}, {weights.lower()}, {output.lower()} of input, weights and "
        "output; supported: all float32 or all int8"
    )


def _dense_weights(tensor: Any, data: np.ndarray, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    try:
        values = data.view(dtype)
        if tensor.sparsity is not None:
            return sparse_tensor.to_dense(tensor.sparsity, values, shape)
        return values.reshape(shape)
    except ValueError as error:
        raise _UnfitError(f"its weights are damaged: {error}") from error


def _check_geometry(convolution: Convolution, graph: Graph, operator: Any) -> None:
    shape = convolution.shape
    if len(shape) != 4 or 0 in shape:
        raise _UnfitError(f"weights of shape {shape}")
    source = _shape(graph.tensor(operator.inputs[0]))
    if len(source) != 4 or source[3] != shape[3]:
        raise _UnfitError("grouped convolution" if len(source) == 4 else "input of unknown rank")


def _check_fully_connected(convolution: Convolution, graph: Graph, operator: Any) -> None:
    shape = convolution.shape
    if len(shape) != 4 or 0 in shape:
        raise _UnfitError(f"weights of shape {shape}")
    source, output = (_shape(graph.tensor(place)) for place in (operator.inputs[0],
                                                                operator.outputs[0]))  # fmt: skip
    if len(source) not in _RANKS:
        raise _UnfitError(f"input of {len(source)} dimensions")
    if shape_signature(graph.tensor(operator.inputs[0]))[-1] not in (shape[3], -1):
        raise _UnfitError("several dimensions of its input become channels")
    if len(output) != (len(source) if operator.builtinOptions.keepNumDims else 2):
        raise _UnfitError(f"output of {len(output)} dimensions")


def _check_packable(convolution: Convolution) -> None:
    shape = convolution.shape
    if shape[1] != shape[2] or shape[1] not in fkw.KERNEL_SIZES:
        raise _UnfitError(f"{shape[1]}x{shape[2]} kernels")
    if max(shape) > fkw.MAX_CHANNELS:
        raise _UnfitError(f"more than {fkw.MAX_CHANNELS:,} channels")
    try:
        pconv2d.encode_options(convolution.options, convolution.builtin)
    except ValueError as error:
        raise _UnfitError(str(error)) from error


def _is_stem(convolution: Convolution) -> bool:
    """Whether the delegate takes it with its weights dense."""
    filters, *sides, channels = convolution.shape
    if convolution.builtin != CONV_2D or filters > fkw.MAX_CHANNELS:
        return False
    try:
        pconv2d.check_options(convolution.options, STEM_MOST_SIDE)
    except ValueError:
        return False
    return (
        filters >= STEM_LEAST_FILTERS
        and channels <= STEM_MOST_CHANNELS
        and max(sides) <= STEM_MOST_SIDE
    )


def _check_depthwise(convolution: Convolution, graph: Graph, operator: Any) -> None:
    shape = convolution.shape
    if len(shape) != 4 or shape[0] != 1:
        raise _UnfitError(f"depthwise weights of shape {shape}")
    if shape[1:3] not in DEPTHWISE_KERNEL_SIZES:
        raise _UnfitError(f"depthwise {shape[1]}x{shape[2]} kernels")
    source = _shape(graph.tensor(operator.inputs[0]))
    if len(source) != 4 or source[3] != shape[3]:
        raise _UnfitError("depth multiplier" if len(source) == 4 else "input of unknown rank")
    least = DEPTHWISE_LEAST_CHANNELS[convolution.types[1].lower()]
    if not least <= shape[3] <= fkw.MAX_CHANNELS:
        raise _UnfitError(f"depthwise convolution of {shape[3]} channels")
    try:
        pconv2d.check_options(operator.builtinOptions)
    except ValueError as error:
        raise _UnfitError(str(error)) from error


def _check_quantization(convolution: Convolution, graph: Graph, operator: Any) -> np.ndarray | None:
    """Returns the scale of each filter; None for float32."""
    scale, zero_point, dimension = _quantization(graph.tensor(convolution.weights_tensor))
    if convolution.types[1] == "FLOAT32":
        if len(scale):
            raise _UnfitError("float32 weights with quantisation scales")
        return None
    filters = convolution.filters
    if len(scale) == 1 and convolution.builtin == FULLY_CONNECTED:
        scale, dimension = np.repeat(scale, filters), 0
    if len(scale) != filters or dimension != convolution.filter_dimension:
        raise _UnfitError(f"weights with {len(scale)} scales for {filters} filters")
    if np.any(zero_point) or not np.all(np.isfinite(scale) & (scale > 0)):
        raise _UnfitError("weights with zero points other than 0, or scales not above 0")
    for tensor in (operator.inputs[0], operator.outputs[0]):
        _check_activation(graph.tensor(tensor))
    return scale


def _check_activation(tensor: Any) -> None:
    scale, zero_point, _ = _quantization(tensor)
    if len(scale) != 1 or len(zero_point) != 1:
        raise _UnfitError("activations without one quantisation scale and zero point")
    if not (np.isfinite(scale[0]) and scale[0] > 0 and -128 <= zero_point[0] <= 127):
        raise _UnfitError(
            f"activations with the quantisation scale {scale[0]:g} and zero point {zero_point[0]}"
        )


def _check_bias(convolution: Convolution, graph: Graph, operator: Any) -> None:
    bias = operator.inputs[2] if len(operator.inputs) > 2 else -1
    if bias == -1:
        return
    weights = _type_name(graph.tensor(operator.inputs[1]))
    wanted = "INT32" if weights == "INT8" else "FLOAT32"
    data, filters = graph.data(bias), convolution.filters
    if data is None or _type_name(graph.tensor(bias)) != wanted:
        raise _UnfitError(f"its bias is not a constant of type {wanted.lower()}")
    if len(data) != _BIAS_BYTES * filters or math.prod(_shape(graph.tensor(bias))) != filters:
        raise _UnfitError(f"its bias does not have {filters} values")


def _check_finite(convolution: Convolution) -> None:
    assert convolution.dense is not None, "weights of a supported type were read"
    if not np.isfinite(convolution.dense).all():
        raise _UnfitError("weights that are NaN or infinite")


def _quantization(tensor: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """Scales, zero points and quantised dimension of a tensor; empty where it has none."""
    parameters = tensor.quantization
    if parameters is None or parameters.scale is None:
        return np.empty(0, np.float32), np.empty(0, np.int64), 0
    zero_points = [] if parameters.zeroPoint is None else parameters.zeroPoint
    return (
        np.asarray(parameters.scale, np.float32),
        np.asarray(zero_points, np.int64),
        parameters.quantizedDimension,
    )


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(int(side) for side in items(tensor.shape))


def _type_name(tensor: Any) -> str:
    return enum_name(schema().TensorType, tensor.type)
