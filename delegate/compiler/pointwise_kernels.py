"""Emits int8 kernels of 1x1 convolutions.

A kernel multiplies a tile of output pixels, whose inputs lie in planes: a vector
of bytes for each channel (see `delegate/core/pointwise/kernel.h`). A filter group
visits its input channels four at a time: load their planes, interleave them so
that the four inputs of a pixel lie side by side, and multiply with the weights of
each filter of the group. `delegate/core/pointwise/stream.h` describes the stream
of weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from int8_multiplication import Multiplication
from int8_outputs import quantize_function
from int8_pixels import pack_function, store_function
from kernel_list import PointwiseKernel, symbol
from statements import define
from targets import Target

_QUAD = 4


def functions(target: Target, kernels: Sequence[PointwiseKernel]) -> Iterator[str]:
    """The functions of kernels of a target."""
    yield from pack_function(target)
    yield ""
    yield from store_function(target)
    yield ""
    yield from quantize_function(target)
    yield ""
    for kernel in kernels:
        yield from _QuadMultiplication(kernel).function()
        yield ""


def members(kernel: PointwiseKernel) -> Iterator[str]:
    """What a PointwiseKernel holds after its pixels; see pointwise/kernel.h."""
    yield str(kernel.target.vector_bytes)
    yield "128"
    yield "false" if kernel.target.has_dot else "true"
    yield "pack"
    yield _multiply_name(kernel)
    yield "store"


def _multiply_name(kernel: PointwiseKernel) -> str:
    return f"{symbol(kernel)}_multiply"


class _QuadMultiplication(Multiplication):
    """The multiplication of a kernel: an entry is four channels."""

    arguments = "PointwiseMultiplyArgs"
    group_words = 2
    entry_words = _QUAD
    keeps_weights = True

    def __init__(self, kernel: PointwiseKernel) -> None:
        super().__init__(kernel, _multiply_name(kernel))

    def inputs(self, entry: int) -> Iterator[str]:
        """Loads and interleaves the planes of four channels."""
        t = self.target
        for i in range(_QUAD):
            plane = t("load", f"args->planes + stream[{_QUAD * entry + i}]")
            yield from define(t.vector, f"plane{entry}_{i}", plane)
        halves = ("low", "high") if len(self.vectors) > 2 else ("low",)
        for half in halves:
            for pair in range(2):
                planes = (f"plane{entry}_{2 * pair + i}" for i in range(2))
                pairs = t(f"unpack_{half}8", *planes)
                yield from define(t.vector, f"{half}{entry}_{pair}", pairs)
        for v in self.vectors:
            half = ("low", "high")[v // 2]
            part = ("low", "high")[v % 2]
            quads = t(f"unpack_{part}16", f"{half}{entry}_0", f"{half}{entry}_1")
            yield from define(t.vector, f"input{entry}_{v}", quads)
