"""Times pattern convolutions against what a user would have had without them: dense XNNPACK.

Both files run in one process on the same processors, in turns, as whole interpreter invocations
with NHWC tensors in and out. The figure to quote is the median of the ratios of neighbouring turns,
which forgives a machine whose speed drifts. With one thread, the thread's processor time is taken:
that of the clock, less what other programs took, who would interrupt the slower side more often.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np

from tf_pconv.lite.delegation import open_delegated
from tf_pconv.lite.layer_case import LayerCase, build_layer

if TYPE_CHECKING:
    import numpy.typing as npt

_TURN_SECONDS = 0.03
_TURN_INVOCATIONS = 3
_LEAST_ROUNDS = 5
_RESAMPLES = 1000

# Two exact implementations may round an int8 output differently, by one unit; sums of float32
# in another order differ by this share of the largest output.
_INT8_TOLERANCE = 1
_FLOAT_TOLERANCE = 1e-5


class Settings(TypedDict, total=False):
    """How to measure.

    Attributes:
        kernel: Kernel of the delegate by name. Default: the delegate chooses.
        threads: Threads of either side, pinned to as many processors. Default: 1.
        seconds: How long to measure. Default: 5.
        seed: Seed of weights and inputs. Default: 0.
    """

    kernel: str
    threads: int
    seconds: float
    seed: int


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What one benchmark measured; times are milliseconds of one invocation.

    Attributes:
        name: What was measured.
        delegate_ms: Median with the delegate.
        dense_ms: Median of the same weights, dense, in XNNPACK.
        speedup: Median of the ratios dense / delegate of neighbouring turns.
        speedup_low: Lower end of the 95 % bootstrap interval of `speedup`.
        speedup_high: Its upper end.
        rounds: Pairs of turns.
        delegated: Nodes that the delegate runs.
        nodes: Nodes of the model.
        kernels: Names of the kernels that run them.
        threads: Threads of either side.
        delegate_bytes: Size of the file that runs in the delegate.
        dense_bytes: Size of the dense file.
        largest_difference: Largest difference of an output, in units of quantisation for integer
            outputs and as a share of the largest output otherwise.
        equal_share: Share of equal outputs.
    """

    name: str
    delegate_ms: float
    dense_ms: float
    speedup: float
    speedup_low: float
    speedup_high: float
    rounds: int
    delegated: int
    nodes: int
    kernels: tuple[str, ...]
    threads: int
    delegate_bytes: int
    dense_bytes: int
    largest_difference: float
    equal_share: float


def benchmark_layer(case: LayerCase, **settings: Unpack[Settings]) -> Comparison:
    """Times one packed layer in the delegate against the same weights, dense, in XNNPACK.

    Args:
        case: The layer.
        **settings: Those of `Settings`.

    Returns:
        The measurement.

    Raises:
        ValueError: More threads than processors, or a kernel that is unknown or cannot run here.
        RuntimeError: Outputs that disagree, or a kernel that cannot run the layer.
        FileNotFoundError: No delegate library.

    Example:
        >>> benchmark_layer(LayerCase(64, 64, 56), seconds=1.0).speedup  # doctest: +SKIP
        2.8
    """
    from tf_pconv.lite.packing import pack

    dense = build_layer(case, _complete(settings)["seed"])
    comparison = compare(pack(dense, verify=False).model, dense, case.name, **settings)
    tolerance = _INT8_TOLERANCE if case.dtype == "int8" else _FLOAT_TOLERANCE
    if not comparison.largest_difference <= tolerance:
        raise RuntimeError(
            f"{case.name}: outputs of delegate and XNNPACK differ by "
            f"{comparison.largest_difference:g}, but {tolerance:g} is the most that rounding "
            "explains. A wrong result has no speed; please report this."
        )
    return comparison


def benchmark_model(path: str | os.PathLike[str], **settings: Unpack[Settings]) -> Comparison:
    """Times a `.tflite` with the delegate against the same model, dense, in XNNPACK alone.

    Args:
        path: A packed file, whose rival is its unpacked form, or any other `.tflite`.
        **settings: Those of `Settings`.

    Returns:
        The measurement.

    Raises:
        ValueError: A file that is no `.tflite`.
        RuntimeError: Nothing that the delegate takes.
    """
    from tf_pconv.lite.packing import unpack

    model = pathlib.Path(path).read_bytes()
    return compare(model, unpack(model), pathlib.Path(path).name, **settings)


def compare(delegated: bytes, dense: bytes, name: str, **settings: Unpack[Settings]) -> Comparison:
    """Times `delegated` in the delegate and `dense` in XNNPACK, in turns.

    Args:
        delegated: A `.tflite` of which the delegate takes at least one node.
        dense: A `.tflite` with the same inputs and outputs that runs without it.
        name: What to call the measurement.
        **settings: Those of `Settings`.

    Returns:
        The measurement.

    Raises:
        RuntimeError: Nothing that the delegate takes.
    """
    chosen = _complete(settings)
    threads = chosen["threads"]
    with _pinned(threads):
        ours, delegation = open_delegated(delegated, {"kernel": chosen["kernel"]}, threads)
        theirs = _open(dense, threads)
        _set_random_inputs([ours, theirs], chosen["seed"])
        difference, equal = _compare_outputs(ours, theirs)
        turns = _take_turns([ours.invoke, theirs.invoke], threads, chosen["seconds"])
    ratios = turns[:, 1] / turns[:, 0]
    low, high = _median_interval(ratios)
    return Comparison(
        name=name,
        delegate_ms=float(np.median(turns[:, 0])),
        dense_ms=float(np.median(turns[:, 1])),
        speedup=float(np.median(ratios)),
        speedup_low=low,
        speedup_high=high,
        rounds=len(turns),
        delegated=delegation.delegated,
        nodes=delegation.nodes,
        kernels=delegation.kernels,
        threads=threads,
        delegate_bytes=len(delegated),
        dense_bytes=len(dense),
        largest_difference=difference,
        equal_share=equal,
    )


def time_dense(model: bytes, **settings: Unpack[Settings]) -> float:
    """Returns the median milliseconds of one invocation of a `.tflite` in XNNPACK alone.

    Args:
        model: The file's bytes.
        **settings: Those of `Settings`; a `kernel` changes nothing.

    Returns:
        Milliseconds.
    """
    chosen = _complete(settings)
    with _pinned(chosen["threads"]):
        interpreter = _open(model, chosen["threads"])
        _set_random_inputs([interpreter], chosen["seed"])
        turns = _take_turns([interpreter.invoke], chosen["threads"], chosen["seconds"])
    return float(np.median(turns))


def _complete(settings: Settings) -> Settings:
    return {"kernel": "", "threads": 1, "seconds": 5.0, "seed": 0, **settings}


@contextlib.contextmanager
def _pinned(threads: int) -> Iterator[None]:
    """Pins this thread, and those that it starts, to as many processors as there are threads."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    if threads > len(before):
        raise ValueError(f"threads must be at most {len(before)} here, but is {threads}.")
    # The first processors tend to serve interrupts.
    os.sched_setaffinity(0, sorted(before)[-threads:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _open(model: bytes, threads: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=threads)
    interpreter.allocate_tensors()
    return interpreter


def _set_random_inputs(interpreters: Sequence[Any], seed: int) -> None:
    """Sets the same inputs in interpreters of one signature."""
    random = np.random.default_rng(seed)
    for details in zip(*(each.get_input_details() for each in interpreters), strict=True):
        shape, dtype = details[0]["shape"], np.dtype(details[0]["dtype"])
        if np.issubdtype(dtype, np.integer):
            limits = np.iinfo(dtype)
            value = random.integers(limits.min, limits.max, shape, dtype, endpoint=True)
        else:
            value = random.standard_normal(shape).astype(dtype)
        for interpreter, detail in zip(interpreters, details, strict=True):
            interpreter.set_tensor(detail["index"], value)


def _compare_outputs(ours: Any, theirs: Any) -> tuple[float, float]:
    """Returns the largest difference and the share of equal outputs."""
    ours.invoke()
    theirs.invoke()
    largest, equal, total = 0.0, 0, 0
    for mine, other in zip(ours.get_output_details(), theirs.get_output_details(), strict=True):
        value, expected = ours.get_tensor(mine["index"]), theirs.get_tensor(other["index"])
        equal += int(np.count_nonzero(value == expected))
        total += value.size
        difference = float(np.max(np.abs(np.subtract(value, expected, dtype=np.float64))))
        if not np.issubdtype(value.dtype, np.integer):
            difference /= float(np.max(np.abs(expected))) or 1.0
        largest = max(largest, difference)
    return largest, equal / total


def _take_turns(
    invokes: Sequence[Callable[[], None]], threads: int, seconds: float
) -> npt.NDArray[np.float64]:
    """Returns milliseconds of one invocation, of shape (rounds, sides)."""
    clock = time.thread_time if threads == 1 else time.perf_counter
    for invoke in invokes:
        _turn(invoke, clock)  # warms caches, pages and the processor
    rounds: list[list[float]] = []
    end = time.perf_counter() + seconds
    while len(rounds) < _LEAST_ROUNDS or time.perf_counter() < end:
        rounds.append([_turn(invoke, clock) for invoke in invokes])
    return np.asarray(rounds)


def _turn(invoke: Callable[[], None], clock: Callable[[], float]) -> float:
    """Returns the median milliseconds of invocations that follow each other."""
    invoke()  # the other side has emptied the caches
    times: list[float] = []
    end = clock() + _TURN_SECONDS
    while len(times) < _TURN_INVOCATIONS or clock() < end:
        start = clock()
        invoke()
        times.append(clock() - start)
    return 1e3 * statistics.median(times)


def _median_interval(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Returns the 95 % bootstrap interval of the median."""
    picks = np.random.default_rng(0).integers(len(values), size=(_RESAMPLES, len(values)))
    low, high = np.percentile(np.median(values[picks], axis=1), [2.5, 97.5])
    return float(low), float(high)
