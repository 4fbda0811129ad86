"""ncnn, with models that `ncnn_model` writes."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_pconv.benchmark.contestants.contestant import Contestant, EngineError
from tf_pconv.benchmark.contestants.graph import read_graph, to_nchw, to_nhwc
from tf_pconv.benchmark.contestants.ncnn_model import NcnnWriter

if TYPE_CHECKING:
    import numpy.typing as npt


class Ncnn(Contestant):
    """A net of ncnn; float32 models only."""

    numbers = "fp32"

    def __init__(self, model: bytes, threads: int) -> None:
        import ncnn

        graph = read_graph(model)
        description, weights = NcnnWriter(graph).serialize()
        self._inputs = [tensor.name for tensor in graph.inputs]
        self._outputs = [(tensor.name, tensor.shape) for tensor in graph.outputs]
        self._net = ncnn.Net()
        self._net.opt.num_threads = threads
        self._mat = ncnn.Mat
        with tempfile.TemporaryDirectory() as folder:
            text, binary = (pathlib.Path(folder) / name for name in ("net.param", "net.bin"))
            text.write_text(description)
            binary.write_bytes(weights)
            if self._net.load_param(str(text)) or self._net.load_model(str(binary)):
                raise EngineError("ncnn does not take the model.")
        self._values: list[Any] = []
        self._results: list[Any] = []

    def set_inputs(self, inputs: Sequence[npt.NDArray[Any]]) -> None:
        """See `Contestant`."""
        arrays = [to_nchw(value)[0] for value in inputs]  # which a Mat does not keep alive
        self._values = [self._mat(array).clone() for array in arrays]

    def invoke(self) -> None:
        """See `Contestant`."""
        extractor = self._net.create_extractor()
        for name, value in zip(self._inputs, self._values, strict=True):
            extractor.input(name, value)
        self._results = [extractor.extract(name)[1] for name, _ in self._outputs]

    def outputs(self) -> list[npt.NDArray[Any]]:
        """See `Contestant`."""
        return [
            to_nhwc(np.array(result)[None]).reshape(shape)
            for result, (_, shape) in zip(self._results, self._outputs, strict=True)
        ]
