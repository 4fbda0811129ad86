"""Emits int8 kernels of 3x3 convolutions.

A kernel multiplies a tile of output pixels. Its inputs lie in lanes (see
`delegate/core/int8/kernel.h`); a filter group visits its input channels one by
one: load the lanes, shuffle them by the channel's pattern, and multiply with the
weights of each filter of the group. `delegate/core/int8/stream.h` describes the
stream of weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from int8_multiplication import Multiplication
from int8_outputs import quantize_function
from int8_pixels import pack_function, pack_parts_function, store_function
from kernel_list import Int8Kernel, symbol
from statements import define, indent
from targets import Target

_PART_BYTES = 16


def functions(target: Target, kernels: Sequence[Int8Kernel]) -> Iterator[str]:
    """The functions of kernels of a target."""
    yield from pack_function(target)
    yield ""
    yield from pack_parts_function(target)
    yield ""
    yield from store_function(target)
    yield ""
    yield from quantize_function(target)
    yield ""
    for kernel in kernels:
        for patch_lanes in kernel.block.patch_lanes:
            yield from _PatternMultiplication(kernel, patch_lanes).function()
            yield ""


def members(kernel: Int8Kernel) -> Iterator[str]:
    """What an Int8Kernel holds after its pixels; see int8/kernel.h."""
    block = kernel.block
    yield f"{{{block.rows}, {block.columns}, {block.lane_bytes}}}"
    yield str(kernel.target.vector_bytes)
    yield "128"
    yield "false" if kernel.target.has_dot else "true"
    yield "pack"
    yield "pack_parts"
    yield f"{{{', '.join(_multiply_name(kernel, lanes) for lanes in block.patch_lanes)}}}"
    yield "store"


def _multiply_name(kernel: Int8Kernel, patch_lanes: int) -> str:
    return f"{symbol(kernel)}_patch{patch_lanes}"


class _PatternMultiplication(Multiplication):
    """The multiplication of a kernel for patches of some lanes: an entry is a kept kernel."""

    arguments = "Int8MultiplyArgs"
    group_words = 3
    entry_words = 1

    kernel: Int8Kernel

    def __init__(self, kernel: Int8Kernel, patch_lanes: int) -> None:
        super().__init__(kernel, _multiply_name(kernel, patch_lanes))
        self.patch_lanes = patch_lanes
        self.tile_bytes = kernel.lanes * kernel.block.lane_bytes

    def inputs(self, entry: int) -> Iterator[str]:
        """Loads the lanes of an input channel and shuffles them."""
        stride = self.patch_lanes * self.tile_bytes
        shuffles = self.patch_lanes * self.kernel.block.outputs // 4
        yield f"const uint8_t* lanes{entry} ="
        yield f"    args->lanes + (size_t)(stream[{entry}] & 0xffff) * {stride};"
        yield f"const uint8_t* shuffle{entry} ="
        yield f"    args->shuffles + (size_t)(stream[{entry}] >> 16) * {shuffles};"
        if self.kernel.block.lane_bytes == self.target.vector_bytes:
            yield from self.inputs_of_vectors(entry)
        else:
            yield from self.inputs_of_lanes(entry)

    def inputs_of_lanes(self, entry: int) -> Iterator[str]:
        """Each lane of a vector holds a block: they have the shuffle in common."""
        t = self.target
        for lane in range(self.patch_lanes):
            pattern = t("splat_lane", f"shuffle{entry} + {lane * _PART_BYTES}")
            yield from define(t.vector, f"pattern{entry}_{lane}", pattern)
        for v in self.vectors:
            parts = []
            for lane in range(self.patch_lanes):
                offset = lane * self.tile_bytes + v * t.vector_bytes
                loaded = t("load", f"lanes{entry} + {offset}")
                parts.append(t("shuffle", loaded, f"pattern{entry}_{lane}"))
            value = parts[0] if len(parts) == 1 else t("or", *parts)
            yield from define(t.vector, f"input{entry}_{v}", value)

    def inputs_of_vectors(self, entry: int) -> Iterator[str]:
        """A vector holds a block, and several shuffles give the inputs of its outputs."""
        t = self.target
        shuffles = self.kernel.vectors // self.kernel.lanes
        for i in range(shuffles):
            pattern = t("load", f"shuffle{entry} + {i * t.vector_bytes}")
            yield from define(t.vector, f"pattern{entry}_{i}", pattern)
        for v in self.vectors:
            loaded = t("load", f"lanes{entry} + {v // shuffles * t.vector_bytes}")
            value = t("permute8", loaded, f"pattern{entry}_{v % shuffles}")
            yield from define(t.vector, f"input{entry}_{v}", value)

    def group(self) -> Iterator[str]:
        """Finds where the sums wait for the next channels."""
        sums = self.kernel.group_size * self.kernel.pixels
        yield f"int32_t* sums = args->sums + (size_t)stream[2] * {sums};"

    def start(self) -> Iterator[str]:
        """Sums start from the bias, or from where the last channels left them."""
        yield "if (args->first) {"
        yield from indent(super().start())
        yield "} else {"
        for place, name in self.sums():
            yield f"  {name} = {self.target('load', place)};"
        yield "}"

    def finish(self) -> Iterator[str]:
        """Makes outputs of the sums, or leaves them for the next channels."""
        yield "if (args->last) {"
        yield from indent(super().finish())
        yield "} else {"
        for place, name in self.sums():
            yield f"  {self.target('store', place, name)};"
        yield "}"

    def sums(self) -> Iterator[tuple[str, str]]:
        """Each sum with its place in memory."""
        for f in self.filters:
            for v in self.vectors:
                index = f * self.kernel.pixels + v * self.target.floats
                yield f"sums + {index}", self.sum_name(0, f, v)
