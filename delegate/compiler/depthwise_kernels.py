"""Emits int8 kernels of depthwise 3x3 convolutions as C++ with intrinsics.

A kernel computes a block of channels of a row of outputs, from left to right:
load a column of three input pixels, interleave them so that the three inputs of
a channel lie side by side, and multiply them with the weights of all windows that
the column belongs to. Interleaved columns are not kept: the windows' sums wait for
the next column instead. `delegate/core/depthwise/stream.h` describes the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from int8_outputs import limits, quantize_function
from kernel_list import DepthwiseKernel, symbol
from statements import define, indent
from targets import Target

_SIDE = 3
_STRIDES = (1, 2)
_LEAST_CHANNELS = 16
_BLOCKS = 3  # kDepthwiseBlocks
_QUARTERS = range(4)  # vectors of sums of an int8 vector
_UNROLLED = (4, 2, 1)  # outputs that share what is loaded of weights


def functions(target: Target, kernels: Sequence[DepthwiseKernel]) -> Iterator[str]:
    """The functions of kernels of a target."""
    yield from quantize_function(target)
    yield ""
    yield from _multiply_function(target)
    yield ""
    for kernel in kernels:
        for halvings in _blocks(kernel):
            for stride in _STRIDES:
                yield from _Row(kernel, halvings, stride).function()
                yield ""


def members(kernel: DepthwiseKernel) -> Iterator[str]:
    """What a DepthwiseKernel holds after its channels; see depthwise/kernel.h."""
    is_wide = not kernel.target.has_dot
    yield "0" if is_wide else "128"
    yield "true" if is_wide else "false"
    rows = [
        f"{{{', '.join(_row_name(kernel, halvings, stride) for stride in _STRIDES)}}}"
        for halvings in _blocks(kernel)
    ]
    yield f"{{{', '.join(rows)}}}"


def _blocks(kernel: DepthwiseKernel) -> range:
    """How often a vector is halved to make each block."""
    return range(min(_BLOCKS, (kernel.channels // _LEAST_CHANNELS).bit_length()))


def _row_name(kernel: DepthwiseKernel, halvings: int, stride: int) -> str:
    return f"{symbol(kernel)}_block{kernel.channels >> halvings}_stride{stride}"


def _multiply_function(target: Target) -> Iterator[str]:
    """The function `multiply`: adds the products of four bytes to each sum."""
    t = target
    if t.has_dot:
        yield f"inline {t.vector} multiply({t.vector} sum, {t.vector} inputs,"
        yield f"                        const {t.vector}* weights) {{"
        yield f"  return {t('dot', 'sum', 'inputs', t('load', 'weights'))};"
        yield "}"
        return
    yield "// Without dot products: the even bytes and the odd ones in 16 bits."
    yield f"inline {t.vector} multiply({t.vector} sum, {t.vector} inputs,"
    yield f"                        const {t.vector}* weights) {{"
    even = t("shift_right16", t("shift_left16", "inputs", 8), 8)
    yield f"  const {t.vector} even = {even};"
    yield f"  const {t.vector} odd = {t('shift_right16', 'inputs', 8)};"
    for part, place in (("even", 0), ("odd", len(_QUARTERS))):
        product = t("widen_pairs", part, t("load", f"weights + {place}"))
        yield f"  const {t.vector} {part}_product = {product};"
    yield f"  return {t('add32', 'sum', t('add32', 'even_product', 'odd_product'))};"
    yield "}"


def _weight_vectors(target: Target) -> int:
    """Vectors of the weights of a column."""
    return len(_QUARTERS) * (1 if target.has_dot else 2)


class _Row:
    """Emits the function of a kernel for blocks of some width and a stride."""

    def __init__(self, kernel: DepthwiseKernel, halvings: int, stride: int) -> None:
        self.target = kernel.target
        self.stride = stride
        self.parts = range(1 << halvings)
        self.part_bytes = kernel.channels >> halvings
        self.name = _row_name(kernel, halvings, stride)
        self.is_wide = not kernel.target.has_dot
        # Sums of windows that have begun and not ended.
        self.open = ("first", "second")[: _SIDE - stride]

    def load(self, row: int, column: str) -> str:
        """Loads a pixel of each part."""
        pixels = (f"row{row}[part{part} + {column}] + channel" for part in self.parts)
        if len(self.parts) == 1:
            return self.target("load_any", *pixels)
        operation = "load_lanes" if self.part_bytes == _LEAST_CHANNELS else "load_halves"
        return self.target(operation, *pixels)

    def inputs(self, column: str, index: int) -> Iterator[str]:
        """Interleaves the three pixels of a column, to inputs<index>_0 to inputs<index>_3."""
        t = self.target
        for row in range(_SIDE):
            pixels = self.load(row, column)
            value = pixels if self.is_wide else t("xor", pixels, "offset")
            yield from define(t.vector, f"pixels{index}_{row}", value)
        # The weight of the fourth byte is 0.
        for half in ("low", "high"):
            for pair, rows in enumerate(((0, 1), (2, 2))):
                pixels = t(f"unpack_{half}8", *(f"pixels{index}_{row}" for row in rows))
                yield from define(t.vector, f"{half}{index}_{pair}", pixels)
        for quarter in _QUARTERS:
            half, part = (("low", "high")[i] for i in divmod(quarter, 2))
            quads = t(f"unpack_{part}16", f"{half}{index}_0", f"{half}{index}_1")
            yield from define(t.vector, f"inputs{index}_{quarter}", quads)

    def product(self, total: str, inputs: int, quarter: int, column: int) -> str:
        """Adds the products with a column of the window to a sum, or to the bias."""
        vectors = _weight_vectors(self.target)
        weights = f"weights + {column * vectors + quarter}"
        if total == "bias":
            total = self.target("load", f"stage + {quarter}")
        return f"multiply({total}, inputs{inputs}_{quarter}, {weights})"

    def begin(self) -> Iterator[str]:
        """Starts the sums of windows that begin before the first ends."""
        for index in range(len(self.open)):
            yield from self.inputs(str(index), index)
        for quarter in _QUARTERS:
            for begun, name in enumerate(self.open):
                total = "bias"
                for index in range(begun, len(self.open)):
                    total = self.product(total, index, quarter, index - begun)
                yield f"{self.target.vector} {name}{quarter} ="
                yield f"    {total};"

    def outputs(self, count: int) -> Iterator[str]:
        """Computes `count` outputs from column x on."""
        t = self.target
        open_columns = len(self.open)
        for index in range(count * self.stride):
            column = f"{'' if self.stride == 1 else '2 * '}x + {index + open_columns}"
            yield from self.inputs(column, index)
        for quarter in _QUARTERS:
            for output in range(count):
                yield from self.end_window(output, quarter)
            for output in range(count):
                multiplier = t("as_float", t("load", f"stage + {4 + quarter}"))
                offset = t("as_float", t("load", f"stage + {8 + quarter}"))
                yield f"sum{output}_{quarter} = quantize(sum{output}_{quarter},"
                yield f"    {multiplier},"
                yield f"    {offset});"
        for output in range(count):
            yield from self.store(output)

    def end_window(self, output: int, quarter: int) -> Iterator[str]:
        """Adds the columns that end the window of an output and continue the next ones."""
        vector = self.target.vector
        ended = f"sum{output}_{quarter}"
        first, second = f"first{quarter}", f"second{quarter}"
        if self.stride == 1:
            yield f"{vector} {ended} = {self.product(first, output, quarter, 2)};"
            yield f"{first} = {self.product(second, output, quarter, 1)};"
            yield f"{second} = {self.product('bias', output, quarter, 0)};"
            return
        middle, last = 2 * output, 2 * output + 1
        yield f"{first} = {self.product(first, middle, quarter, 1)};"
        yield f"{vector} {ended} = {self.product(first, last, quarter, 2)};"
        yield f"{first} = {self.product('bias', last, quarter, 0)};"

    def store(self, output: int) -> Iterator[str]:
        t = self.target
        sums = ", ".join(f"sum{output}_{quarter}" for quarter in _QUARTERS)
        outputs = f"narrow_lanes({sums}, center, min, max)"
        yield from define(t.vector, f"outputs{output}", outputs)
        for part in self.parts:
            pixel = f"args->outputs + (args->parts[{part}] + x + {output}) * pixel_bytes"
            if len(self.parts) == 1:
                yield f"{t('store_first4', pixel, f'outputs{output}')};"
            elif self.part_bytes == _LEAST_CHANNELS:
                lane = t(f"lane{part}", f"outputs{output}")
                yield f"_mm_storeu_si128((__m128i*)({pixel}),"
                yield f"    {lane});"
            else:
                half = t(f"half{part}", f"outputs{output}")
                yield f"_mm256_storeu_si256((__m256i*)({pixel}),"
                yield f"    {half});"

    def function(self) -> Iterator[str]:
        t = self.target
        yield f"void {self.name}(const DepthwiseRowArgs* args) {{"
        yield from indent(limits(t))
        if not self.is_wide:
            yield f"  const {t.vector} offset = {t('splat8', '-128')};"
        yield f"  const {t.vector}* weights = (const {t.vector}*)args->stream;"
        yield f"  const {t.vector}* stage = weights + {_SIDE * _weight_vectors(t)};"
        for row in range(_SIDE):
            yield f"  const int8_t* const* row{row} = args->rows[{row}];"
        yield "  const size_t channel = args->channel;"
        yield "  const size_t pixel_bytes = args->pixel_bytes;"
        yield "  const size_t count = args->count;"
        for part in self.parts:
            yield f"  const size_t part{part} = {self.stride} * args->parts[{part}];"
        yield from indent(self.begin())
        yield "  size_t x = 0;"
        for outputs in _UNROLLED:
            yield f"  for (; x + {outputs} <= count; x += {outputs}) {{"
            yield from indent(self.outputs(outputs), 2)
            yield "  }"
        yield "}"
