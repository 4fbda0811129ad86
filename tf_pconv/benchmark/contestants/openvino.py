"""OpenVINO, which reads `.tflite` files itself."""

from __future__ import annotations

import pathlib
import sys
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_pconv.benchmark.contestants.contestant import Contestant

if TYPE_CHECKING:
    import numpy.typing as npt


class OpenVino(Contestant):
    """A compiled model with one request.

    float32 models compute in float32 unless `default_precision` leaves the choice to OpenVINO,
    which takes bfloat16 where the processor has it.
    """

    def __init__(self, model: bytes, threads: int, *, default_precision: bool = False) -> None:
        openvino = _without_telemetry()
        core = openvino.Core()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.tflite"
            path.write_bytes(model)
            read = core.read_model(path)
        is_float = read.inputs[0].element_type == openvino.Type.f32
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,  # the benchmark pins
        }
        if is_float and not default_precision:
            settings["INFERENCE_PRECISION_HINT"] = "f32"
        compiled = core.compile_model(read, "CPU", settings)
        precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        self.numbers = {"f32": "fp32"}.get(precision, precision) if is_float else "int8"
        self._openvino, self._request = openvino, compiled.create_infer_request()

    def set_inputs(self, inputs: Sequence[npt.NDArray[Any]]) -> None:
        """See `Contestant`."""
        for place, value in enumerate(inputs):
            self._request.set_input_tensor(place, self._openvino.Tensor(value))

    def invoke(self) -> None:
        """See `Contestant`."""
        self._request.infer()

    def outputs(self) -> list[npt.NDArray[Any]]:
        """See `Contestant`."""
        return [np.array(tensor.data) for tensor in self._request.output_tensors]


def open_default(model: bytes, threads: int) -> OpenVino:
    """Loads a float32 `.tflite` in the precision that OpenVINO chooses."""
    return OpenVino(model, threads, default_precision=True)


def _without_telemetry() -> Any:
    """Imports OpenVINO; where its telemetry cannot be imported, it does without."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
