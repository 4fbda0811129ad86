"""Times pattern convolutions against what a user would have had without them: dense XNNPACK.

Both files run in one process on the same processors, in turns, as whole interpreter invocations
with NHWC tensors in and out. The figure to quote is the median of the ratios of neighbouring turns,
which forgives a machine whose speed drifts. With one thread, the thread's processor time is taken:
that of the clock, less what other programs took, who would interrupt the slower side more often.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import importlib.metadata
import os
import pathlib
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_pconv.lite.delegation import open_delegated
from tf_pconv.lite.flatbuffer import MAX_BYTES
from tf_pconv.lite.quiet import quiet_tensorflow

if TYPE_CHECKING:
    import numpy.typing as npt

DTYPES = ("float32", "int8")
STRIDES = (1, 2)

_TURN_SECONDS = 0.03
_TURN_INVOCATIONS = 3
_LEAST_ROUNDS = 5
_RESAMPLES = 1000

# Two exact implementations may round an int8 output differently, by one unit; sums of float32
# in another order differ by this share of the largest output.
_INT8_TOLERANCE = 1
_FLOAT_TOLERANCE = 1e-5


@dataclasses.dataclass(frozen=True)
class LayerCase:
    """A 3x3 convolution with random weights that follow patterns exactly.

    Attributes:
        channels: Input channels.
        filters: Output channels.
        side: Height and width of the input, in pixels.
        dtype: `"int8"` (quantised by TensorFlow's converter) or `"float32"`.
        group_size: Filters that share patterns and connectivity.
        compression: Weights of the dense layer over the weights kept.
        stride: 1 or 2.
        library: Name of a pattern library.

    Raises:
        ValueError: An attribute out of range.
    """

    channels: int
    filters: int
    side: int
    dtype: str = "int8"
    group_size: int = 4
    compression: float = 8.0
    stride: int = 1
    library: str = "scp8"

    def __post_init__(self) -> None:
        for name in ("channels", "filters", "side", "group_size"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} of a layer must be at least 1, but is {getattr(self, name)}."
                )
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, but is {self.dtype!r}.")
        if self.stride not in STRIDES:
            raise ValueError(f"stride must be 1 or 2, but is {self.stride}.")
        weights = self.filters * self.channels * 9
        activations = self.side**2 * max(self.channels, self.filters)
        if 4 * max(weights, activations) > MAX_BYTES:
            raise ValueError(
                f"A layer of {self.channels},{self.filters},{self.side} is too large: its weights, "
                "its input and its output must stay below 2 GiB each."
            )
        if not self.compression >= 1.0:
            raise ValueError(f"compression must be at least 1, but is {self.compression}.")

    @property
    def name(self) -> str:
        """The layer in one phrase, such as `256,256,56 int8 group 4 8x`."""
        stride = f" stride {self.stride}" if self.stride != 1 else ""
        return (
            f"{self.channels},{self.filters},{self.side}{stride} {self.dtype} "
            f"group {self.group_size} {self.compression:g}x"
        )


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


def describe_machine() -> dict[str, str]:
    """Returns what a measurement depends on: processor, versions and date."""
    return {
        "processor": _processor_name(),
        "instructions": " ".join(_instruction_sets()) or "unknown",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("tensorflow", "ai-edge-litert")},
        "tf-pconv": importlib.metadata.version("tf-pconv"),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def build_layer(case: LayerCase, seed: int = 0) -> bytes:
    """Returns a dense `.tflite` whose only convolution has the pattern weights of `case`.

    The weights are normal random numbers, projected on patterns and connectivity; int8 files are
    quantised by TensorFlow's converter with normal random inputs.
    """
    import keras

    inputs = keras.Input((case.side, case.side, case.channels), batch_size=1)
    convolution = keras.layers.Conv2D(case.filters, 3, strides=case.stride, padding="same")
    model = keras.Model(inputs, convolution(inputs))
    random = np.random.default_rng(seed)
    convolution.set_weights([_pattern_weights(case, random), np.zeros(case.filters, np.float32)])
    sample = random.standard_normal((1, case.side, case.side, case.channels), dtype=np.float32)
    return _convert_dense(model, case.dtype, sample)


def benchmark_layer(
    case: LayerCase, *, kernel: str = "", threads: int = 1, seconds: float = 5.0, seed: int = 0
) -> Comparison:
    """Times one packed layer in the delegate against the same weights, dense, in XNNPACK.

    Args:
        case: The layer.
        kernel: Kernel of the delegate by name; empty lets the delegate choose.
        threads: Threads of either side, pinned to as many processors.
        seconds: How long to measure.
        seed: Seed of weights and inputs.

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

    dense = build_layer(case, seed)
    comparison = compare(
        pack(dense, verify=False).model,
        dense,
        name=case.name,
        kernel=kernel,
        threads=threads,
        seconds=seconds,
        seed=seed,
    )
    tolerance = _INT8_TOLERANCE if case.dtype == "int8" else _FLOAT_TOLERANCE
    if not comparison.largest_difference <= tolerance:
        raise RuntimeError(
            f"{case.name}: outputs of delegate and XNNPACK differ by "
            f"{comparison.largest_difference:g}, but {tolerance:g} is the most that rounding "
            "explains. A wrong result has no speed; please report this."
        )
    return comparison


def benchmark_model(
    path: str | os.PathLike[str],
    *,
    kernel: str = "",
    threads: int = 1,
    seconds: float = 5.0,
    seed: int = 0,
) -> Comparison:
    """Times a `.tflite` with the delegate against the same model, dense, in XNNPACK alone.

    Args:
        path: A packed file, whose rival is its unpacked form, or any other `.tflite`.
        kernel: As in `benchmark_layer`.
        threads: As in `benchmark_layer`.
        seconds: As in `benchmark_layer`.
        seed: Seed of the inputs.

    Returns:
        The measurement.

    Raises:
        ValueError: A file that is no `.tflite`.
        RuntimeError: Nothing that the delegate takes.
    """
    from tf_pconv.lite.packing import unpack

    model = pathlib.Path(path).read_bytes()
    return compare(
        model,
        unpack(model),
        name=pathlib.Path(path).name,
        kernel=kernel,
        threads=threads,
        seconds=seconds,
        seed=seed,
    )


def compare(
    delegated: bytes,
    dense: bytes,
    *,
    name: str,
    kernel: str = "",
    threads: int = 1,
    seconds: float = 5.0,
    seed: int = 0,
) -> Comparison:
    """Times `delegated` in the delegate and `dense` in XNNPACK, in turns.

    Args:
        delegated: A `.tflite` of which the delegate takes at least one node.
        dense: A `.tflite` with the same inputs and outputs that runs without it.
        name: What to call the measurement.
        kernel: As in `benchmark_layer`.
        threads: As in `benchmark_layer`.
        seconds: As in `benchmark_layer`.
        seed: Seed of the inputs.

    Returns:
        The measurement.

    Raises:
        RuntimeError: Nothing that the delegate takes.
    """
    with _pinned(threads):
        ours, delegation = open_delegated(delegated, {"kernel": kernel}, threads)
        theirs = _open(dense, threads)
        _set_random_inputs([ours, theirs], seed)
        difference, equal = _compare_outputs(ours, theirs)
        turns = _take_turns([ours.invoke, theirs.invoke], threads, seconds)
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


def time_dense(model: bytes, *, threads: int = 1, seconds: float = 5.0, seed: int = 0) -> float:
    """Returns the median milliseconds of one invocation of a `.tflite` in XNNPACK alone.

    Args:
        model: The file's bytes.
        threads: As in `benchmark_layer`.
        seconds: As in `benchmark_layer`.
        seed: Seed of the inputs.

    Returns:
        Milliseconds.
    """
    with _pinned(threads):
        interpreter = _open(model, threads)
        _set_random_inputs([interpreter], seed)
        return float(np.median(_take_turns([interpreter.invoke], threads, seconds)))


def _pattern_weights(case: LayerCase, random: np.random.Generator) -> npt.NDArray[np.float32]:
    from keras import ops

    from tf_pconv import patterns, projection
    from tf_pconv.methods import PruningTarget

    shape = (3, 3, case.channels, case.filters)
    kernels = projection.kept_kernels(case.channels, (3, 3), patterns.ENTRIES, case.compression)
    layer = PruningTarget(
        shape, patterns.get_library(case.library), kernels, case.group_size, "filter"
    )
    weights = random.standard_normal(shape, dtype=np.float32)
    mask = layer.mask(weights, layer.filter_order(weights))
    return weights * ops.convert_to_numpy(mask)


def _convert_dense(model: Any, dtype: str, sample: npt.NDArray[np.float32]) -> bytes:
    with quiet_tensorflow():
        import tensorflow as tf

        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if dtype == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: [[sample]]
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        return converter.convert()


def _processor_name() -> str:
    for line in _cpuinfo():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _instruction_sets() -> list[str]:
    """Those that decide which kernels run."""
    flags = next(
        (line.split() for line in _cpuinfo() if line.startswith(("flags", "Features"))), []
    )
    wanted = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512vbmi", "asimddp", "i8mm")
    return [name for name in wanted if name in flags]


def _cpuinfo() -> list[str]:
    try:
        return pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


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
