"""Emits multiplications of int8 kernels as straight-line C++ with intrinsics.

A filter group visits its entries one by one: a kept kernel of a 3x3 convolution, four
channels of a 1x1 convolution. Each entry is four inputs of every pixel of the tile,
side by side, and one dot product with the weights of each filter of the group.
What an entry's words say, and where its inputs lie, is for subclasses to tell.

The stream of a group is: how many pairs and how many single entries there are, other
words of the group, the output stage of its filters (all biases, all multipliers...),
and the entries. Two entries of a pair lie together: the words of both before the
weights of both for the first filter, for the second...
"""

from __future__ import annotations

import abc
from collections.abc import Iterator

from int8_outputs import limits
from kernel_list import Int8Kernel, PointwiseKernel
from statements import define, indent, walk

# Words that the output stage takes for each filter.
_FILTER_WORDS = 4


class Multiplication(abc.ABC):
    """Emits the multiplication of a kernel.

    Attributes:
        arguments: C++ type of what the function takes.
        group_words: Words of a group before the output stage of its filters.
        entry_words: Words of an entry before its weights.
        keeps_weights: Whether weights must be kept in registers; see `define`.
    """

    arguments: str
    group_words: int
    entry_words: int
    keeps_weights = False

    def __init__(self, kernel: Int8Kernel | PointwiseKernel, name: str) -> None:
        self.kernel = kernel
        self.name = name
        self.target = kernel.target
        self.filters = range(kernel.group_size)
        self.vectors = range(kernel.vectors)

    @abc.abstractmethod
    def inputs(self, entry: int) -> Iterator[str]:
        """Defines input<entry>_0, input<entry>_1...: four inputs of each pixel."""

    def group(self) -> Iterator[str]:
        """Reads the other words of a group."""
        yield from ()

    def start(self) -> Iterator[str]:
        """Gives the sums their first values: the bias."""
        for f in self.filters:
            names = " = ".join(self.sum_name(0, f, v) for v in self.vectors)
            yield f"{names} = {self._stage(0, f)};"

    def finish(self) -> Iterator[str]:
        """Makes outputs of the sums and stores them."""
        t = self.target
        for f in self.filters:
            for factor, name in enumerate(("multiplier", "offset"), start=1):
                value = t("as_float", self._stage(factor, f))
                yield from define(t.float_vector, f"{name}{f}", value)
            row = f"stage[{self._stage_word(3, f)}]"
            yield f"int8_t* outputs{f} = args->outputs + (size_t){row} * {self.kernel.pixels};"
            for v in self.vectors:
                name = self.sum_name(0, f, v)
                yield f"{name} = quantize({name}, multiplier{f}, offset{f});"
            for v in range(0, self.kernel.vectors, 4):
                yield from self._store_outputs(f, v)

    def function(self) -> Iterator[str]:
        """The whole function."""
        yield f"void {self.name}(const {self.arguments}* args) {{"
        yield from indent(limits(self.target))
        if not self.target.has_dot:
            yield from indent(define(self.target.vector, "one", self.target("splat16", 1)))
        yield "  const uint32_t* stream = args->stream;"
        yield "  for (uint32_t group = 0; group < args->groups; ++group) {"
        yield "    const uint32_t pairs = stream[0];"
        yield "    const uint32_t singles = stream[1];"
        yield from indent(self.group(), 2)
        yield f"    const uint32_t* stage = stream + {self.group_words};"
        yield f"    stream += {self.group_words + _FILTER_WORDS * self.kernel.group_size};"
        for part in (self._begin(), self._walk("pairs", 2), self._walk("singles", 1), self._end()):
            yield from indent(part, 2)
        yield "  }"
        yield "}"

    def sum_name(self, chain: int, f: int, v: int) -> str:
        """The sum of a filter in a vector; those of the second chain are added to the first's."""
        return f"{'sum' if chain == 0 else 'odd'}{f}_{v}"

    def _stage_word(self, place: int, f: int) -> int:
        return place * self.kernel.group_size + f

    def _stage(self, place: int, f: int) -> str:
        """A word of a filter's output stage."""
        return self.target("splat32", f"(int)stage[{self._stage_word(place, f)}]")

    def _begin(self) -> Iterator[str]:
        """Defines the sums."""
        chains = range(self.kernel.chains)
        for chain in chains:
            for f in self.filters:
                names = ", ".join(self.sum_name(chain, f, v) for v in self.vectors)
                yield f"{self.target.vector} {names};"
        yield from self.start()
        for chain in chains[1:]:
            for f in self.filters:
                names = " = ".join(self.sum_name(chain, f, v) for v in self.vectors)
                yield f"{names} = {self.target('splat32', 0)};"

    def _weight(self, entries: int, entry: int, f: int) -> Iterator[str]:
        word = entries * (self.entry_words + f) + entry
        value = self.target("splat32", f"(int)stream[{word}]")
        name = f"weight{entry}_{f}"
        yield from define(self.target.vector, name, value, keep=self.keeps_weights)

    def _dot_products(self, entries: int) -> Iterator[str]:
        """Adds the dot products of one or two entries."""
        for entry in range(entries):
            yield from self.inputs(entry)
            for f in self.filters:
                yield from self._weight(entries, entry, f)
                for v in self.vectors:
                    name = self.sum_name(entry % self.kernel.chains, f, v)
                    product = self.target("dot", name, f"input{entry}_{v}", f"weight{entry}_{f}")
                    yield f"{name} = {product};"

    def _narrow_products(self, entries: int) -> Iterator[str]:
        """The same where products are added in 16 bits first."""
        t = self.target
        for entry in range(entries):
            yield from self.inputs(entry)
        for f in self.filters:
            for entry in range(entries):
                yield from self._weight(entries, entry, f)
            for v in self.vectors:
                products = [
                    t("multiply_pairs", f"input{entry}_{v}", f"weight{entry}_{f}")
                    for entry in range(entries)
                ]
                narrow = products[0] if entries == 1 else t("add16", *products)
                yield from define(t.vector, f"narrow{f}_{v}", narrow)
                name = self.sum_name(0, f, v)
                yield f"{name} = {t('add32', name, t('widen_pairs', f'narrow{f}_{v}', 'one'))};"

    def _walk(self, count: str, entries: int) -> Iterator[str]:
        words = entries * (self.entry_words + self.kernel.group_size)
        products = self._dot_products if self.target.has_dot else self._narrow_products
        yield from walk(count, words, products(entries))

    def _end(self) -> Iterator[str]:
        for chain in range(1, self.kernel.chains):
            for f in self.filters:
                for v in self.vectors:
                    name = self.sum_name(0, f, v)
                    yield f"{name} = {self.target('add32', name, self.sum_name(chain, f, v))};"
        yield from self.finish()

    def _store_outputs(self, f: int, first: int) -> Iterator[str]:
        """Stores up to four vectors, from the first on, in 8 bits."""
        t = self.target
        count = min(4, self.kernel.vectors - first)
        names = [self.sum_name(0, f, first + i % count) for i in range(4)]
        address = f"outputs{f} + {4 * t.lanes * first}"
        outputs = f"narrow({', '.join(names)}, center, min, max)"
        yield f"{t(f'store_first{count}', address, outputs)};"
