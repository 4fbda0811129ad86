"""Times pattern convolutions against what a user would have had without them: dense XNNPACK.

Both files run in one process on the same processors, in turns, as whole interpreter invocations
with NHWC tensors in and out. The figure to quote is the median of the ratios of neighbouring turns,
which forgives a machine whose speed drifts. With one thread, the thread's processor time is taken:
that of the clock, less what other programs took, who would interrupt the slower side more often.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

import numpy as np

from tf_pconv.lite.delegation import open_delegated
from tf_pconv.lite.layer_case import LayerCase, build_layer
from tf_pconv.lite.network_case import NetworkCase, build_network
from tf_pconv.lite.timing import median_interval, pinned, take_turns
from tf_pconv.lite.verification import FLOAT_DIFFERENCE, INT8_DIFFERENCE


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
        case: The layer or network, unless it came from a file.
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
    case: LayerCase | NetworkCase | None = None


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
    comparison = compare(
        pack(dense, verify=False, min_speedup=0).model, dense, case.name, **settings
    )
    # What one convolution may differ by, for each of them.
    tolerance = case.chain * (INT8_DIFFERENCE if case.dtype == "int8" else FLOAT_DIFFERENCE)
    if not comparison.largest_difference <= tolerance:
        raise RuntimeError(
            f"{case.name}: outputs of delegate and XNNPACK differ by "
            f"{comparison.largest_difference:g}, but {tolerance:g} is the most that rounding "
            "explains. A wrong result has no speed; please report this."
        )
    return dataclasses.replace(comparison, case=case)


def benchmark_network(
    case: NetworkCase, cache: str | os.PathLike[str] | None = None, **settings: Unpack[Settings]
) -> Comparison:
    """Times a network with the delegate against the same weights, dense, in XNNPACK alone.

    Args:
        case: The network. The delegate may find nothing in it that it takes.
        cache: As in `build_network`.
        **settings: Those of `Settings`.

    Returns:
        The measurement.
    """
    from tf_pconv.lite.packing import pack

    dense = build_network(case, _complete(settings)["seed"], cache)
    packed = pack(dense, verify=False).model
    comparison = compare(packed, dense, case.name, required=False, **settings)
    return dataclasses.replace(comparison, case=case)


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


def compare(
    delegated: bytes,
    dense: bytes,
    name: str,
    *,
    required: bool = True,
    **settings: Unpack[Settings],
) -> Comparison:
    """Times `delegated` in the delegate and `dense` in XNNPACK, in turns.

    Args:
        delegated: A `.tflite` of which the delegate takes at least one node.
        dense: A `.tflite` with the same inputs and outputs that runs without it.
        name: What to call the measurement.
        required: Whether a model of which the delegate takes nothing is an error.
        **settings: Those of `Settings`.

    Returns:
        The measurement.

    Raises:
        RuntimeError: Nothing that the delegate takes, though it is required.
    """
    chosen = _complete(settings)
    threads = chosen["threads"]
    with pinned(threads):
        ours, delegation = open_delegated(
            delegated, {"kernel": chosen["kernel"]}, threads, required=required
        )
        theirs = _open(dense, threads)
        _set_random_inputs([ours, theirs], chosen["seed"])
        difference, equal = _compare_outputs(ours, theirs)
        turns = take_turns([ours.invoke, theirs.invoke], threads, chosen["seconds"])
    ratios = turns[:, 1] / turns[:, 0]
    low, high = median_interval(ratios)
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
    with pinned(chosen["threads"]):
        interpreter = _open(model, chosen["threads"])
        _set_random_inputs([interpreter], chosen["seed"])
        turns = take_turns([interpreter.invoke], chosen["threads"], chosen["seconds"])
    return float(np.median(turns))


def _complete(settings: Settings) -> Settings:
    return {"kernel": "", "threads": 1, "seconds": 5.0, "seed": 0, **settings}


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
