"""What an engine must do to take part in a comparison."""

from __future__ import annotations

import abc
import dataclasses
import importlib.metadata
import importlib.util
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tf_pconv.benchmark.worker import stopwatch

if TYPE_CHECKING:
    import numpy.typing as npt

DELEGATED, DENSE = "delegated", "dense"
"""Which file of a subject an engine reads: what the delegate runs, or the same weights dense."""


class EngineError(RuntimeError):
    """An engine is not installed, or cannot run a model."""


class Contestant(abc.ABC):
    """A model that an engine has loaded. Whatever layout it prefers, tensors here are NHWC.

    Attributes:
        numbers: Type that it computes in, such as `int8`, `fp32` or `bf16`.
        version: Of an engine in another environment, whose packages are not seen here.
    """

    numbers: str
    version = ""

    @abc.abstractmethod
    def set_inputs(self, inputs: Sequence[npt.NDArray[Any]]) -> None:
        """Takes the inputs, as the `.tflite` has them; no part of what is timed."""

    def prepare(self) -> None:  # noqa: B027, most have nothing to do
        """Does what must precede each run and is no part of what is timed."""

    @abc.abstractmethod
    def invoke(self) -> None:
        """Runs the model once; this is timed."""

    def take_times(self, clock: str, seconds: float, least: int) -> list[float]:
        """Returns seconds of runs that follow each other; see `stopwatch.take_times`."""
        return stopwatch.take_times(self.prepare, self.invoke, clock, seconds, least)

    @abc.abstractmethod
    def outputs(self) -> list[npt.NDArray[Any]]:
        """Returns the outputs of the last run, as the `.tflite` has them."""


@dataclasses.dataclass(frozen=True)
class Engine:
    """An engine that a user could pick, in one way of using it.

    Attributes:
        name: What `--engine` calls it.
        distribution: Package whose version names the engine's; empty: the contestant tells.
        modules: Modules that must be importable.
        types: Types of the models that it reads, of `float32` and `int8`.
        open: Loads a `.tflite`, given its bytes and a number of threads.
        file: The file that it reads.
        options: Names of `Settings` that `open` takes as well.
        dense: Whether weights that are zero take their time.
        threads: The threads that it always has; None: as many as all have.
        slow: Whether it takes minutes before it can first run a model.
    """

    name: str
    distribution: str
    modules: tuple[str, ...]
    types: tuple[str, ...]
    open: Callable[..., Contestant]
    file: str = DENSE
    options: tuple[str, ...] = ()
    dense: bool = True
    threads: int | None = None
    slow: bool = False

    @property
    def installed(self) -> bool:
        """Whether its packages are installed."""
        return all(importlib.util.find_spec(module) is not None for module in self.modules)

    @property
    def version(self) -> str:
        """Version of the installed package."""
        return importlib.metadata.version(self.distribution) if self.distribution else ""

    def reads(self, dtype: str) -> str:
        """Returns the type of the file it reads where the delegate computes in `dtype`."""
        return dtype if dtype in self.types else self.types[0]
