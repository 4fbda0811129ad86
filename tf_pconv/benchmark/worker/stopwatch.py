"""Takes the times of runs that follow each other."""

from __future__ import annotations

import time
from collections.abc import Callable

CLOCKS = {"process": time.process_time, "wall": time.perf_counter}
"""`process`: processor time of all threads of the process; `wall`: what passes meanwhile."""


def take_times(
    prepare: Callable[[], object],
    invoke: Callable[[], object],
    clock: str,
    seconds: float,
    least: int,
) -> list[float]:
    """Times runs that follow each other, after one that is not timed.

    Args:
        prepare: What precedes each run and is not timed.
        invoke: The run.
        clock: A name of `CLOCKS`.
        seconds: How long to go on.
        least: Runs at least.

    Returns:
        Seconds of each run.
    """
    now = CLOCKS[clock]
    prepare()
    invoke()  # the one before has emptied the caches
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        prepare()
        start = now()
        invoke()
        times.append(now() - start)
    return times
