"""The different convolutions of a model, each as models of its own."""

from __future__ import annotations

import dataclasses

from tf_pconv.lite.convolutions import Convolution, find_convolutions
from tf_pconv.lite.delegation import open_delegated
from tf_pconv.lite.flatbuffer import parse, serialize, shape_signature
from tf_pconv.lite.inspection import layer_names
from tf_pconv.lite.isolation import isolate, isolate_dense
from tf_pconv.lite.packing import unpack


@dataclasses.dataclass(frozen=True)
class Layer:
    """A convolution to tune.

    Attributes:
        names: The convolutions of the model that run alike.
        model: A `.tflite` of nothing but the convolution, for the delegate.
        dense: The same for XNNPACK.
        processor: How tuning files call the processor.
        signature: How they call the convolution.
        kernels: Names of all kernels that can run it.
        default_kernel: Name of the kernel that runs it untuned.
    """

    names: tuple[str, ...]
    model: bytes
    dense: bytes
    processor: str
    signature: str
    kernels: tuple[str, ...]
    default_kernel: str


def find_layers(model: bytes, threads: int) -> tuple[list[Layer], dict[str, str]]:
    """Finds the convolutions of a `.tflite` that the delegate can run.

    Args:
        model: The file's bytes.
        threads: Threads of the delegate.

    Returns:
        The different ones, in the order of the file, and for each of those that cannot be tuned
        the reason.
    """
    parsed = parse(model)
    convolutions = find_convolutions(parsed)
    names = layer_names([convolution.name for convolution in convolutions])
    layers: dict[str, Layer] = {}
    reasons: dict[str, str] = {}
    for name, convolution in zip(names, convolutions, strict=True):
        reason = convolution.reason or _input_refusal(parsed, convolution)
        if reason:
            reasons[name] = reason
            continue
        layer = _open(parsed, convolution, name, threads)
        known = layers.get(layer.signature)
        if known is not None:
            layer = dataclasses.replace(known, names=(*known.names, name))
        layers[layer.signature] = layer
    return list(layers.values()), reasons


def _input_refusal(parsed: object, convolution: Convolution) -> str:
    graph = parsed.subgraphs[convolution.subgraph]  # type: ignore[attr-defined]
    source = graph.tensors[graph.operators[convolution.operator].inputs[0]]
    _, *sides, _ = shape_signature(source)
    return "" if all(side > 0 for side in sides) else "the file does not say how large its input is"


def _open(parsed: object, convolution: Convolution, name: str, threads: int) -> Layer:
    packed = convolution.dense is None
    alone = serialize((isolate if packed else isolate_dense)(parsed, convolution))
    _, delegation = open_delegated(alone, {"min_speedup": "0"}, threads)
    (layer,) = delegation.layers
    return Layer(
        names=(name,),
        model=alone,
        dense=unpack(alone) if packed else alone,
        processor=delegation.processor,
        signature=layer.signature,
        kernels=layer.kernels,
        default_kernel=delegation.kernels[0],
    )
