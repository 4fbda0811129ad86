"""Emits int8 kernels of depthwise convolutions as C++ with intrinsics.

A kernel computes a block of channels of a row of outputs, from left to right: load a column of
input pixels, interleave them so that the inputs of a channel lie side by side, and multiply them
with the weights of all windows that the column belongs to (`depthwise_windows.py`). A dot product
has four inputs: of 5x5 windows those of the first four rows, and those of the last row in
steps of its own, each of them with four neighbours. `delegate/core/depthwise/stream.h` describes
the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from depthwise_windows import BIAS, ENDED, Term, Walk
from int8_outputs import limits, quantize_function
from kernel_list import DepthwiseKernel, symbol
from statements import define, indent
from targets import Target

_STRIDES = (1, 2)
_LEAST_CHANNELS = 16
_BLOCKS = 3  # kDepthwiseBlocks
_TAPS = 4  # of a dot product
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


class _Row:
    """Emits the function of a kernel for blocks of some width and a stride."""

    def __init__(self, kernel: DepthwiseKernel, halvings: int, stride: int) -> None:
        self.target = kernel.target
        self.side = kernel.side
        self.walk = Walk(kernel.side, stride)
        self.parts = range(1 << halvings)
        self.part_bytes = kernel.channels >> halvings
        self.name = _row_name(kernel, halvings, stride)
        self.is_wide = not kernel.target.has_dot
        # Weights of a dot product, or of the two that stand for it.
        self.step_vectors = len(_QUARTERS) * (2 if self.is_wide else 1)
        self.has_last_row = kernel.side > _TAPS

    @property
    def steps(self) -> int:
        """Dot products of an output."""
        return self.side + (2 if self.has_last_row else 0)

    def load(self, row: int, column: str) -> str:
        """Loads a pixel of each part."""
        t = self.target
        pixels = (f"row{row}[part{part} + {column}] + channel" for part in self.parts)
        if len(self.parts) == 1:
            value = t("load_any", *pixels)
        elif self.part_bytes == _LEAST_CHANNELS:
            value = t("load_lanes", *pixels)
        else:
            value = t("load_halves", *pixels)
        return value if self.is_wide else t("xor", value, "offset")

    def interleave(self, name: str, pixels: Sequence[str]) -> Iterator[str]:
        """Brings four pixels of each channel side by side, to <name>_0 to <name>_3."""
        t = self.target
        for i, pixel in enumerate(pixels):
            yield from define(t.vector, f"{name}_pixel{i}", pixel)
        for half in ("low", "high"):
            for first in (0, 2):
                pair = (f"{name}_pixel{i}" for i in (first, first + 1))
                yield from define(t.vector, f"{name}_{half}{first}", t(f"unpack_{half}8", *pair))
        for quarter in _QUARTERS:
            half, part = (("low", "high")[i] for i in divmod(quarter, 2))
            quads = t(f"unpack_{part}16", f"{name}_{half}0", f"{name}_{half}2")
            yield from define(t.vector, f"{name}_{quarter}", quads)

    def inputs(self, index: int, column: int, start: str = "") -> Iterator[str]:
        """Loads column `column` behind `start` as `column<index>`, and the end of its last row."""
        place = f"{start}{column}"
        rows = range(min(self.side, _TAPS))
        # The weight of a fourth row that is none is 0.
        pixels = [self.load(min(row, rows[-1]), place) for row in range(_TAPS)]
        yield from self.interleave(f"column{index}", pixels)
        if self.has_last_row and column % self.walk.stride == 0:
            # Nor have pixels before the first one any weight.
            columns = (max(column - back, 0) for back in reversed(range(_TAPS)))
            last = self.side - 1
            pixels = [self.load(last, f"{start}{column}") for column in columns]
            yield from self.interleave(f"row{index}", pixels)

    def add(self, term: Term, index: int, quarter: int, total: str) -> str:
        """The sum `total` with a term of the column that was loaded as `column<index>`."""
        factors = [(f"column{index}", term.tap)]
        if self.has_last_row and term.tap == 0:
            factors.append((f"row{index}", self.side))
        if self.has_last_row and term.tap == self.side - 1:
            factors.append((f"row{index}", self.side + 1))
        for inputs, step in factors:
            weights = f"weights + {step * self.step_vectors + quarter}"
            total = f"multiply({total}, {inputs}_{quarter}, {weights})"
        return total

    def total(self, name: str, quarter: int) -> str:
        """A sum by its name in a term."""
        return self.target("load", f"stage + {quarter}") if name == BIAS else f"{name}{quarter}"

    def begin(self) -> Iterator[str]:
        """Starts the sums of windows that begin before the first ends."""
        for column in self.walk.begin:
            yield from self.inputs(column, column)
        for quarter in _QUARTERS:
            for name in self.walk.open:
                total = self.total(BIAS, quarter)
                for column in self.walk.begin:
                    for term in self.walk.terms(column):
                        if term.after == name:
                            total = self.add(term, column, quarter, total)
                yield f"{self.target.vector} {name}{quarter} ="
                yield f"    {total};"

    def outputs(self, count: int) -> Iterator[str]:
        """Computes `count` outputs from output x on."""
        t = self.target
        stride = self.walk.stride
        start = f"{'' if stride == 1 else f'{stride} * '}x + "
        for index in range(count * stride):
            yield from self.inputs(index, self.walk.step[0] + index, start)
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
        ended = f"sum{output}_{quarter}"
        yield f"{self.target.vector} {ended};"
        for place, column in enumerate(self.walk.step):
            index = output * self.walk.stride + place
            for term in self.walk.terms(column):
                after = ended if term.after == ENDED else f"{term.after}{quarter}"
                yield f"{after} ="
                yield f"    {self.add(term, index, quarter, self.total(term.before, quarter))};"

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
        yield f"  const {t.vector}* stage = weights + {self.steps * self.step_vectors};"
        for row in range(self.side):
            yield f"  const int8_t* const* row{row} = args->rows[{row}];"
        yield "  const size_t channel = args->channel;"
        yield "  const size_t pixel_bytes = args->pixel_bytes;"
        yield "  const size_t count = args->count;"
        for part in self.parts:
            yield f"  const size_t part{part} = {self.walk.stride} * args->parts[{part}];"
        yield from indent(self.begin())
        yield "  size_t x = 0;"
        for outputs in _UNROLLED:
            yield f"  for (; x + {outputs} <= count; x += {outputs}) {{"
            yield from indent(self.outputs(outputs), 2)
            yield "  }"
        yield "}"
