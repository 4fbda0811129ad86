"""Does what it is told, a line of JSON each, and answers each with a line of JSON.

The argument is a file that defines `load(path, threads)`, which returns an object with a `version`
and the methods `set_inputs(arrays)`, `invoke()` and `outputs()`. Arrays pass through `.npz` files.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from typing import Any

import numpy as np
import stopwatch


class Worker:
    """An engine in this process. Each public method is a request; what it returns is the answer."""

    def __init__(self, engine_file: str) -> None:
        self._load = runpy.run_path(engine_file)["load"]
        self._engine: Any = None

    def load(self, model: str, threads: int) -> dict[str, Any]:
        """Loads a model and returns the engine's version."""
        self._engine = self._load(model, threads)
        return {"version": self._engine.version}

    def set_inputs(self, file: str) -> dict[str, Any]:
        """Reads inputs from a file."""
        with np.load(file, allow_pickle=False) as arrays:
            self._engine.set_inputs([arrays[name] for name in arrays.files])
        return {}

    def invoke(self) -> dict[str, Any]:
        """Runs the model once."""
        self._engine.invoke()
        return {}

    def take_times(self, clock: str, seconds: float, least: int) -> dict[str, Any]:
        """Runs the model as `stopwatch.take_times` does."""
        return {
            "times": stopwatch.take_times(lambda: None, self._engine.invoke, clock, seconds, least)
        }

    def outputs(self, file: str) -> dict[str, Any]:
        """Writes the outputs of the last run to a file."""
        np.savez(file, *self._engine.outputs())
        return {}


def main() -> None:
    """Answers until the other side closes."""
    # Engines print to the standard output, which belongs to the answers.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        worker = None
        for line in sys.stdin:
            request, arguments = json.loads(line)
            try:
                if worker is None:
                    worker = Worker(sys.argv[1])
                answer = getattr(worker, request)(**arguments)
            except Exception as error:  # engines raise whatever they like
                answer = {"error": f"{type(error).__name__}: {error}"}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
