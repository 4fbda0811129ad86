"""Engines that need an environment of their own: they run in a process of its Python."""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_pconv.benchmark import worker
from tf_pconv.benchmark.contestants.contestant import Contestant, EngineError

if TYPE_CHECKING:
    import numpy.typing as npt

WORKER = pathlib.Path(worker.__file__).parent


class Outside(Contestant):
    """A model that an engine has loaded in a process of another Python, which times it as well.

    While it is not asked for anything, that process waits for the next request.

    Args:
        model: The file that the engine reads.
        threads: Number of threads.
        python: Python of the environment; nothing but NumPy and the engine need be installed there.
        engine_file: What `tf_pconv.benchmark.worker` loads the engine with.
        numbers: As in `Contestant`.

    Raises:
        EngineError: The process cannot start, is no Python, has ended, or reports an error.
    """

    def __init__(
        self, model: bytes, threads: int, python: str, engine_file: pathlib.Path, numbers: str
    ) -> None:
        self.numbers = numbers
        folder = tempfile.TemporaryDirectory(prefix="tf_pconv-")
        self._folder = pathlib.Path(folder.name)
        self._said = self._folder / "said"
        (self._folder / "model").write_bytes(model)
        try:
            with self._said.open("wb") as said:
                self._process: Any = subprocess.Popen(
                    [python, "-I", WORKER, engine_file],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    text=True,
                )
        except OSError as error:
            folder.cleanup()
            raise EngineError(f"the Python {python!r} does not start: {error.strerror}.") from error
        weakref.finalize(self, _end, self._process, folder)
        loaded = self._ask("load", model=str(self._folder / "model"), threads=threads)
        self.version = loaded["version"]

    def set_inputs(self, inputs: Sequence[npt.NDArray[Any]]) -> None:
        """See `Contestant`."""
        file = self._folder / "inputs.npz"
        np.savez(file, *inputs)
        self._ask("set_inputs", file=str(file))

    def invoke(self) -> None:
        """See `Contestant`."""
        self._ask("invoke")

    def take_times(self, clock: str, seconds: float, least: int) -> list[float]:
        """See `Contestant`."""
        return self._ask("take_times", clock=clock, seconds=seconds, least=least)["times"]

    def outputs(self) -> list[npt.NDArray[Any]]:
        """See `Contestant`."""
        file = self._folder / "outputs.npz"
        self._ask("outputs", file=str(file))
        with np.load(file, allow_pickle=False) as arrays:
            return [arrays[name] for name in arrays.files]

    def _ask(self, request: str, **arguments: Any) -> dict[str, Any]:
        try:
            print(json.dumps([request, arguments]), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self._process.wait()
            said = self._said.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
            raise EngineError(f"its process ended with exit code {code}; it said: {said[0]}")
        try:
            answer = json.loads(line)
        except json.JSONDecodeError as error:
            said = line.strip()
            raise EngineError(f"it answers {said!r} instead of JSON; is it a Python?") from error
        if "error" in answer:
            raise EngineError(answer["error"])
        return answer


def _end(process: subprocess.Popen[str], folder: tempfile.TemporaryDirectory[str]) -> None:
    """Ends a process, in the midst of what it was asked for if nobody waits for that any more."""
    process.kill()
    with contextlib.suppress(BrokenPipeError), process:  # closes its pipes and waits
        pass
    folder.cleanup()
