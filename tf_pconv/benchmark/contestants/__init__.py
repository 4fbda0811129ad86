"""Engines that a user could pick: `engine` returns one by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tf_pconv.benchmark.contestants import litert
from tf_pconv.benchmark.contestants.contestant import (
    DELEGATED,
    DENSE,
    Contestant,
    Engine,
    EngineError,
)
from tf_pconv.benchmark.contestants.deepsparse import DeepSparse
from tf_pconv.benchmark.contestants.mnn import Mnn
from tf_pconv.benchmark.contestants.ncnn import Ncnn
from tf_pconv.benchmark.contestants.onnx_runtime import OnnxRuntime, open_unsigned
from tf_pconv.benchmark.contestants.openvino import OpenVino, open_default
from tf_pconv.benchmark.contestants.tvm import Tvm

__all__ = [
    "ALL",
    "DEFAULT",
    "DELEGATED",
    "DENSE",
    "ENGINES",
    "INSTALL",
    "Contestant",
    "Engine",
    "EngineError",
    "selected",
]

_BOTH, _FLOAT, _INT8 = ("float32", "int8"), ("float32",), ("int8",)
_LITERT = ("ai-edge-litert", ("ai_edge_litert",))
_ONNX_RUNTIME = ("onnxruntime", ("onnxruntime", "onnx"))
_OPENVINO = ("openvino", ("openvino",))
_TVM_MODULES = ("tvm", "cloudpickle", "psutil", "xgboost")
_DELEGATE = Engine(
    "delegate",
    *_LITERT,
    _BOTH,
    litert.open_with_delegate,
    DELEGATED,
    options=("kernel",),
    dense=False,
)

ENGINES = {
    engine.name: engine
    for engine in (
        Engine("xnnpack", *_LITERT, _BOTH, litert.open_xnnpack),
        Engine("xnnpack-fp32", *_LITERT, _FLOAT, litert.open_xnnpack),
        Engine("xnnpack-1-thread", *_LITERT, _BOTH, litert.open_xnnpack, threads=1),
        Engine("onnxruntime", *_ONNX_RUNTIME, _BOTH, OnnxRuntime),
        Engine("onnxruntime-u8s8", *_ONNX_RUNTIME, _INT8, open_unsigned),
        Engine("openvino", *_OPENVINO, _BOTH, OpenVino),
        Engine("openvino-default", *_OPENVINO, _FLOAT, open_default),
        Engine("mnn", "MNN", ("MNN", "_tools"), _FLOAT, Mnn),
        Engine("ncnn", "ncnn", ("ncnn",), _BOTH, Ncnn),
        Engine("tvm", "", _TVM_MODULES, _FLOAT, Tvm, slow=True),
        Engine(
            "deepsparse", "", ("onnx",), _BOTH, DeepSparse, options=("engine_python",), dense=False
        ),
        _DELEGATE,
        dataclasses.replace(_DELEGATE, name="delegate-1-thread", threads=1),
    )
}
"""By name. `delegate` runs the delegate's own file a second time: what differs is noise. Those of
one thread show what more threads gain."""

DEFAULT = "xnnpack"

ALL = "all"
"""Stands for every dense engine that reads files of the type that the delegate runs, without `slow`
ones."""

INSTALL = "install the engines with: pip install 'tf-pconv[bench]'"


def selected(names: Sequence[str], dtype: str) -> list[Engine]:
    """Returns engines by name, each once.

    Args:
        names: Names of `ENGINES`, or `ALL`.
        dtype: Type of the file that the delegate runs, which `ALL` goes by.

    Raises:
        ValueError: An unknown name.
    """
    chosen: dict[str, Engine] = {}
    for name in names:
        if name == ALL:
            chosen |= {
                other.name: other
                for other in ENGINES.values()
                if dtype in other.types
                and other.dense
                and not other.slow
                and not _repeats(other, dtype)
            }
        elif name in ENGINES:
            chosen[name] = ENGINES[name]
        else:
            raise ValueError(
                f"engine must be {ALL} or one of {', '.join(ENGINES)}, but is {name!r}."
            )
    return list(chosen.values())


def _repeats(engine: Engine, dtype: str) -> bool:
    """Whether an engine does what another one does with files of this type."""
    is_xnnpack_again = engine.name == "xnnpack-fp32" and dtype == "float32"
    return is_xnnpack_again or engine.threads is not None
