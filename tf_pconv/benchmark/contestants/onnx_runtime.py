"""ONNX Runtime, with models that `onnx_model` writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tf_pconv.benchmark.contestants.contestant import Contestant
from tf_pconv.benchmark.contestants.graph import read_graph, to_nchw, to_nhwc
from tf_pconv.benchmark.contestants.onnx_model import OnnxWriter, to_signed, to_unsigned

if TYPE_CHECKING:
    import numpy.typing as npt

_ERRORS_ONLY = 3


class OnnxRuntime(Contestant):
    """A session whose inputs and outputs are bound to memory: a run copies nothing."""

    def __init__(self, model: bytes, threads: int, *, unsigned: bool = False) -> None:
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        graph = read_graph(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        self._session = onnxruntime.InferenceSession(
            OnnxWriter(graph, unsigned=unsigned).serialize(),
            options,
            providers=["CPUExecutionProvider"],
        )
        self._value = onnxruntime.OrtValue.ortvalue_from_numpy
        self._unsigned = unsigned
        self._binding = self._session.io_binding()
        for output in self._session.get_outputs():
            self._binding.bind_output(output.name)
        self.numbers = "fp32" if graph.inputs[0].scales is None else "int8"

    def set_inputs(self, inputs: Sequence[npt.NDArray[Any]]) -> None:
        """See `Contestant`."""
        for node, value in zip(self._session.get_inputs(), inputs, strict=True):
            if self._unsigned:
                value = to_unsigned(value)
            self._binding.bind_ortvalue_input(node.name, self._value(to_nchw(value)))

    def invoke(self) -> None:
        """See `Contestant`."""
        self._session.run_with_iobinding(self._binding)

    def outputs(self) -> list[npt.NDArray[Any]]:
        """See `Contestant`."""
        return [to_signed(to_nhwc(value.numpy())) for value in self._binding.get_outputs()]


def open_unsigned(model: bytes, threads: int) -> OnnxRuntime:
    """Loads an int8 `.tflite` with uint8 activations, the type its fastest kernels want."""
    return OnnxRuntime(model, threads, unsigned=True)
