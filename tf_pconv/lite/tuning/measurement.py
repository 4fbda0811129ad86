"""Times ways to run a layer, in turns."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tf_pconv.benchmark.contestants.litert import LiteRt, open_xnnpack
from tf_pconv.benchmark.timing import pinned, take_turns
from tf_pconv.lite.delegation import open_delegated
from tf_pconv.lite.tuning.layers import Layer
from tf_pconv.lite.tuning.tuning_file import Choices, TunedLayer, write_tunings

_SEED = 0


def time_choices(
    layer: Layer, choices: Sequence[Choices | None], threads: int, seconds: float
) -> npt.NDArray[np.float64]:
    """Times ways to run a layer, in turns, as whole interpreter invocations.

    Args:
        layer: The layer.
        choices: How to run it in the delegate; None: dense, in XNNPACK.
        threads: Threads of every side.
        seconds: How long to measure.

    Returns:
        Milliseconds, of shape (rounds, choices).
    """
    with pinned(threads):
        contestants = [_open(layer, each, threads) for each in choices]
        for contestant in contestants:
            contestant.set_inputs(contestant.random_inputs(_SEED))
        return take_turns(contestants, threads, seconds)


def _open(layer: Layer, choices: Choices | None, threads: int) -> LiteRt:
    if choices is None:
        return open_xnnpack(layer.dense, threads)
    with _tuning_file(layer, choices) as path:
        options = {"min_speedup": "0", "tuning": str(path)}
        interpreter, _ = open_delegated(layer.model, options, threads)
    return LiteRt(interpreter)


@contextlib.contextmanager
def _tuning_file(layer: Layer, choices: Choices) -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(prefix="tf-pconv-") as folder:
        path = pathlib.Path(folder) / "tuning.txt"
        write_tunings(path, {layer.processor: {layer.signature: TunedLayer(choices)}})
        yield path
