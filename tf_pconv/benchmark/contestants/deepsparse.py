"""DeepSparse, with models that `onnx_model` writes; it skips weights that are zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tf_pconv.benchmark.contestants.contestant import EngineError
from tf_pconv.benchmark.contestants.graph import read_graph, to_nchw, to_nhwc
from tf_pconv.benchmark.contestants.onnx_model import IntegerOnnxWriter, to_signed, to_unsigned
from tf_pconv.benchmark.contestants.outside import WORKER, Outside

if TYPE_CHECKING:
    import numpy.typing as npt

_ENGINE_FILE = WORKER / "deepsparse_engine.py"


class DeepSparse(Outside):
    """A compiled model.

    It needs NumPy 1 and a Python of its own. QDQ models would run in the ONNX Runtime that it
    bundles, so that int8 models are written with integer operators.
    """

    def __init__(self, model: bytes, threads: int, engine_python: str) -> None:
        if not engine_python:
            raise EngineError(
                "it needs an environment of its own; name the Python of one that has it with "
                "--engine_python (docs/benchmarking.md)."
            )
        graph = read_graph(model)
        numbers = "fp32" if graph.inputs[0].scales is None else "int8"
        super().__init__(
            IntegerOnnxWriter(graph).serialize(),
            threads,
            engine_python,
            _ENGINE_FILE,
            numbers,
        )

    def set_inputs(self, inputs: Sequence[npt.NDArray[Any]]) -> None:
        """See `Contestant`."""
        super().set_inputs([to_unsigned(to_nchw(value)) for value in inputs])

    def outputs(self) -> list[npt.NDArray[Any]]:
        """See `Contestant`."""
        return [to_signed(to_nhwc(value)) for value in super().outputs()]
