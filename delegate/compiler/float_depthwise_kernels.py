"""Emits float32 kernels of depthwise 3x3 convolutions as C++ with intrinsics.

A kernel goes through vectors of channels, and for each of them along a few rows of outputs at
once: nine vectors of weights stay in registers, and each input is loaded once for all windows of
these rows that it belongs to. A column of inputs is not kept: the sums of windows that have begun
wait for the next one. See `delegate/core/depthwise/kernel.h`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from depthwise_windows import BIAS, ENDED, Walk
from kernel_list import FloatDepthwiseKernel, symbol
from statements import define, indent
from targets import Target

_STRIDES = (1, 2)
_MOST_ROWS = 4  # kFloatDepthwiseRows


def functions(target: Target, kernels: Sequence[FloatDepthwiseKernel]) -> Iterator[str]:
    """The functions of kernels of a target."""
    for kernel in kernels:
        for rows in range(1, kernel.rows + 1):
            for stride in _STRIDES:
                yield from _Rows(kernel, rows, stride).function()
                yield ""


def members(kernel: FloatDepthwiseKernel) -> Iterator[str]:
    """What a FloatDepthwiseKernel holds after its sizes."""
    rows = [
        f"{{{', '.join(_name(kernel, rows, stride) for stride in _STRIDES)}}}"
        for rows in range(1, kernel.rows + 1)
    ]
    rows += ["{}"] * (_MOST_ROWS - len(rows))
    yield f"{{{', '.join(rows)}}}"


def _name(kernel: FloatDepthwiseKernel, rows: int, stride: int) -> str:
    return f"{symbol(kernel)}_rows{rows}_stride{stride}"


class _Rows:
    """Emits the function of a kernel for some rows of outputs and a stride."""

    def __init__(self, kernel: FloatDepthwiseKernel, rows: int, stride: int) -> None:
        self.target = kernel.target
        self.side = kernel.side
        self.walk = Walk(kernel.side, stride)
        self.outputs = range(rows)
        self.inputs = range((rows - 1) * stride + kernel.side)
        self.name = _name(kernel, rows, stride)

    def column(self, column: int, place: str) -> Iterator[str]:
        """Adds the products with the inputs at `place` to sums of each row of outputs."""
        t = self.target
        yield "{"
        for i in self.inputs:
            value = t("load_any_float", f"row{i}[{place}] + c")
            yield from indent(self.define(f"input{i}", value))
            for output in self.outputs:
                row = i - output * self.walk.stride
                if row not in range(self.side):
                    continue
                for term in self.walk.terms(column):
                    after = f"{term.after}{output}"
                    before = term.before if term.before == BIAS else f"{term.before}{output}"
                    weight = f"weight{row * self.side + term.tap}"
                    total = after if row > 0 else before
                    yield f"  {after} = {t('multiply_add', f'input{i}', weight, total)};"
        yield "}"

    def define(self, name: str, value: str) -> Iterator[str]:
        yield from define(self.target.float_vector, name, value, keep=True)

    def declare(self, *names: str) -> Iterator[str]:
        for name in names:
            sums = ", ".join(f"{name}{output}" for output in self.outputs)
            yield f"{self.target.float_vector} {sums};"

    def begin(self) -> Iterator[str]:
        """Starts the sums of windows that begin before the first ends."""
        yield from self.declare(*self.walk.open)
        for column in self.walk.begin:
            yield from self.column(column, str(column))

    def step(self) -> Iterator[str]:
        """Ends the windows of column x of the outputs."""
        t = self.target
        yield from self.declare(ENDED)
        start = "x" if self.walk.stride == 1 else f"{self.walk.stride} * x"
        for column in self.walk.step:
            yield from self.column(column, f"{start} + {column}")
        for output in self.outputs:
            # A NaN passes: both operations return their second argument then.
            value = t("min_float", "max", t("max_float", "min", f"{ENDED}{output}"))
            yield f"{t('store_any_float', f'output{output} + x * channels + c', value)};"

    def channels(self) -> Iterator[str]:
        """Computes a vector of channels."""
        t = self.target
        taps = self.side * self.side
        for tap in range(taps):
            value = t("load_any_float", f"parameters + {tap} * channels + c")
            yield from self.define(f"weight{tap}", value)
        value = t("load_any_float", f"parameters + {taps} * channels + c")
        yield from define(t.float_vector, BIAS, value)
        yield from self.begin()
        yield "for (size_t x = 0; x < width; ++x) {"
        yield from indent(self.step())
        yield "}"

    def function(self) -> Iterator[str]:
        t = self.target
        yield f"void {self.name}(const FloatDepthwiseArgs* args) {{"
        for limit in ("min", "max"):
            yield from indent(define(t.float_vector, limit, t("splat_float", f"args->{limit}")))
        for i in self.inputs:
            yield f"  const float* const* row{i} = args->rows[{i}];"
        yield "  const float* parameters = args->parameters;"
        yield "  const size_t channels = args->channels;"
        yield "  const size_t width = args->width;"
        for output in self.outputs:
            place = f"args->outputs + {output} * width * channels"
            yield f"  float* output{output} = {place};"
        yield "  for (size_t c = 0;;) {"
        yield from indent(self.channels(), 2)
        yield f"    if (c + {t.floats} >= channels) break;"
        yield f"    c += {t.floats};"
        yield "    // The last vector may overlap the one before."
        yield f"    if (c + {t.floats} > channels) c = channels - {t.floats};"
        yield "  }"
        yield "}"
