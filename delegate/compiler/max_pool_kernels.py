"""Emits kernels of max pooling as C++ with intrinsics; see delegate/core/max_pool/kernel.h."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kernel_list import TensorKernel, symbol
from statements import define, indent
from targets import Target

_SIDES = (2, 3)  # from kMaxPoolLeastSide on


def functions(target: Target, kernels: Sequence[TensorKernel]) -> Iterator[str]:
    """The functions of kernels of a target."""
    for kernel in kernels:
        for side in _SIDES:
            yield from _function(target, _name(kernel, side, "int8"), side, is_float=False)
            yield ""
            yield from _function(target, _name(kernel, side, "float32"), side, is_float=True)
            yield ""


def members(kernel: TensorKernel) -> Iterator[str]:
    """What a MaxPoolKernel holds after its size."""
    for numbers in ("int8", "float32"):
        yield f"{{{', '.join(_name(kernel, side, numbers) for side in _SIDES)}}}"


def _name(kernel: TensorKernel, side: int, numbers: str) -> str:
    return f"{symbol(kernel)}_{side}x{side}_{numbers}"


def _function(target: Target, name: str, side: int, *, is_float: bool) -> Iterator[str]:
    t = target
    vector, splat, load, store, largest, smallest = (
        (
            t.float_vector,
            "splat_float",
            "load_any_float",
            "store_any_float",
            "max_float",
            "min_float",
        )
        if is_float
        else (t.vector, "splat8", "load_any", "store_any", "max8", "min8")
    )
    c_type, values = ("float", t.floats) if is_float else ("int8_t", t.vector_bytes)
    yield f"void {name}(const {'Float' if is_float else 'Int8'}MaxPoolArgs* args) {{"
    for limit in ("min", "max"):
        yield from indent(define(vector, limit, t(splat, f"args->{limit}")))
    for pixel in range(side * side):
        yield f"  const {c_type}* pixel{pixel} = args->pixels[{pixel}];"
    yield f"  {c_type}* output = args->output;"
    yield "  for (size_t i = 0; i < args->count; ++i) {"
    yield "    size_t channel = 0;"
    yield "    for (;;) {"
    value = "min"
    for pixel in range(side * side):
        # Of two operands of which one is no number, the second is the result.
        value = t(largest, t(load, f"pixel{pixel} + channel"), value)
    yield from indent(define(vector, "outputs", t(smallest, value, "max")), 3)
    yield f"      {t(store, 'output + channel', 'outputs')};"
    yield f"      if (channel + {values} >= args->channels) break;"
    yield f"      channel += {values};"
    yield "      // The last vector may overlap the one before."
    yield f"      if (channel + {values} > args->channels) channel = args->channels - {values};"
    yield "    }"
    for pixel in range(side * side):
        yield f"    pixel{pixel} += args->step;"
    yield "    output += args->channels;"
    yield "  }"
    yield "}"
