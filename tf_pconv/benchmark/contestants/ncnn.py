"""ncnn, with models that `ncnn_model` writes."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_pconv.benchmark.contestants.contestant import Contestant, EngineError
from tf_pconv.benchmark.contestants.graph import Tensor, read_graph, to_nchw, to_nhwc
from tf_pconv.benchmark.contestants.ncnn_model import NcnnWriter, unit

if TYPE_CHECKING:
    import numpy.typing as npt


_AS_IT_IS = 1  # what an extractor returns would else become float32


class Ncnn(Contestant):
    """A net of ncnn."""

    def __init__(self, model: bytes, threads: int) -> None:
        import ncnn

        graph = read_graph(model)
        self.numbers = "fp32" if graph.inputs[0].scales is None else "int8"
        writer = NcnnWriter(graph)
        description, weights = writer.serialize()
        self._inputs, self._outputs = graph.inputs, graph.outputs
        self._integers = writer.integers
        self._net = ncnn.Net()
        self._net.opt.num_threads = threads
        self._ncnn = ncnn
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
        arrays = [  # which a Mat does not keep alive
            to_nchw(self._to_ncnn(tensor, value))[0]
            for tensor, value in zip(self._inputs, inputs, strict=True)
        ]
        self._values = [self._ncnn.Mat(array).clone() for array in arrays]

    def invoke(self) -> None:
        """See `Contestant`."""
        extractor = self._net.create_extractor()
        for tensor, value in zip(self._inputs, self._values, strict=True):
            extractor.input(tensor.name, value)
        results = [extractor.extract(tensor.name, _AS_IT_IS)[1] for tensor in self._outputs]
        self._results = [self._ncnn.convert_packing(result, 1, self._net.opt) for result in results]

    def outputs(self) -> list[npt.NDArray[Any]]:
        """See `Contestant`."""
        return [
            self._to_tflite(tensor, to_nhwc(np.array(result)[None]).reshape(tensor.shape))
            for result, tensor in zip(self._results, self._outputs, strict=True)
        ]

    def _to_ncnn(self, tensor: Tensor, value: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns the activation that stands for one of the `.tflite`."""
        if tensor.scales is None:
            return value
        real = (value - np.float32(tensor.zero_point)) * tensor.scales[0]
        return _to_int8(real / unit(tensor)) if tensor in self._integers else real

    def _to_tflite(self, tensor: Tensor, value: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns the activation of the `.tflite` that one stands for."""
        if tensor.scales is None:
            return value
        real = value * unit(tensor) if tensor in self._integers else value
        return _to_int8(real / tensor.scales[0] + tensor.zero_point)


def _to_int8(values: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
    return np.clip(np.round(values), -128, 127).astype(np.int8)
