"""What is timed: the file that the delegate runs, and the same weights dense."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable

import numpy as np

from tf_pconv.benchmark.contestants import EngineError
from tf_pconv.benchmark.layer_case import LayerCase, build_layer
from tf_pconv.benchmark.network_case import NetworkCase, build_network
from tf_pconv.lite import flatbuffer


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model to time.

    Attributes:
        name: What to call it.
        dtype: `"int8"` or `"float32"`: the type of its activations.
        delegated: The `.tflite` that the delegate runs.
        dense: Returns the `.tflite` with the same weights, dense, in one of both types.
        case: The layer or network, unless it came from a file.
    """

    name: str
    dtype: str
    delegated: bytes
    dense: Callable[[str], bytes]
    case: LayerCase | NetworkCase | None = None

    @classmethod
    def from_files(cls, name: str, delegated: bytes, dense: bytes) -> Subject:
        """Returns a model given as two files.

        Args:
            name: What to call it.
            delegated: The `.tflite` that the delegate runs.
            dense: A `.tflite` with the same inputs and outputs that runs without the delegate.
        """
        dtype = _input_type(dense)

        def load(wanted: str) -> bytes:
            if wanted != dtype:
                raise EngineError(f"reads {wanted} files, but {name} is {dtype}.")
            return dense

        return cls(name, dtype, delegated, load)

    @classmethod
    def from_path(cls, path: str | os.PathLike[str]) -> Subject:
        """Returns the model of a `.tflite`; its dense weights are those of its unpacked form."""
        from tf_pconv.lite.packing import unpack

        model = pathlib.Path(path).read_bytes()
        return cls.from_files(pathlib.Path(path).name, model, unpack(model))

    @classmethod
    def from_layer(cls, case: LayerCase, seed: int = 0, *, packed: bool = True) -> Subject:
        """Returns a layer, or a chain of them.

        Args:
            case: The layer.
            seed: Seed of its weights.
            packed: Whether the delegate runs the packed file, packed whatever that gains;
                otherwise it runs the dense one.
        """
        from tf_pconv.lite.packing import pack

        def load(dtype: str) -> bytes:
            return build_layer(dataclasses.replace(case, dtype=dtype), seed)

        delegated = load(case.dtype)
        if packed:
            delegated = pack(delegated, verify=False, min_speedup=0).model
        return cls(case.name, case.dtype, delegated, load, case)

    @classmethod
    def from_network(
        cls,
        case: NetworkCase,
        seed: int = 0,
        cache: str | os.PathLike[str] | None = None,
        *,
        packed: bool = True,
    ) -> Subject:
        """Returns a network.

        Args:
            case: The network.
            seed: Seed of weights and calibration.
            cache: As in `build_network`.
            packed: Whether the delegate runs the packed file; otherwise it runs the dense one.
        """
        from tf_pconv.lite.packing import pack

        def load(dtype: str) -> bytes:
            return build_network(dataclasses.replace(case, dtype=dtype), seed, cache)

        delegated = load(case.dtype)
        if packed:
            delegated = pack(delegated, verify=False).model
        return cls(case.name, case.dtype, delegated, load, case)


def _input_type(model: bytes) -> str:
    (graph, *_) = flatbuffer.parse(model).subgraphs
    tensor_type = graph.tensors[graph.inputs[0]].type
    name = flatbuffer.enum_name(flatbuffer.schema().TensorType, tensor_type).lower()
    return np.dtype(name).name
