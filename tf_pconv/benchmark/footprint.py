"""How long a model takes to load and how much memory it takes to run, each in a fresh process."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from tf_pconv.benchmark.settings import Settings, complete

_STATUS = pathlib.Path("/proc/self/status")
_LOADS = 3


@dataclasses.dataclass(frozen=True)
class Footprint:
    """What loading and running a model costs a process that has loaded nothing else.

    Attributes:
        load_ms: From the file to allocated tensors, packing of the weights included; the fastest
            of three processes, since the first reads the file from the disk.
        peak_bytes: Resident memory at its peak, after two runs, above that before loading.
        running_bytes: Resident memory after two runs, above that before loading.
    """

    load_ms: float
    peak_bytes: int
    running_bytes: int


def measure_footprint(model: bytes, *, delegated: bool, settings: Settings) -> Footprint:
    """Measures what a `.tflite` costs in LiteRT.

    Args:
        model: The file's bytes.
        delegated: Whether the delegate is loaded; otherwise XNNPACK runs alone.
        settings: Threads and kernel are heeded.

    Raises:
        RuntimeError: No such measurement on this system, or a process that failed.
    """
    if not _STATUS.exists():
        raise RuntimeError("memory can be measured on Linux only.")
    chosen = complete(settings)
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(model)
        file.flush()
        arguments = [file.name, str(delegated), str(chosen["threads"]), chosen["kernel"]]
        found = [_in_fresh_process(arguments) for _ in range(_LOADS)]
    return Footprint(*(min(values) for values in zip(*found, strict=True)))


def _in_fresh_process(arguments: list[str]) -> tuple[float, int, int]:
    command = [sys.executable, "-m", __name__, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        said = run.stderr.strip().splitlines()[-1:] or ["nothing"]
        raise RuntimeError(f"the process that measures memory failed; it said: {said[0]}")
    load_ms, peak, running = json.loads(run.stdout)
    return load_ms, peak, running


def _measure(path: str, delegated: str, threads: str, kernel: str) -> tuple[float, int, int]:
    from ai_edge_litert.interpreter import Interpreter

    from tf_pconv.runtime import load_delegate

    before = _resident("VmRSS")
    start = time.perf_counter()
    delegates = None
    if delegated == "True":
        options = {"num_threads": threads, "kernel": kernel, "log_level": "none"}
        delegates = [load_delegate(options)]
    interpreter = Interpreter(
        model_path=path, num_threads=int(threads), experimental_delegates=delegates
    )
    interpreter.allocate_tensors()
    seconds = time.perf_counter() - start
    for _ in range(2):
        interpreter.invoke()
    running = _resident("VmRSS")
    peak = max(running, _resident("VmHWM"))  # which the kernel raises a little late
    return 1e3 * seconds, peak - before, running - before


def _resident(field: str) -> int:
    """Returns bytes of resident memory: `VmRSS` now, `VmHWM` at its peak."""
    for line in _STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return 1024 * int(value.split()[0])
    raise RuntimeError(f"{_STATUS} does not name {field}.")


if __name__ == "__main__":
    print(json.dumps(_measure(*sys.argv[1:])))
