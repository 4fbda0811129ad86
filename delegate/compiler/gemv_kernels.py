"""Emits kernels of matrix-vector products: 1x1 convolutions of few pixels, int8 and float32.

A filter group gathers the channels that it keeps of the only pixel, and multiplies
them with the weights of each filter, channels in the lanes of a vector. With one
pixel a weight is used once, so that the time is that of reading weights, and of
gathering: all filters of a group share what was gathered. Where vectors of bytes
can be compressed, a bit for each channel says what to gather; see
`delegate/core/gemv/kernel.h`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from int8_outputs import quantize_function
from kernel_list import GemvKernel, symbol
from statements import define, indent
from targets import Target

_BLOCK = 64  # kGemvBlock


def functions(target: Target, kernels: Sequence[GemvKernel]) -> Iterator[str]:
    """The functions of kernels of a target."""
    is_float = kernels[0].is_float
    yield from _total_function(target, is_float)
    yield ""
    yield from _totals_function(target, is_float)
    yield ""
    if not is_float:
        yield from quantize_function(target)
        yield ""
        yield from _finish_function(target)
        yield ""
    if _compresses(kernels[0]):
        yield from _compress_function(target)
        yield ""
    for kernel in kernels:
        yield from _multiply_function(kernel)
        yield ""


def members(kernel: GemvKernel) -> Iterator[str]:
    """What a GemvKernel holds after its pixels; see gemv/kernel.h."""
    yield str(kernel.lanes)
    yield "128" if not kernel.is_float and kernel.target.has_dot else "0"
    yield "compress" if _compresses(kernel) else "nullptr"
    yield _multiply_name(kernel)
    yield "nullptr" if kernel.is_float else "finish"


def _compresses(kernel: GemvKernel) -> bool:
    return not kernel.is_float and "compress8" in kernel.target.operations


def _multiply_name(kernel: GemvKernel) -> str:
    return f"{symbol(kernel)}_multiply"


def _total_function(t: Target, is_float: bool) -> Iterator[str]:
    """The sum of the lanes of a vector; that of integers wraps around."""
    vector, scalar = (t.float_vector, "float") if is_float else (t.vector, "uint32_t")
    yield f"inline {scalar} total({vector} sum) {{"
    yield f"  alignas({t.vector_bytes}) {scalar} parts[{t.floats}];"
    yield f"  {t('store_float' if is_float else 'store', 'parts', 'sum')};"
    names = [f"parts[{i}]" for i in range(t.floats)]
    while len(names) > 1:
        names = [f"({a} + {b})" for a, b in zip(names[::2], names[1::2], strict=True)]
    yield f"  return {names[0]};"
    yield "}"


def _totals_function(t: Target, is_float: bool) -> Iterator[str]:
    """Writes the totals of four vectors, in fewer operations than one by one."""
    vector, scalar = (t.float_vector, "float") if is_float else (t.vector, "uint32_t")

    def fold(a: str, b: str, width: int) -> str:
        """The sum of two transpositions: lanes of a and of b take turns."""
        if is_float:
            return t("add_float", *(t(f"transpose{width}_{i}", a, b) for i in ("low", "high")))
        a, b = t("as_float", a), t("as_float", b)
        parts = (t("as_integer", t(f"transpose{width}_{i}", a, b)) for i in ("low", "high"))
        return t("add32", *parts)

    yield f"inline void totals({vector} a, {vector} b, {vector} c, {vector} d,"
    yield f"                   {scalar}* sums) {{"
    yield from indent(define(vector, "ab", fold("a", "b", 1)))
    yield from indent(define(vector, "cd", fold("c", "d", 1)))
    # A lane holds a part of each total.
    yield from indent(define(vector, "parts", fold("ab", "cd", 2)))
    bits = t("as_integer", "parts") if is_float else "parts"
    lanes = [t(f"lane{i}", bits) for i in range(t.lanes)]
    add, store, place = "_mm_add_epi32", "_mm_storeu_si128", "(__m128i*)sums"
    if is_float:
        lanes = [f"_mm_castsi128_ps({lane})" for lane in lanes]
        add, store, place = "_mm_add_ps", "_mm_storeu_ps", "sums"
    total = functools.reduce(lambda a, b: f"{add}({a}, {b})", lanes)
    yield f"  {store}({place}, {total});"
    yield "}"


def _finish_function(t: Target) -> Iterator[str]:
    yield "void finish(const GemvFinishArgs* args) {"
    yield f"  for (int row = 0; row < args->rows; row += {t.floats}) {{"
    sums = t("load_any", "args->sums + row")
    bias = t("load_any", "args->bias + row")
    yield from indent(define(t.vector, "sum", t("add32", sums, bias)), 2)
    multiplier = t("load_any_float", "args->multipliers + row")
    yield from indent(define(t.float_vector, "multiplier", multiplier), 2)
    offset = t("load_any_float", "args->offsets + row")
    yield from indent(define(t.float_vector, "offset", offset), 2)
    halves = "quantize(sum, multiplier, offset)"
    yield f"    {t('store_any', 'args->sums + row', halves)};"
    yield "  }"
    yield "}"


def _compress_function(t: Target) -> Iterator[str]:
    yield "void compress(const uint8_t* input, const uint64_t* bits, int blocks,"
    yield "              const uint8_t* ahead, uint8_t* gathered) {"
    yield "  for (int i = 0; i < blocks; ++i) {"
    yield "    const uint64_t kept = bits[i];"
    yield f"    __builtin_prefetch(ahead + i * {_BLOCK});"
    values = t("compress8", "kept", f"input + i * {_BLOCK}")
    yield f"    {t('store_any', 'gathered', values)};"
    yield "    gathered += __builtin_popcountll(kept);"
    yield "  }"
    yield "}"


def _multiply_function(kernel: GemvKernel) -> Iterator[str]:
    t, filters = kernel.target, range(kernel.group_size)
    vector = t.float_vector if kernel.is_float else t.vector
    zero = t("zero_float") if kernel.is_float else t("splat32", 0)
    value = "float" if kernel.is_float else "uint8_t"
    yield f"void {_multiply_name(kernel)}(const void* gathered, const void* weights,"
    yield "    int steps, void* sums) {"
    yield f"  const {value}* inputs = (const {value}*)gathered;"
    yield f"  const {value}* weight = (const {value}*)weights;"
    for f in filters:
        yield f"  {vector} sum{f} = {zero};"
    yield "  for (int step = 0; step < steps; ++step) {"
    yield from indent(define(vector, "input", _input(kernel)), 2)
    for f in filters:
        place = f"weight + {f * kernel.lanes}"
        yield f"    sum{f} = {_add_product(kernel, f'sum{f}', place)};"
    yield f"    inputs += {kernel.lanes};"
    yield f"    weight += {kernel.group_size * kernel.lanes};"
    yield "  }"
    scalar = "float" if kernel.is_float else "uint32_t"
    for first in range(0, kernel.group_size, 4):
        some = [f"sum{f}" for f in filters[first : first + 4]]
        if len(some) == 4:
            yield f"  totals({', '.join(some)}, ({scalar}*)sums + {first});"
            continue
        for f, total in enumerate(some):
            yield f"  (({scalar}*)sums)[{f}] = total({total});"
    yield "}"


def _input(kernel: GemvKernel) -> str:
    t = kernel.target
    if kernel.is_float:
        return t("load_float", "inputs")
    if t.has_dot:
        return t("xor", t("load", "inputs"), t("splat8", -128))
    return t("widen8", "inputs")


def _add_product(kernel: GemvKernel, total: str, weights: str) -> str:
    t = kernel.target
    if kernel.is_float:
        return t("multiply_add", "input", t("load_float", weights), total)
    if t.has_dot:
        return t("dot", total, "input", t("load", weights))
    return t("add32", total, t("widen_pairs", "input", t("widen8", weights)))
