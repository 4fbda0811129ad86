"""Emits int8 kernels of 1x1 convolutions as straight-line C++ with intrinsics.

A kernel multiplies a tile of output pixels, whose inputs lie in planes: a vector
of bytes for each channel (see `delegate/core/pointwise/kernel.h`). A filter group
visits its input channels four at a time: load their planes, interleave them so
that the four inputs of a pixel lie side by side, and multiply with the weights of
each filter of the group. `delegate/core/pointwise/stream.h` describes the stream
of weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import int8_kernels
from kernel_list import PointwiseKernel, symbol
from targets import Target

_QUAD = 4
# Words of a group before those of its filters.
_GROUP_WORDS = 2
_FILTER_WORDS = 4


def functions(target: Target, kernels: Sequence[PointwiseKernel]) -> Iterator[str]:
    """The functions of kernels of a target."""
    yield from int8_kernels.pack_function(target)
    yield ""
    yield from int8_kernels.store_function(target)
    yield ""
    yield from int8_kernels.quantize_function(target)
    yield ""
    for kernel in kernels:
        yield from _Multiply(kernel).function()
        yield ""


def members(kernel: PointwiseKernel) -> Iterator[str]:
    """What a PointwiseKernel holds after its pixels; see pointwise/kernel.h."""
    yield str(kernel.target.vector_bytes)
    yield "128"
    yield "true" if int8_kernels.is_narrow(kernel.target) else "false"
    yield "pack"
    yield _multiply_name(kernel)
    yield "store"


def _multiply_name(kernel: PointwiseKernel) -> str:
    return f"{symbol(kernel)}_multiply"


class _Multiply:
    """Emits the multiplication of a kernel."""

    def __init__(self, kernel: PointwiseKernel) -> None:
        self.kernel = kernel
        self.target = kernel.target
        self.filters = range(kernel.group_size)
        self.vectors = range(kernel.vectors)

    def sum_name(self, chain: int, f: int, v: int) -> str:
        return f"{'sum' if chain == 0 else 'odd'}{f}_{v}"

    def inputs(self, quad: int) -> Iterator[str]:
        """Loads and interleaves the planes of four channels."""
        t = self.target
        for i in range(_QUAD):
            loaded = t("load", f"args->planes + stream[{_QUAD * quad + i}]")
            yield f"const {t.vector} plane{quad}_{i} ="
            yield f"    {loaded};"
        halves = ("low", "high") if self.kernel.vectors > 2 else ("low",)
        for half in halves:
            for pair in range(2):
                planes = (f"plane{quad}_{2 * pair + i}" for i in range(2))
                yield f"const {t.vector} {half}{quad}_{pair} ="
                yield f"    {t(f'unpack_{half}8', *planes)};"
        for v in self.vectors:
            half = ("low", "high")[v // 2]
            part = ("low", "high")[v % 2]
            quads = t(f"unpack_{part}16", f"{half}{quad}_0", f"{half}{quad}_1")
            yield f"const {t.vector} input{quad}_{v} ="
            yield f"    {quads};"

    def weight(self, quads: int, quad: int, f: int) -> Iterator[str]:
        t = self.target
        word = f"(int)stream[{quads * _QUAD + quads * f + quad}]"
        name = f"weight{quad}_{f}"
        yield f"{t.vector} {name} = {t('splat32', word)};"
        yield f"TF_PCONV_KEEP({name});"

    def dot_body(self, quads: int) -> Iterator[str]:
        """Adds the dot products of one or two quads."""
        t = self.target
        for quad in range(quads):
            yield from self.inputs(quad)
            for f in self.filters:
                yield from self.weight(quads, quad, f)
                for v in self.vectors:
                    name = self.sum_name(quad % self.kernel.chains, f, v)
                    product = t("dot", name, f"input{quad}_{v}", f"weight{quad}_{f}")
                    yield f"{name} = {product};"

    def narrow_body(self, quads: int) -> Iterator[str]:
        """The same where products are added in 16 bits first."""
        t = self.target
        for quad in range(quads):
            yield from self.inputs(quad)
        for f in self.filters:
            for quad in range(quads):
                yield from self.weight(quads, quad, f)
            for v in self.vectors:
                products = [
                    t("multiply_pairs", f"input{quad}_{v}", f"weight{quad}_{f}")
                    for quad in range(quads)
                ]
                narrow = products[0] if quads == 1 else t("add16", *products)
                name = self.sum_name(0, f, v)
                yield f"const {t.vector} narrow{f}_{v} ="
                yield f"    {narrow};"
                yield f"{name} = {t('add32', name, t('widen_pairs', f'narrow{f}_{v}', 'one'))};"

    def loop(self, count: str, quads: int) -> Iterator[str]:
        body = self.narrow_body if int8_kernels.is_narrow(self.target) else self.dot_body
        yield f"    for (uint32_t i = {count}; i != 0; --i) {{"
        for line in body(quads):
            yield "      " + line
        yield f"      stream += {quads * (_QUAD + self.kernel.group_size)};"
        yield "    }"

    def begin(self) -> Iterator[str]:
        """Sums start from the bias."""
        t = self.target
        for f in self.filters:
            bias = t("splat32", f"(int)stage[{f}]")
            for v in self.vectors:
                yield f"    {t.vector} {self.sum_name(0, f, v)} = {bias};"
        for chain in range(1, self.kernel.chains):
            for f in self.filters:
                for v in self.vectors:
                    yield f"    {t.vector} {self.sum_name(chain, f, v)} = {t('splat32', 0)};"

    def end(self) -> Iterator[str]:
        t = self.target
        size = self.kernel.group_size
        for f in self.filters:
            yield f"    const {t.float_vector} multiplier{f} ="
            yield f"        {t('as_float', t('splat32', f'(int)stage[{size + f}]'))};"
            yield f"    const {t.float_vector} offset{f} ="
            yield f"        {t('as_float', t('splat32', f'(int)stage[{2 * size + f}]'))};"
            for v in self.vectors:
                name = self.sum_name(0, f, v)
                for chain in range(1, self.kernel.chains):
                    yield f"    {name} = {t('add32', name, self.sum_name(chain, f, v))};"
                yield f"    {name} = quantize({name}, multiplier{f}, offset{f});"
            count = self.kernel.vectors
            names = ", ".join(self.sum_name(0, f, i % count) for i in range(4))
            row = f"args->outputs + (size_t)stage[{3 * size + f}] * {self.kernel.pixels}"
            outputs = f"narrow({names}, center, min, max)"
            yield f"    {t(f'store_first{count}', row, outputs)};"

    def function(self) -> Iterator[str]:
        t = self.target
        words = _GROUP_WORDS + _FILTER_WORDS * self.kernel.group_size
        yield f"void {_multiply_name(self.kernel)}(const PointwiseMultiplyArgs* args) {{"
        yield f"  const {t.vector} min = {t('splat8', 'args->min')};"
        yield f"  const {t.vector} max = {t('splat8', 'args->max')};"
        yield f"  const {t.vector} center = {t('splat16', 'args->center')};"
        if int8_kernels.is_narrow(t):
            yield f"  const {t.vector} one = {t('splat16', 1)};"
        yield "  const uint32_t* stream = args->stream;"
        yield "  for (uint32_t group = 0; group < args->groups; ++group) {"
        yield "    const uint32_t pairs = stream[0];"
        yield "    const uint32_t singles = stream[1];"
        yield f"    const uint32_t* stage = stream + {_GROUP_WORDS};"
        yield f"    stream += {words};"
        yield from self.begin()
        yield from self.loop("pairs", 2)
        yield from self.loop("singles", 1)
        yield from self.end()
        yield "  }"
        yield "}"
