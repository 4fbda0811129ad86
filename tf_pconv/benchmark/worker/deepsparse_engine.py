"""DeepSparse, for the worker."""

from __future__ import annotations

import os
from typing import Any

os.environ["NM_DISABLE_ANALYTICS"] = "1"  # importing it looks up where the machine is, otherwise

import deepsparse


class DeepSparse:
    """A compiled model."""

    version = deepsparse.__version__

    def __init__(self, path: str, threads: int) -> None:
        self._engine = deepsparse.Engine(path, batch_size=1, num_cores=threads)
        share = self._engine.fraction_of_supported_ops
        if share < 1:
            raise RuntimeError(
                f"{share:.0%} of the model run in DeepSparse, the rest in its ONNX Runtime."
            )
        self._inputs: Any = None
        self._outputs: Any = None

    def set_inputs(self, arrays: Any) -> None:
        """Takes the inputs."""
        self._inputs = arrays

    def invoke(self) -> None:
        """Runs the model once."""
        self._outputs = self._engine.run(self._inputs, val_inp=False)

    def outputs(self) -> Any:
        """Returns the outputs of the last run."""
        return self._outputs


load = DeepSparse
