"""Emits float32 kernels as straight-line C++ with intrinsics.

A kernel keeps a tile of outputs of the filters of a unit in accumulators and
walks over their taps: each is one multiply-add for every vector of the tile.
No code depends on a pattern. `delegate/core/float/kernel.h` explains tiles and
the two kinds of kernels, `delegate/core/float/stream.h` the stream of weights.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from kernel_list import FloatKernel, symbol
from statements import define, indent, walk
from targets import Target

# Words of a unit before its taps: how many there are, or how many pairs and
# singles in each column.
_FLAT_WORDS = 1
_COLUMN_WORDS = 6


def functions(target: Target, kernels: Sequence[FloatKernel]) -> Iterator[str]:
    """The functions of kernels of a target."""
    yield from _pack(target)
    yield ""
    yield from _store(target)
    yield ""
    for kernel in kernels:
        yield from _Multiply(kernel).function()
        yield ""


def members(kernel: FloatKernel) -> Iterator[str]:
    """What a FloatKernel holds after its pixels; see float/kernel.h."""
    yield str(kernel.target.floats)
    yield str(kernel.pitch)
    yield _multiply_name(kernel)
    yield "pack"
    yield "store"


def _multiply_name(kernel: FloatKernel) -> str:
    return f"{symbol(kernel)}_multiply"


def _transpose(target: Target) -> Iterator[str]:
    """Transposes the square of vectors a0, a1... into e0, e1..."""
    vector = target.float_vector
    rows = [f"a{i}" for i in range(target.floats)]
    distance = 1
    while distance < target.floats:
        after = list(rows)
        for low in range(target.floats):
            high = low | distance
            if low == high:
                continue
            for place, half in ((low, "low"), (high, "high")):
                after[place] = f"{'bcde'[distance.bit_length() - 1]}{place}_"
                operation = f"transpose{distance}_{half}"
                value = target(operation, rows[low], rows[high])
                yield from define(vector, after[place], value)
        rows = after
        distance *= 2
    for i in range(target.floats):
        # The first two rounds leave rows 1 and 2 of each four in turned order.
        place = i & ~3 | (i & 1) << 1 | (i & 2) >> 1
        yield f"const {vector} e{i} = {rows[place]};"


def _pack(target: Target) -> Iterator[str]:
    t = target
    yield "void pack(const float* const* pixels, int channels, float* planes,"
    yield "          size_t plane) {"
    yield f"  for (int c = 0; c < channels; c += {t.floats}) {{"
    for i in range(t.floats):
        yield f"    const {t.float_vector} a{i} = {t('load_any_float', f'pixels[{i}] + c')};"
    yield from indent(_transpose(t), 2)
    for i in range(t.floats):
        yield f"    {t('store_any_float', 'planes', f'e{i}')};"
        yield "    planes += plane;"
    yield "  }"
    yield "}"


def _store(target: Target) -> Iterator[str]:
    t = target
    yield "void store(const FloatStoreArgs* args) {"
    yield f"  const {t.float_vector} low = {t('splat_float', 'args->low')};"
    yield f"  const {t.float_vector} high = {t('splat_float', 'args->high')};"
    yield f"  for (int c = 0; c < args->channels; c += {t.floats}) {{"
    for i in range(t.floats):
        value = t("load_float", f"args->sums + args->rows[c + {i}]")
        yield f"    const {t.float_vector} a{i} = {value};"
    yield from indent(_transpose(t), 2)
    yield f"    const {t.float_vector} bias = {t('load_any_float', 'args->bias + c')};"
    for i in range(t.floats):
        # A NaN passes: both operations return their second argument then.
        value = t("max_float", "low", t("add_float", f"e{i}", "bias"))
        value = t("min_float", "high", value)
        yield f"    {t('store_any_float', f'args->pixels[{i}] + c', value)};"
    yield "  }"
    yield "}"


class _Multiply:
    """Emits the multiplication of a kernel."""

    def __init__(self, kernel: FloatKernel) -> None:
        self.kernel = kernel
        self.target = kernel.target
        self.filters = range(kernel.group_size)
        self.vectors = range(kernel.vectors)
        self.load = "load_float" if kernel.pitch_vectors else "load_any_float"

    def input(self, vector: int) -> str:
        return self.target(self.load, f"planes + {vector * self.target.floats}")

    def weight(self, word: int) -> str:
        t = self.target
        return t("as_float", t("splat32", f"(int)stream[{word}]"))

    def define(self, name: str, value: str, *, keep: bool) -> Iterator[str]:
        yield from define(self.target.float_vector, name, value, keep=keep)

    def add(self, f: int, v: int, value: str, weight: str) -> str:
        name = f"sum{f}_{v}"
        return f"{name} = {self.target('multiply_add', value, weight, name)};"

    def tap(self) -> Iterator[str]:
        """One weight of each filter with each vector of inputs."""
        if len(self.filters) == 1:
            yield from self.define("weight0", self.weight(1), keep=False)
            for v in self.vectors:
                yield self.add(0, v, self.input(v), "weight0")
        elif len(self.filters) <= len(self.vectors):
            for f in self.filters:
                yield from self.define(f"weight{f}", self.weight(1 + f), keep=True)
            for v in self.vectors:
                yield from self.define(f"input{v}", self.input(v), keep=True)
                for f in self.filters:
                    yield self.add(f, v, f"input{v}", f"weight{f}")
        else:
            for v in self.vectors:
                yield from self.define(f"input{v}", self.input(v), keep=True)
            for f in self.filters:
                keep = len(self.vectors) > 1
                yield from self.define(f"weight{f}", self.weight(1 + f), keep=keep)
                for v in self.vectors:
                    yield self.add(f, v, f"input{v}", f"weight{f}")

    def pair(self) -> Iterator[str]:
        """Two taps that lie below each other share the vectors between them."""
        yield from self.define("weight0", self.weight(1), keep=True)
        yield from self.define("weight1", self.weight(2), keep=True)
        pitch = self.kernel.pitch_vectors
        for v in range(len(self.vectors) + pitch):
            uses = [
                (vector, weight)
                for vector, weight in ((v - pitch, "weight1"), (v, "weight0"))
                if vector in self.vectors
            ]
            yield from self.define(f"input{v}", self.input(v), keep=len(uses) > 1)
            for vector, weight in uses:
                yield self.add(0, vector, f"input{v}", weight)

    def walk(self, count: str, words: int, body: Iterable[str]) -> Iterator[str]:
        planes = "const float* planes = args->planes + stream[0];"
        yield from walk(count, words, itertools.chain([planes], body))

    def columns(self) -> Iterator[str]:
        """Taps column by column; between them the sums move up by a lane."""
        t = self.target
        yield "const uint32_t* counts = stream;"
        yield f"stream += {_COLUMN_WORDS};"
        yield "for (int column = 0; column < kTapColumns; ++column) {"
        yield "  if (column != 0) {"
        for f in self.filters:
            for v in reversed(self.vectors):
                below = f"sum{f}_{v - 1}" if v else t("zero_float")
                yield f"    sum{f}_{v} = {t('move_up', f'sum{f}_{v}', below)};"
        yield "  }"
        if self.kernel.group_size == 1:
            yield from indent(self.walk("counts[2 * column]", 3, self.pair()))
        words = 1 + self.kernel.group_size
        yield from indent(self.walk("counts[2 * column + 1]", words, self.tap()))
        yield "}"

    def flat(self) -> Iterator[str]:
        """Taps one after the other."""
        yield "const uint32_t taps = stream[0];"
        yield f"stream += {_FLAT_WORDS};"
        yield from self.walk("taps", 1 + self.kernel.group_size, self.tap())

    def unit(self) -> Iterator[str]:
        t = self.target
        names = [f"sum{f}_{v}" for f in self.filters for v in self.vectors]
        for name in names:
            yield f"{t.float_vector} {name} = {t('zero_float')};"
        yield from self.columns() if self.kernel.pitch_vectors else self.flat()
        yield "if (!args->first) {"
        for i, name in enumerate(names):
            old = t("load_float", f"sums + {i * t.floats}")
            yield f"  {name} = {t('add_float', name, old)};"
        yield "}"
        for i, name in enumerate(names):
            yield f"{t('store_float', f'sums + {i * t.floats}', name)};"
        yield f"sums += {len(names) * t.floats};"

    def function(self) -> Iterator[str]:
        yield f"void {_multiply_name(self.kernel)}(const FloatMultiplyArgs* args) {{"
        yield "  const uint32_t* stream = args->stream;"
        yield "  float* sums = args->sums;"
        yield "  for (uint32_t unit = 0; unit < args->units; ++unit) {"
        yield from indent(self.unit(), 2)
        yield "  }"
        yield "}"
