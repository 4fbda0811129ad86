"""Times pattern convolutions against what a user would have had without them.

All contestants run on the same processors, in turns, from inputs that are in place to outputs that
are complete. The figure to quote is the median of the ratios of neighbouring turns, which forgives
a machine whose speed drifts, over several loads of all contestants, which forgives where in memory
one of them came to lie.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from tf_pconv.benchmark.contestants import (
    DEFAULT,
    DELEGATED,
    ENGINES,
    INSTALL,
    Contestant,
    Engine,
    EngineError,
    selected,
)
from tf_pconv.benchmark.contestants.litert import LiteRt, open_xnnpack
from tf_pconv.benchmark.exactness import is_exact
from tf_pconv.benchmark.footprint import measure_footprint
from tf_pconv.benchmark.layer_case import LayerCase
from tf_pconv.benchmark.network_case import NetworkCase
from tf_pconv.benchmark.operations import count_operations
from tf_pconv.benchmark.peaks import measure_peaks
from tf_pconv.benchmark.profile import measure_profile
from tf_pconv.benchmark.results import Absentee, Comparison, Rival
from tf_pconv.benchmark.settings import Settings, complete
from tf_pconv.benchmark.subject import Subject
from tf_pconv.benchmark.timing import median_interval, pinned, take_turns
from tf_pconv.lite.delegation import open_delegated
from tf_pconv.lite.verification import FLOAT_DIFFERENCE, INT8_DIFFERENCE

if TYPE_CHECKING:
    import numpy.typing as npt

    Arrays = list[npt.NDArray[Any]]


def benchmark_layer(
    case: LayerCase,
    engines: Sequence[str] = (DEFAULT,),
    *,
    packed: bool = True,
    **settings: Unpack[Settings],
) -> Comparison:
    """Times one layer in the delegate against the same weights, dense, in other engines.

    Args:
        case: The layer.
        engines: As in `compare`.
        packed: Whether the delegate runs the packed file; otherwise it runs the dense one.
        **settings: Those of `Settings`.

    Returns:
        The measurement.

    Raises:
        ValueError: More threads than processors, an engine or kernel that is unknown, or a kernel
            that cannot run here.
        RuntimeError: Outputs that disagree, or a kernel that cannot run the layer.
        FileNotFoundError: No delegate library.

    Example:
        >>> comparison = benchmark_layer(LayerCase(64, 64, 56), seconds=1.0)  # doctest: +SKIP
        >>> comparison.against("xnnpack").speedup  # doctest: +SKIP
        2.8
    """
    subject = Subject.from_layer(case, complete(settings)["seed"], packed=packed)
    comparison = compare(subject, engines, required=packed, **settings)
    # What one convolution may differ by, for each of them.
    tolerance = case.chain * (INT8_DIFFERENCE if case.dtype == "int8" else FLOAT_DIFFERENCE)
    if not comparison.largest_difference <= tolerance:
        raise RuntimeError(
            f"{case.name}: outputs of delegate and XNNPACK differ by "
            f"{comparison.largest_difference:g}, but {tolerance:g} is the most that rounding "
            "explains. A wrong result has no speed; please report this."
        )
    return comparison


def benchmark_network(
    case: NetworkCase,
    engines: Sequence[str] = (DEFAULT,),
    cache: str | os.PathLike[str] | None = None,
    *,
    packed: bool = True,
    **settings: Unpack[Settings],
) -> Comparison:
    """Times a network with the delegate against the same weights, dense, in other engines.

    Args:
        case: The network. The delegate may find nothing in it that it takes.
        engines: As in `compare`.
        cache: As in `build_network`.
        packed: Whether the delegate runs the packed file; otherwise it runs the dense one.
        **settings: Those of `Settings`.

    Returns:
        The measurement.
    """
    subject = Subject.from_network(case, complete(settings)["seed"], cache, packed=packed)
    return compare(subject, engines, required=False, **settings)


def benchmark_model(
    path: str | os.PathLike[str],
    engines: Sequence[str] = (DEFAULT,),
    **settings: Unpack[Settings],
) -> Comparison:
    """Times a `.tflite` with the delegate against the same model, dense, in other engines.

    Args:
        path: A packed file, whose rivals run its unpacked form, or any other `.tflite`.
        engines: As in `compare`.
        **settings: Those of `Settings`.

    Returns:
        The measurement.

    Raises:
        ValueError: A file that is no `.tflite`.
        RuntimeError: Nothing that the delegate takes.
    """
    return compare(Subject.from_path(path), engines, **settings)


def compare(
    subject: Subject,
    engines: Sequence[str] = (DEFAULT,),
    *,
    required: bool = True,
    **settings: Unpack[Settings],
) -> Comparison:
    """Times a model in the delegate and, dense, in other engines, in turns.

    Args:
        subject: The model.
        engines: Names of `ENGINES`; `all` stands for every engine that reads the type of file
            that the delegate runs.
        required: Whether a model of which the delegate takes nothing is an error.
        **settings: Those of `Settings`.

    Returns:
        The measurement. Engines that are not installed, or cannot run the model, are listed.

    Raises:
        ValueError: More threads than processors, or an unknown engine or kernel.
        RuntimeError: Nothing that the delegate takes, though it is required.
    """
    chosen = complete(settings)
    threads, seed = chosen["threads"], chosen["seed"]
    wanted = selected(engines, subject.dtype)
    with pinned(threads):
        interpreter, delegation = open_delegated(
            subject.delegated, {"kernel": chosen["kernel"]}, threads, required=required
        )
        ours, dense = LiteRt(interpreter), subject.dense(subject.dtype)
        reference = open_xnnpack(dense, threads)
        inputs = reference.random_inputs(seed)
        expected = _run(reference, inputs)
        difference, equal = _difference(_run(ours, inputs), expected)
        del interpreter, ours, reference
        entries, absentees = [_Entry(ENGINES["delegate"], subject, inputs, expected, chosen)], []
        for engine in wanted:
            try:
                entries.append(_Entry(engine, subject, inputs, expected, chosen))
            except Exception as error:  # engines raise whatever they like
                absentees.append(Absentee(engine.name, _reason(engine, error)))
        peaks = measure_peaks(delegation.kernels)
        loads = [
            _time_load(entries, chosen, backwards=number % 2 == 1)
            for number in range(chosen["loads"])
        ]
        footprints = [
            measure_footprint(model, delegated=delegated, settings=chosen)
            for model, delegated in ((subject.delegated, True), (dense, False))
            if chosen["memory"]
        ]
    profile = measure_profile(subject.delegated, dense, chosen) if chosen["profile"] else None
    return Comparison(
        name=subject.name,
        dtype=subject.dtype,
        delegate_ms=float(np.median(np.concatenate(loads)[:, 0])),
        rivals=tuple(
            entry.result(
                ours=[turns[:, 0] for turns in loads], theirs=[turns[:, column] for turns in loads]
            )
            for column, entry in enumerate(entries[1:], 1)
        ),
        absentees=tuple(absentees),
        loads=len(loads),
        rounds=sum(len(turns) for turns in loads),
        delegated=delegation.delegated,
        nodes=delegation.nodes,
        kernels=delegation.kernels,
        threads=threads,
        delegate_bytes=len(subject.delegated),
        dense_bytes=len(dense),
        largest_difference=difference,
        equal_share=equal,
        operations=count_operations(subject.delegated, dense),
        peaks=peaks,
        case=subject.case,
        delegate_footprint=footprints[0] if footprints else None,
        dense_footprint=footprints[1] if footprints else None,
        profile=profile,
    )


def _time_load(
    entries: Sequence[_Entry], settings: Settings, *, backwards: bool
) -> npt.NDArray[np.float64]:
    """Loads all contestants, in order or backwards, and times them in turns."""
    step = -1 if backwards else 1
    contestants = [entry.load() for entry in entries[::step]][::step]
    return take_turns(contestants, settings["threads"], settings["seconds"] / settings["loads"])


class _Entry:
    """An engine that can run a subject, as it has shown once."""

    def __init__(
        self,
        engine: Engine,
        subject: Subject,
        inputs: Arrays,
        expected: Arrays,
        settings: Settings,
    ) -> None:
        if not engine.installed:
            raise EngineError(f"not installed; {INSTALL}")
        self._engine, self._settings = engine, settings
        dtype = engine.reads(subject.dtype)
        self._file = subject.delegated if engine.file == DELEGATED else subject.dense(dtype)
        self._options = {name: dict(settings)[name] for name in engine.options}
        self._inputs, self._difference = inputs, None
        if dtype != subject.dtype:
            random = np.random.default_rng(settings["seed"])
            self._inputs = [random.standard_normal(each.shape, np.float32) for each in inputs]
        contestant = self.load()
        if dtype == subject.dtype:
            self._difference, _ = _difference(contestant.outputs(), expected)
        self._numbers, self._version = contestant.numbers, contestant.version or engine.version
        is_int8 = self._numbers == "int8"
        self._exact = is_exact(engine.name, **self._options) if is_int8 else None

    def load(self) -> Contestant:
        """Loads the file afresh and runs it once."""
        threads = self._engine.threads or self._settings["threads"]
        contestant = self._engine.open(self._file, threads, **self._options)
        _run(contestant, self._inputs)
        return contestant

    def result(
        self, ours: Sequence[npt.NDArray[np.float64]], theirs: Sequence[npt.NDArray[np.float64]]
    ) -> Rival:
        """Returns what it reached, given the times of the delegate and its own in each load."""
        ratios = [other / own for own, other in zip(ours, theirs, strict=True)]
        low, high = median_interval(ratios)
        return Rival(
            engine=self._engine.name,
            version=self._version,
            numbers=self._numbers,
            ms=float(np.median(np.concatenate(theirs))),
            speedup=float(np.median(np.concatenate(ratios))),
            speedup_low=low,
            speedup_high=high,
            exact=self._exact,
            largest_difference=self._difference,
        )


def time_dense(model: bytes, **settings: Unpack[Settings]) -> float:
    """Returns the median milliseconds of one run of a `.tflite` in XNNPACK alone.

    Args:
        model: The file's bytes.
        **settings: Those of `Settings`; a `kernel` changes nothing.

    Returns:
        Milliseconds.
    """
    chosen = complete(settings)
    with pinned(chosen["threads"]):
        contestant = open_xnnpack(model, chosen["threads"])
        contestant.set_inputs(contestant.random_inputs(chosen["seed"]))
        turns = take_turns([contestant], chosen["threads"], chosen["seconds"])
    return float(np.median(turns))


def _run(contestant: Contestant, inputs: Arrays) -> Arrays:
    contestant.set_inputs(inputs)
    contestant.prepare()
    contestant.invoke()
    return contestant.outputs()


def _difference(values: Arrays, expected: Arrays) -> tuple[float, float]:
    """Returns the largest difference and the share of equal outputs."""
    largest, equal, total = 0.0, 0, 0
    for value, other in zip(values, expected, strict=True):
        equal += int(np.count_nonzero(value == other))
        total += value.size
        difference = float(np.max(np.abs(np.subtract(value, other, dtype=np.float64))))
        if not np.issubdtype(value.dtype, np.integer):
            difference /= float(np.max(np.abs(other))) or 1.0
        largest = max(largest, difference)
    return largest, equal / total


def _reason(engine: Engine, error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, EngineError):
        return text
    return f"{' '.join(filter(None, (engine.name, engine.version)))}: {text}"
