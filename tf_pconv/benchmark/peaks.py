"""What the processor does at best, as the delegate's library measures it."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
from collections.abc import Callable, Iterable

LEVELS = {"L1": 1, "L2": 2, "L3": 3, "memory": 4}
"""Where bytes are read from."""


@dataclasses.dataclass(frozen=True)
class Peaks:
    """What one thread does at best.

    Attributes:
        multiply_adds: A second, in registers, with the instruction that each of these kernels
            multiplies with. Kernels of which that is not known are missing.
        reads: Bytes a second, from each level of cache and from memory, where that is known.
    """

    multiply_adds: dict[str, float]
    reads: dict[str, float]


def measure_peaks(kernels: Iterable[str]) -> Peaks:
    """Measures what one thread of this processor does at best.

    Args:
        kernels: Names of kernels, such as `qs8-pconv-g4-p64-avx512vnni`.

    Returns:
        The rates; those of memory are measured once a process.

    Raises:
        FileNotFoundError: There is no delegate library; the message says how to build it.

    Example:
        >>> measure_peaks(["qs8-pconv-g4-p64-avx512vnni"]).reads["L1"]
    """
    multiply, _ = _library()
    rates = {kernel: multiply(kernel.encode()) for kernel in kernels}
    return Peaks({kernel: rate for kernel, rate in rates.items() if rate > 0}, _read_rates())


@functools.cache
def _read_rates() -> dict[str, float]:
    _, read = _library()
    rates = {name: read(level) for name, level in LEVELS.items()}
    return {name: rate for name, rate in rates.items() if rate > 0}


@functools.cache
def _library() -> tuple[Callable[[bytes], float], Callable[[int], float]]:
    from tf_pconv.runtime import delegate_path

    library = ctypes.CDLL(delegate_path())
    multiply, read = library.tf_pconv_multiply_rate, library.tf_pconv_read_rate
    multiply.restype = read.restype = ctypes.c_double
    multiply.argtypes, read.argtypes = [ctypes.c_char_p], [ctypes.c_int32]
    return multiply, read
