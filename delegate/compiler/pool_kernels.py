"""Emits kernels of pooling as C++ with intrinsics; see delegate/core/pool/kernel.h."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from int8_outputs import limits, quantize_function
from kernel_list import TensorKernel, symbol
from statements import define, indent
from targets import Target

_SIDES = (2, 3)  # from kMaxPoolLeastSide on
# Vectors of channels that averages sum together, so that loops over pixels are few and additions
# need not wait for each other.
_INT8_VECTORS = 2
_FLOAT_VECTORS = 4
# Bytes whose sum always fits into 16 bits.
_WORD_PIXELS = 256

# What computes and stores some vectors of channels.
_Body = Callable[[int], Iterable[str]]


def functions(target: Target, kernels: Sequence[TensorKernel]) -> Iterator[str]:
    """The functions of kernels of a target."""
    yield from quantize_function(target)
    yield ""
    for kernel in kernels:
        for side in _SIDES:
            yield from _max(target, _max_name(kernel, side, "int8"), side, is_float=False)
            yield ""
            yield from _max(target, _max_name(kernel, side, "float32"), side, is_float=True)
            yield ""
        yield from _average_int8(target, _average_name(kernel, "int8"))
        yield ""
        yield from _average_float32(target, _average_name(kernel, "float32"))
        yield ""


def members(kernel: TensorKernel) -> Iterator[str]:
    """What a PoolKernel holds after its size."""
    for numbers in ("int8", "float32"):
        yield f"{{{', '.join(_max_name(kernel, side, numbers) for side in _SIDES)}}}"
    for numbers in ("int8", "float32"):
        yield _average_name(kernel, numbers)


def _max_name(kernel: TensorKernel, side: int, numbers: str) -> str:
    return f"{symbol(kernel)}_max_{side}x{side}_{numbers}"


def _average_name(kernel: TensorKernel, numbers: str) -> str:
    return f"{symbol(kernel)}_average_{numbers}"


def _max(target: Target, name: str, side: int, *, is_float: bool) -> Iterator[str]:
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
    pixels = [f"pixel{row}{column}" for row in range(side) for column in range(side)]

    def body(_: int) -> Iterator[str]:
        value = "min"
        for pixel in pixels:
            # Of two operands of which one is no number, the second is the result.
            value = t(largest, t(load, f"{pixel} + channel"), value)
        yield from define(vector, "outputs", t(smallest, value, "max"))
        yield f"{t(store, 'output + channel', 'outputs')};"

    yield f"void {name}(const {'Float' if is_float else 'Int8'}MaxPoolArgs* args) {{"
    yield from _copy_windows(c_type)
    for limit in ("min", "max"):
        yield from indent(define(vector, limit, t(splat, f"args->{limit}")))
    yield "  // A window that is cut off repeats pixels that it has."
    for row in range(side):
        for column in range(side):
            yield f"  const {c_type}* pixel{row}{column} = {_pixel(row, column)};"
    yield from _walk(c_type, pixels, values, 1, body)
    yield "}"


def _pixel(row: int, column: int) -> str:
    """Where a pixel of a window lies, by the one before it in its row or in its column."""
    if column > 0:
        step = f"(windows.columns > {column} ? windows.pixel_step : 0)"
        return f"pixel{row}{column - 1} + {step}"
    if row > 0:
        return f"pixel{row - 1}0 + (windows.rows > {row} ? windows.row_step : 0)"
    return "windows.input"


def _average_int8(target: Target, name: str) -> Iterator[str]:
    t = target

    def add_words(vectors: int) -> Iterator[str]:
        for word in range(2 * vectors):
            for half, part in enumerate(("low", "high")):
                total = f"sum{2 * word + half}"
                yield f"{total} = {t('add32', total, t(f'widen16_{part}', f'words{word}'))};"

    def add_pixel(vectors: int) -> Iterator[str]:
        for word in range(2 * vectors):
            inputs = t("widen_any8", f"pixel + {word * t.vector_bytes // 2}")
            yield f"words{word} = {t('add16', f'words{word}', inputs)};"
        yield "if (--left == 0) {"
        yield from indent(add_words(vectors))
        for word in range(2 * vectors):
            yield f"  words{word} = zero;"
        yield f"  left = {_WORD_PIXELS};"
        yield "}"

    def body(vectors: int) -> Iterator[str]:
        for total in range(4 * vectors):
            yield f"{t.vector} sum{total} = bias;"
        yield "// In 16 bits as long as nothing can overflow."
        for word in range(2 * vectors):
            yield f"{t.vector} words{word} = zero;"
        yield f"size_t left = {_WORD_PIXELS};"
        yield from _visit_pixels("int8_t", add_pixel(vectors))
        yield from add_words(vectors)
        for vector in range(vectors):
            halves = (f"quantize(sum{4 * vector + part}, multiplier, offset)" for part in range(4))
            outputs = f"narrow({', '.join(halves)}, center, min, max)"
            yield from define(t.vector, f"outputs{vector}", outputs)
            place = f"output + channel + {vector * t.vector_bytes}"
            yield f"{t('store_any', place, f'outputs{vector}')};"

    yield f"void {name}(const Int8AveragePoolArgs* args) {{"
    yield from _copy_windows("int8_t")
    yield from indent(define(t.vector, "zero", t("splat32", "0")))
    yield from indent(define(t.vector, "bias", t("splat32", "args->bias")))
    for number in ("multiplier", "offset"):
        yield from indent(define(t.float_vector, number, t("splat_float", f"args->{number}")))
    yield from indent(limits(t))
    yield "  const int8_t* input = windows.input;"
    yield from _walk("int8_t", ["input"], t.vector_bytes, _INT8_VECTORS, body)
    yield "}"


def _average_float32(target: Target, name: str) -> Iterator[str]:
    t = target

    def add_pixel(vectors: int) -> Iterator[str]:
        for vector in range(vectors):
            inputs = t("load_any_float", f"pixel + {vector * t.floats}")
            yield f"sum{vector} = {t('add_float', f'sum{vector}', inputs)};"

    def body(vectors: int) -> Iterator[str]:
        for vector in range(vectors):
            yield f"{t.float_vector} sum{vector} = {t('zero_float')};"
        yield from _visit_pixels("float", add_pixel(vectors))
        for vector in range(vectors):
            average = t("multiply_float", f"sum{vector}", "multiplier")
            # Of two operands of which one is no number, the second is the result.
            outputs = t("min_float", "max", t("max_float", "min", average))
            yield from define(t.float_vector, f"outputs{vector}", outputs)
            place = f"output + channel + {vector * t.floats}"
            yield f"{t('store_any_float', place, f'outputs{vector}')};"

    yield f"void {name}(const FloatAveragePoolArgs* args) {{"
    yield from _copy_windows("float")
    for number in ("multiplier", "min", "max"):
        yield from indent(define(t.float_vector, number, t("splat_float", f"args->{number}")))
    yield "  const float* input = windows.input;"
    yield from _walk("float", ["input"], t.floats, _FLOAT_VECTORS, body)
    yield "}"


def _copy_windows(c_type: str) -> Iterator[str]:
    """A copy, that no output can overwrite, as compilers must assume of the original."""
    yield f"  const PoolWindows<{c_type}> windows = args->windows;"


def _visit_pixels(c_type: str, statements: Iterable[str]) -> Iterator[str]:
    """Visits each `pixel` of the window that begins at `input`."""
    yield f"const {c_type}* row = input + channel;"
    yield "for (size_t y = windows.rows; y != 0; --y) {"
    yield f"  const {c_type}* pixel = row;"
    yield "  for (size_t x = windows.columns; x != 0; --x) {"
    yield from indent(statements, 2)
    yield "    pixel += windows.pixel_step;"
    yield "  }"
    yield "  row += windows.row_step;"
    yield "}"


def _walk(
    c_type: str, inputs: Sequence[str], values: int, vectors: int, body: _Body
) -> Iterator[str]:
    """Walks over all windows and their channels, `vectors` at once where there are as many.

    Args:
        c_type: Of values.
        inputs: Pointers into the first window.
        values: Of a vector.
        vectors: Most vectors of channels at once.
        body: Emits what computes so many vectors from `channel` on.
    """
    yield f"  {c_type}* output = windows.output;"
    yield "  for (size_t i = 0; i < windows.count; ++i) {"
    yield "    size_t channel = 0;"
    if vectors > 1:
        width = vectors * values
        yield f"    for (; channel + {width} <= windows.channels; channel += {width}) {{"
        yield from indent(body(vectors), 3)
        yield "    }"
    yield f"    for (; channel < windows.channels; channel += {values}) {{"
    yield "      // The last vector may overlap the one before."
    yield f"      if (channel + {values} > windows.channels) {{"
    yield f"        channel = windows.channels - {values};"
    yield "      }"
    yield from indent(body(1), 3)
    yield "    }"
    for pointer in inputs:
        yield f"    {pointer} += windows.step;"
    yield "    output += windows.channels;"
    yield "  }"
