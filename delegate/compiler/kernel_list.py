"""The list of kernels: what is generated, dispatched, tested and measured.

Names follow `<type>-pconv-g<group size>-p<pixels>-<target>`, e.g.
`qs8-pconv-g4-p32-avx512vnni`:

* type: `qs8` (int8 with a scale each output channel) or `f32`;
* group size: filters that share the loads and shuffles of an input channel;
* pixels: outputs of a tile;
* target: an instruction set of `targets.py`.
"""

from __future__ import annotations

import dataclasses

from targets import TARGETS, Target


@dataclasses.dataclass(frozen=True)
class Int8Kernel:
    """An int8 kernel.

    Attributes:
        group_size: Filters that share loads and shuffles.
        vectors: Vectors of a tile; each holds four outputs a lane.
        chains: Accumulators an output: the dot products of the two input
            channels of a pair do not wait for each other where there are two.
        target: Instruction set.
    """

    group_size: int
    vectors: int
    chains: int
    target: Target

    @property
    def pixels(self) -> int:
        """Outputs of a tile."""
        return 4 * self.target.lanes * self.vectors

    @property
    def name(self) -> str:
        """Name by the grammar above."""
        return f"qs8-pconv-g{self.group_size}-p{self.pixels}-{self.target.name}"


def _int8(target: str, *shapes: tuple[int, int, int]) -> tuple[Int8Kernel, ...]:
    return tuple(
        Int8Kernel(group_size, vectors, chains, TARGETS[target])
        for group_size, vectors, chains in shapes
    )


# (group size, vectors, chains), chosen by measurement.
INT8_KERNELS = (
    *_int8("avx2", (1, 4, 1), (2, 2, 1), (4, 2, 1)),
    *_int8("avxvnni", (1, 4, 2), (2, 4, 1), (4, 2, 1)),
    *_int8("avx512vnni", (1, 8, 1), (2, 4, 2), (4, 2, 2), (4, 4, 1), (8, 2, 1)),
)
