"""MNN, whose native converter reads `.tflite` files.

Its console scripts do more than convert: they install packages and upload usage logs. The native
module that they call does neither, and is all that is used here.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_pconv.benchmark.contestants.contestant import Contestant, EngineError

if TYPE_CHECKING:
    import numpy.typing as npt


class Mnn(Contestant):
    """A session of MNN; float32 models only."""

    numbers = "fp32"

    def __init__(self, model: bytes, threads: int) -> None:
        with tempfile.TemporaryDirectory() as folder, _silent_stdout():
            import MNN

            source, target = (pathlib.Path(folder) / name for name in ("m.tflite", "m.mnn"))
            source.write_bytes(model)
            _convert(source, target)
            self._interpreter = MNN.Interpreter(str(target))
            settings = {"backend": "CPU", "numThread": threads, "precision": "normal"}
            self._session = self._interpreter.createSession(settings)
        self._mnn = MNN
        self._inputs: list[tuple[Any, Any]] = []

    def set_inputs(self, inputs: Sequence[npt.NDArray[Any]]) -> None:
        """See `Contestant`."""
        tensors = self._interpreter.getSessionInputAll(self._session).values()
        if len(tensors) != 1:
            raise EngineError("MNN keeps inputs by name only; models of one input are timed.")
        self._inputs = [
            (tensor, self._host_tensor(value))
            for tensor, value in zip(tensors, inputs, strict=True)
        ]

    def prepare(self) -> None:
        """Sets the inputs, which each run overwrites."""
        for tensor, value in self._inputs:
            tensor.copyFrom(value)

    def invoke(self) -> None:
        """See `Contestant`."""
        self._interpreter.runSession(self._session)

    def outputs(self) -> list[npt.NDArray[Any]]:
        """See `Contestant`."""
        values = []
        for tensor in self._interpreter.getSessionOutputAll(self._session).values():
            value = self._host_tensor(np.empty(tensor.getShape(), np.float32))
            tensor.copyToHostTensor(value)
            values.append(np.array(value.getNumpyData()))
        return values

    def _host_tensor(self, value: npt.NDArray[Any]) -> Any:
        layout = self._mnn.Tensor_DimensionType_Tensorflow
        return self._mnn.Tensor(value.shape, self._mnn.Halide_Type_Float, value, layout)


def _convert(source: pathlib.Path, target: pathlib.Path) -> None:
    """Converts in a process of its own: the converter's protobuf gets along with no other."""
    options = ("-f", "TFLITE", "--modelFile", source, "--MNNModel", target, "--bizCode", "bench")
    arguments = ["mnnconvert", *map(str, options)]
    run = subprocess.run(
        [sys.executable, "-c", f"import _tools; _tools.mnnconvert({arguments!r})"],
        capture_output=True,
        text=True,
        check=False,
    )
    if not target.exists():
        said = (run.stdout + run.stderr).strip() or "nothing"
        raise EngineError(f"MNN's converter does not take the model; it said: {said}")


@contextlib.contextmanager
def _silent_stdout() -> Iterator[None]:
    """Holds back what MNN's C++ code prints."""
    sys.stdout.flush()
    original = os.dup(1)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        os.dup2(original, 1)
        os.close(original)
