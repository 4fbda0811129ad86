"""Packing: convolutions that follow patterns become `PConv2D` with FKW weights, and back.

Fully-connected layers are 1x1 convolutions.
"""

from __future__ import annotations

import collections
import copy
import dataclasses
import math
import numbers
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from tf_pconv.lite import fkw, pconv2d
from tf_pconv.lite.convolutions import (
    DENSIFY,
    FULLY_CONNECTED,
    PCONV_2D,
    Convolution,
    Graph,
    find_convolutions,
)
from tf_pconv.lite.flatbuffer import (
    builtin_code,
    items,
    load,
    parse,
    schema,
    serialize,
    shape_signature,
)
from tf_pconv.lite.inspection import ModelReport, report_convolutions
from tf_pconv.lite.pattern_weights import PatternWeights
from tf_pconv.lite.prediction import predict_least_speedup

# Metadata that names operators by their place, which removing a DENSIFY would change.
_OPERATOR_PLACES = b"model_control_dependencies"

TensorKey = tuple[int, int]
"""Subgraph and tensor index."""


@dataclasses.dataclass(frozen=True)
class PackResult:
    """What `pack` returns.

    Attributes:
        model: The packed `.tflite`.
        report: Each convolution with what was done and why not; prints as a table.
    """

    model: bytes
    report: ModelReport


def pack(
    model: bytes | str | os.PathLike, *, verify: bool = True, min_speedup: float = 1.0
) -> PackResult:
    """Packs the convolutions of a `.tflite` that follow patterns.

    A CONV_2D (or DENSIFY + CONV_2D) with constant weights, stride 1 or 2, dilation 1, all float32
    or all int8 (per channel, zero point 0), becomes the custom operator `PConv2D` of `docs/fkw.md`
    where its 3x3 kernels follow patterns, or where at most half of its 1x1 kernels are kept. So
    does a FULLY_CONNECTED of which at most half of the weights are kept, also with one scale.
    Patterns and filter groups are recognised from the weights alone. Everything else stays as it
    is: float16 files, dynamic-range quantisation and int16 activations too. The packed file needs
    the delegate.

    Args:
        model: The bytes of a `.tflite`, or its path.
        verify: Whether to compare every packed convolution, run by the delegate, with the
            original; without the delegate library this is a warning.
        min_speedup: Predicted gain over a dense convolution, on the processor where it is least,
            below which one is left as it is: the delegate can still take it where that pays.
            0 packs all, for the smallest file; without the delegate library there is no
            prediction, and all are packed too.

    Returns:
        The packed file and a report. Where there is nothing to pack, the file as it was.

    Raises:
        ValueError: Not a readable TFLite file, or a `min_speedup` that is no number from 0 on.
        VerificationError: A packed convolution does not compute what the original does.

    Example:
        >>> result = tf_pconv.lite.pack("model.tflite")
        >>> print(result.report)
        >>> pathlib.Path("packed.tflite").write_bytes(result.model)
    """
    if not isinstance(min_speedup, numbers.Real) or not 0 <= min_speedup < math.inf:
        raise ValueError(f"min_speedup is a number, at least 0; received {min_speedup!r}.")
    original = load(model)
    parsed = parse(original)
    convolutions = find_convolutions(parsed)
    encoded = {
        _weights_key(conv): fkw.encode(conv.patterns)
        for conv in convolutions
        if conv.kind != PCONV_2D and conv.patterns is not None
    }
    _leave_slow(parsed, convolutions, encoded, min_speedup)
    _leave_shared_weights(parsed, convolutions)
    chosen = [conv for conv in convolutions if conv.packable]
    if not chosen:
        return PackResult(original, report_convolutions(convolutions, len(original)))
    stored = {_weights_key(conv): encoded[_weights_key(conv)] for conv in chosen}
    for conv in chosen:
        operator = parsed.subgraphs[conv.subgraph].operators[conv.operator]
        _make_packed(parsed, operator, conv)
    for (subgraph, tensor), data in stored.items():
        _make_bytes_tensor(parsed.subgraphs[subgraph].tensors[tensor], len(data))
    _replace_data(parsed, stored)
    _remove_idle_densify(parsed, chosen)
    _remove_unused_codes(parsed)
    packed = serialize(parsed)
    if verify:
        from tf_pconv.lite.verification import verify_packed

        verify_packed(original, packed)
    done = [
        dataclasses.replace(conv, kind=PCONV_2D, stored_bytes=len(stored[_weights_key(conv)]))
        if conv in chosen
        else conv
        for conv in convolutions
    ]
    return PackResult(packed, report_convolutions(done, len(packed), len(original)))


def unpack(model: bytes | str | os.PathLike) -> bytes:
    """Undoes `pack`: every `PConv2D` becomes a CONV_2D or FULLY_CONNECTED with dense weights again.

    Names, quantisation, options and weights are those of the file that was packed, but for what
    makes no difference: a negative zero comes back as zero, DENSIFY is gone, and of a
    FULLY_CONNECTED equal scales are one, and options for other types or ranks the default.

    Args:
        model: The bytes of a `.tflite`, or its path.

    Returns:
        The bytes of a file that runs anywhere; the same bytes where nothing is packed.

    Raises:
        ValueError: Not a readable TFLite file, or FKW that breaks the rules of `docs/fkw.md`.

    Example:
        >>> pathlib.Path("dense.tflite").write_bytes(tf_pconv.lite.unpack("packed.tflite"))
    """
    data = load(model)
    parsed = parse(data)
    packed = [conv for conv in find_convolutions(parsed) if conv.kind == PCONV_2D]
    if not packed:
        return data
    layers: dict[TensorKey, Convolution] = {}
    for conv in packed:
        if conv.patterns is None:
            raise ValueError(
                f"The PConv2D with the weights {conv.name!r} is damaged: {conv.reason}"
            )
        _make_dense(parsed, conv)
        layers[_weights_key(conv)] = conv
    data_of: dict[TensorKey, bytes] = {}
    for (subgraph, tensor), conv in layers.items():
        assert conv.patterns is not None
        data_of[subgraph, tensor] = conv.patterns.to_dense().tobytes()
        is_matrix = conv.builtin == FULLY_CONNECTED
        _make_weights_tensor(parsed.subgraphs[subgraph].tensors[tensor], conv.patterns, is_matrix)
    _replace_data(parsed, data_of)
    _remove_unused_codes(parsed)
    return serialize(parsed)


def _weights_key(convolution: Convolution) -> TensorKey:
    return convolution.subgraph, convolution.weights_tensor


def _leave_slow(
    model: Any,
    convolutions: list[Convolution],
    encoded: dict[TensorKey, bytes],
    min_speedup: float,
) -> None:
    """Gives a reason to convolutions that a dense one is expected to outrun somewhere."""
    if min_speedup == 0:
        return
    for conv in convolutions:
        if conv.reason or _weights_key(conv) not in encoded:
            continue
        graph = model.subgraphs[conv.subgraph]
        operator = graph.operators[conv.operator]
        gain = predict_least_speedup(
            encoded[_weights_key(conv)],
            conv.stride,
            conv.options.padding == schema().Padding.SAME,
            shape_signature(graph.tensors[operator.inputs[0]]),
        )
        if gain is not None and gain < min_speedup:
            conv.reason = f"a predicted gain of {gain:.2f} is below min_speedup {min_speedup:g}"


def _leave_shared_weights(model: Any, convolutions: list[Convolution]) -> None:
    """Gives a reason to convolutions whose weights something else reads as well."""
    movable = not any(entry.name == _OPERATOR_PLACES for entry in items(model.metadata))
    for index in range(len(model.subgraphs)):
        graph = Graph(model, index)
        own = [conv for conv in convolutions if conv.subgraph == index and conv.packable]
        packable = {conv.operator for conv in own}
        for conv in own:
            others = [reader for reader in _readers(graph, conv.weights_tensor)
                      if reader not in packable]  # fmt: skip
            if others:
                names = {"the graph's outputs" if o is None else graph.kinds[o] for o in others}
                conv.reason = f"its weights are also read by {', '.join(sorted(names))}"
            elif conv.densified and not movable:
                conv.reason = "its DENSIFY cannot go: the file names operators by their place"


def _readers(graph: Graph, tensor: int) -> Iterator[int | None]:
    """Yields the operators that read a tensor, through DENSIFY; None for the graph's outputs."""
    if tensor in items(graph.subgraph.outputs):
        yield None
    for place, operator in enumerate(graph.operators):
        if tensor not in items(operator.inputs):
            continue
        if graph.kinds[place] == DENSIFY:
            yield from _readers(graph, graph.operands(place)[-1])
        else:
            yield place


def _make_packed(model: Any, operator: Any, convolution: Convolution) -> None:
    """Turns a convolution into a `PConv2D`."""
    fb = schema()
    operator.customOptions = np.frombuffer(
        pconv2d.encode_options(convolution.options, convolution.builtin), np.uint8
    )
    operator.opcodeIndex = _operator_code(
        model, fb.BuiltinOperator.CUSTOM, pconv2d.OPERATOR_VERSION, pconv2d.CUSTOM_CODE
    )
    operator.builtinOptions = None
    operator.builtinOptionsType = fb.BuiltinOptions.NONE
    operator.inputs = np.array(operator.inputs)
    operator.inputs[1] = convolution.weights_tensor


def _make_dense(model: Any, convolution: Convolution) -> None:
    """Turns a `PConv2D` into what it stands for."""
    fb = schema()
    tensors = model.subgraphs[convolution.subgraph].tensors
    operator = model.subgraphs[convolution.subgraph].operators[convolution.operator]
    scales = None if convolution.patterns is None else convolution.patterns.scales
    if convolution.builtin == FULLY_CONNECTED:
        options = fb.FullyConnectedOptionsT()
        options.fusedActivationFunction = convolution.options.fusedActivationFunction
        options.keepNumDims = len(items(tensors[operator.outputs[0]].shape)) > 2
        operator.builtinOptionsType = fb.BuiltinOptions.FullyConnectedOptions
        has_bias = len(operator.inputs) > 2 and operator.inputs[2] != -1
        version = _fully_connected_version(scales, has_bias, options.keepNumDims)
    else:
        options = convolution.options
        operator.builtinOptionsType = fb.BuiltinOptions.Conv2DOptions
        version = 1 if scales is None else 3
    operator.builtinOptions = options
    operator.customOptions = None
    builtin = getattr(fb.BuiltinOperator, convolution.builtin)
    operator.opcodeIndex = _operator_code(model, builtin, version)


def _fully_connected_version(
    scales: np.ndarray | None, has_bias: bool, keeps_dimensions: bool
) -> int:
    """The first version of FULLY_CONNECTED that knows what is used of it."""
    if scales is not None and not _all_equal(scales):
        return 12
    if not has_bias:
        return 6
    if keeps_dimensions:
        return 5
    return 1 if scales is None else 4


def _all_equal(scales: np.ndarray) -> bool:
    return bool(np.all(scales == scales[0]))


def _make_bytes_tensor(tensor: Any, size: int) -> None:
    """Makes a tensor the holder of FKW bytes, which carry its type, shape and scales."""
    tensor.type = schema().TensorType.UINT8
    tensor.shape = np.array([size], np.int32)
    tensor.sparsity = None
    if tensor.quantization is not None:
        tensor.quantization = copy.copy(tensor.quantization)
        tensor.quantization.scale = tensor.quantization.zeroPoint = None


def _make_weights_tensor(tensor: Any, weights: PatternWeights, is_matrix: bool) -> None:
    """Makes a tensor the holder of dense weights again."""
    fb = schema()
    tensor.type = fb.TensorType.FLOAT32 if weights.scales is None else fb.TensorType.INT8
    shape = weights.dense_shape
    tensor.shape = np.array(shape[:: len(shape) - 1] if is_matrix else shape, np.int32)
    if weights.scales is not None:
        one = is_matrix and _all_equal(weights.scales)
        tensor.quantization = copy.copy(tensor.quantization) or fb.QuantizationParametersT()
        tensor.quantization.scale = weights.scales[:1] if one else weights.scales
        tensor.quantization.zeroPoint = np.zeros(len(tensor.quantization.scale), np.int64)


def _replace_data(model: Any, new: dict[TensorKey, bytes]) -> None:
    """Gives tensors new data; buffers that other tensors use as well are left to those."""
    fb = schema()
    users: dict[int, set[TensorKey | None]] = collections.defaultdict(set)
    for subgraph, graph in enumerate(model.subgraphs):
        for place, tensor in enumerate(items(graph.tensors)):
            users[tensor.buffer].add((subgraph, place))
    metadata = [entry.buffer for entry in items(model.metadata)]
    for buffer in (*metadata, *items(model.metadataBuffer)):
        users[buffer].add(None)
    placed: dict[tuple[int, bytes], int] = {}
    for (subgraph, place), data in new.items():
        tensor = model.subgraphs[subgraph].tensors[place]
        old = tensor.buffer
        if (old, data) not in placed:
            free = users[old] <= new.keys() and old not in placed.values()
            placed[old, data] = old if free else len(model.buffers)
            if not free:
                model.buffers.append(fb.BufferT())
            model.buffers[placed[old, data]].data = np.frombuffer(data, np.uint8)
        tensor.buffer = placed[old, data]


def _remove_idle_densify(model: Any, convolutions: list[Convolution]) -> None:
    """Removes the DENSIFY operators whose outputs nothing reads any more."""
    for index in {conv.subgraph for conv in convolutions if conv.densified}:
        graph = Graph(model, index)
        graph.subgraph.operators = [
            operator
            for place, operator in enumerate(graph.operators)
            if graph.kinds[place] != DENSIFY or list(_readers(graph, graph.operands(place)[-1]))
        ]


def _operator_code(model: Any, builtin: int, version: int, custom: bytes | None = None) -> int:
    """Returns the index of an operator code of at least `version`, adding it if need be."""
    for place, code in enumerate(model.operatorCodes):
        if builtin_code(code) == builtin and (code.customCode or None) == custom:
            code.version = max(code.version, version)
            return place
    code = schema().OperatorCodeT()
    code.builtinCode = builtin
    code.deprecatedBuiltinCode = min(builtin, 127)  # What readers of old files look at.
    code.version = version
    code.customCode = custom
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _remove_unused_codes(model: Any) -> None:
    """Removes the operator codes that no operator uses, which a resolver need not know.

    The others are put in the order of their first use, as TensorFlow's converter does.
    """
    operators = [op for graph in model.subgraphs for op in items(graph.operators)]
    used = list(dict.fromkeys(operator.opcodeIndex for operator in operators))
    model.operatorCodes = [model.operatorCodes[index] for index in used]
    for operator in operators:
        operator.opcodeIndex = used.index(operator.opcodeIndex)
