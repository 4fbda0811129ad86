"""The machine and the versions that a measurement depends on."""

from __future__ import annotations

import datetime
import importlib.metadata
import pathlib
import platform


def describe_machine() -> dict[str, str]:
    """Returns what a measurement depends on: processor, versions and date."""
    return {
        "processor": _processor_name(),
        "instructions": " ".join(_instruction_sets()) or "unknown",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("tensorflow", "ai-edge-litert")},
        "tf-pconv": importlib.metadata.version("tf-pconv"),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


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
