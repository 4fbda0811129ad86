"""Takes times in turns: alternating, pinned to processors, with medians and their intervals."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from tf_pconv.benchmark.contestants import Contestant

_TURN_SECONDS = 0.03
_TURN_RUNS = 3
_LEAST_ROUNDS = 5
_RESAMPLES = 1000


@contextlib.contextmanager
def pinned(threads: int) -> Iterator[None]:
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


def take_turns(
    contestants: Sequence[Contestant], threads: int, seconds: float
) -> npt.NDArray[np.float64]:
    """Times contestants in turns.

    With one thread, the processor time of the process is taken: that of the clock, less what other
    programs took, who would interrupt the slower contestants more often.

    Args:
        contestants: What to run; their inputs are set.
        threads: Threads of each.
        seconds: How long to measure.

    Returns:
        Milliseconds of one run, of shape (rounds, contestants).
    """
    clock = "process" if threads == 1 else "wall"
    for contestant in contestants:
        _turn(contestant, clock)  # warms caches, pages and the processor
    rounds: list[list[float]] = []
    end = time.perf_counter() + seconds
    while len(rounds) < _LEAST_ROUNDS or time.perf_counter() < end:
        # Every other round goes backwards, so that no one always follows the same.
        step = -1 if len(rounds) % 2 else 1
        rounds.append([_turn(each, clock) for each in contestants[::step]][::step])
    return np.asarray(rounds)


def _turn(contestant: Contestant, clock: str) -> float:
    """Returns the median milliseconds of runs that follow each other."""
    return 1e3 * statistics.median(contestant.take_times(clock, _TURN_SECONDS, _TURN_RUNS))


def median_interval(loads: Sequence[npt.NDArray[np.float64]]) -> tuple[float, float]:
    """Returns the 95 % bootstrap interval of the median of values measured in several loads.

    Where a load places its tensors in memory moves all of its values together, so that loads are
    drawn first, and then values of those drawn.

    Args:
        loads: The values of each load.

    Returns:
        Both ends.
    """
    random = np.random.default_rng(0)
    medians = []
    for _ in range(_RESAMPLES):
        drawn = [loads[i] for i in random.integers(len(loads), size=len(loads))]
        picks = [values[random.integers(len(values), size=len(values))] for values in drawn]
        medians.append(np.median(np.concatenate(picks)))
    low, high = np.percentile(medians, [2.5, 97.5])
    return float(low), float(high)
