"""The list of kernels: what is generated, dispatched, tested and measured.

Names follow `<type>-<operation>-g<group size>-p<pixels>-<target>`, e.g.
`qs8-pconv-g4-p32-avx512vnni`:

* type: `qs8` (int8 with a scale each output channel) or `f32`;
* operation: `pconv` (3x3 with patterns), `pointwise` (1x1 with connectivity) or `gemv`
  (the same, one pixel at a time);
* group size: filters that share the loads and shuffles of an input channel;
* pixels: outputs of a tile;
* target: an instruction set of `targets.py`.

Those of depthwise convolutions have no groups and no tiles, but blocks of channels:
`qs8-depthwise-c64-avx512vnni` (3x3), `f32-depthwise5x5-c16-avx512`. Those of stems, dense
convolutions of few channels, have the filters of their widest block: `qs8-stem-f64-avx512vnni`.
`elementwise-avx512`, `pool-avx512` and `unary-avx512` take tensors of either type.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from targets import TARGETS, Target


class Block(NamedTuple):
    """Neighbouring outputs whose inputs, of one channel, lie in one lane.

    Attributes:
        rows: Rows of outputs.
        columns: Columns of outputs.
        lane_bytes: Bytes of a lane.
        patch_lanes: How many lanes the inputs may take, as they do at larger strides.
    """

    rows: int
    columns: int
    lane_bytes: int
    patch_lanes: tuple[int, ...]

    @property
    def outputs(self) -> int:
        """Outputs of the block."""
        return self.rows * self.columns


# 4x4 inputs at stride 1; up to 5x5 at stride 2.
SMALL_BLOCK = Block(rows=2, columns=2, lane_bytes=16, patch_lanes=(1, 2))
# 6x10 inputs. Half of the bytes that small blocks take, where the image is a
# multiple of the block.
WIDE_BLOCK = Block(rows=4, columns=8, lane_bytes=64, patch_lanes=(1,))


@dataclasses.dataclass(frozen=True)
class Int8Kernel:
    """An int8 kernel.

    Attributes:
        group_size: Filters that share loads and shuffles.
        vectors: Vectors of a tile; each holds the four inputs of as many outputs.
        chains: Accumulators an output: the dot products of the two input
            channels of a pair do not wait for each other where there are two.
        block: Outputs whose inputs share a lane.
        target: Instruction set.
    """

    group_size: int
    vectors: int
    chains: int
    block: Block
    target: Target

    @property
    def pixels(self) -> int:
        """Outputs of a tile."""
        return self.target.vector_bytes // 4 * self.vectors

    @property
    def lanes(self) -> int:
        """Blocks of a tile."""
        return self.pixels // self.block.outputs

    @property
    def name(self) -> str:
        """Name by the grammar above."""
        return f"qs8-pconv-g{self.group_size}-p{self.pixels}-{self.target.name}"


def _int8(
    target: str, *shapes: tuple[int, int, int], block: Block = SMALL_BLOCK
) -> tuple[Int8Kernel, ...]:
    return tuple(
        Int8Kernel(group_size, vectors, chains, block, TARGETS[target])
        for group_size, vectors, chains in shapes
    )


# (group size, vectors, chains). The largest tile of a group size is the fastest
# that was measured; the others compute what is left of an image.
INT8_KERNELS = (
    *_int8("avx2", (1, 4, 1), (1, 2, 1), (2, 2, 1), (4, 2, 1)),
    *_int8("avxvnni", (1, 4, 2), (1, 2, 2), (2, 4, 1), (2, 2, 2), (4, 2, 1)),
    *_int8("avx512vnni", (1, 6, 1), (1, 4, 2), (1, 2, 2), (1, 1, 2)),
    *_int8("avx512vnni", (2, 6, 1), (2, 4, 1), (2, 2, 2), (2, 1, 2)),
    *_int8("avx512vnni", (4, 4, 1), (4, 2, 2), (4, 1, 2)),
    *_int8("avx512vnni", (8, 2, 1), (8, 1, 1)),
    *_int8("avx512vbmi", (1, 8, 1), (1, 4, 2), (1, 2, 2), block=WIDE_BLOCK),
    *_int8("avx512vbmi", (2, 6, 1), (2, 4, 1), (2, 2, 2), block=WIDE_BLOCK),
    *_int8("avx512vbmi", (4, 4, 1), (4, 2, 2), (8, 2, 1), block=WIDE_BLOCK),
)


@dataclasses.dataclass(frozen=True)
class FloatKernel:
    """A float32 kernel.

    Attributes:
        operation: As in names.
        group_size: Filters that share the loads of inputs.
        vectors: Vectors of a tile.
        pitch_vectors: Vectors between vertical neighbours in a tile, for kernels
            that read aligned; 0 for those that read anywhere.
        target: Instruction set.
    """

    operation: str
    group_size: int
    vectors: int
    pitch_vectors: int
    target: Target

    @property
    def pixels(self) -> int:
        """Lanes of a tile."""
        return self.target.floats * self.vectors

    @property
    def pitch(self) -> int:
        """Lanes between vertical neighbours, or 0."""
        return self.target.floats * self.pitch_vectors

    @property
    def name(self) -> str:
        """Name by the grammar above."""
        return f"f32-{self.operation}-g{self.group_size}-p{self.pixels}-{self.target.name}"


def _float(target: str, *shapes: tuple[int, int, int]) -> tuple[FloatKernel, ...]:
    return tuple(
        FloatKernel("pconv", group_size, vectors, pitch_vectors, TARGETS[target])
        for group_size, vectors, pitch_vectors in shapes
    )


# (group size, vectors, pitch in vectors). Tiles of several sizes leave less of
# the last tile of an image unused.
FLOAT_KERNELS = (
    *_float("avx2", (1, 14, 2), (1, 12, 2), (1, 8, 2), (2, 6, 0), (2, 4, 0), (4, 3, 0), (4, 2, 0)),
    *_float("avx512", (1, 16, 1), (1, 14, 1), (1, 12, 1), (1, 8, 1)),
    *_float("avx512", (2, 14, 1), (2, 12, 1), (2, 8, 1)),
    *_float("avx512", (4, 6, 0), (4, 5, 0), (4, 4, 0), (8, 3, 0), (8, 2, 0)),
)


def _float_pointwise(target: str, *shapes: tuple[int, int]) -> tuple[FloatKernel, ...]:
    return tuple(
        FloatKernel("pointwise", group_size, vectors, 0, TARGETS[target])
        for group_size, vectors in shapes
    )


# (group size, vectors). The smaller tiles compute what is left of an image, or of
# a thread's share.
FLOAT_POINTWISE_KERNELS = (
    *_float_pointwise("avx2", (1, 12), (1, 8), (1, 4), (2, 6), (2, 4), (2, 2)),
    *_float_pointwise("avx2", (4, 3), (4, 2), (4, 1)),
    *_float_pointwise("avx512", (1, 8), (1, 5), (1, 4), (1, 2), (2, 7), (2, 4), (2, 2)),
    *_float_pointwise("avx512", (4, 5), (4, 4), (4, 3), (4, 2), (8, 3), (8, 2), (8, 1)),
)


@dataclasses.dataclass(frozen=True)
class PointwiseKernel:
    """An int8 kernel of 1x1 convolutions.

    Attributes:
        group_size: Filters that share loads and interleaving.
        vectors: Vectors of a tile; each holds the four inputs of as many outputs.
        chains: Accumulators an output, as in `Int8Kernel`.
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
        return f"qs8-pointwise-g{self.group_size}-p{self.pixels}-{self.target.name}"


def _pointwise(target: str, *shapes: tuple[int, int, int]) -> tuple[PointwiseKernel, ...]:
    return tuple(
        PointwiseKernel(group_size, vectors, chains, TARGETS[target])
        for group_size, vectors, chains in shapes
    )


# (group size, vectors, chains). Wider groups run as several of four: they would
# leave registers for half a plane only, and packing then costs more than it saves.
POINTWISE_KERNELS = (
    *_pointwise("avx2", (1, 4, 1), (2, 4, 1), (2, 2, 1), (4, 2, 1)),
    *_pointwise("avxvnni", (1, 4, 2), (2, 4, 1), (2, 2, 2), (4, 2, 1)),
    *_pointwise("avx512vnni", (1, 4, 2), (1, 2, 2), (1, 1, 2), (2, 4, 1), (2, 2, 2), (2, 1, 2)),
    *_pointwise("avx512vnni", (4, 4, 1), (4, 2, 2), (4, 1, 2)),
)


def _depthwise(side: int) -> str:
    """The operation in names of kernels of depthwise convolutions."""
    return "depthwise" if side == 3 else f"depthwise{side}x{side}"


@dataclasses.dataclass(frozen=True)
class DepthwiseKernel:
    """An int8 kernel of depthwise convolutions, for blocks of up to `channels` channels.

    Attributes:
        side: Rows and columns of a window.
        target: Instruction set.
    """

    side: int
    target: Target

    @property
    def channels(self) -> int:
        """Channels of a vector."""
        return self.target.vector_bytes

    @property
    def name(self) -> str:
        """Name by the grammar above."""
        return f"qs8-{_depthwise(self.side)}-c{self.channels}-{self.target.name}"


DEPTHWISE_KERNELS = tuple(
    DepthwiseKernel(side, TARGETS[target])
    for side in (3, 5)
    for target in ("avx2", "avxvnni", "avx512vnni")
)


@dataclasses.dataclass(frozen=True)
class FloatDepthwiseKernel:
    """A float32 kernel of depthwise convolutions.

    Attributes:
        side: Rows and columns of a window.
        rows: Rows of outputs that it computes at once, at most: as many as there are registers
            for their sums, beside the weights.
        target: Instruction set.
    """

    side: int
    rows: int
    target: Target

    @property
    def channels(self) -> int:
        """Channels of a vector."""
        return self.target.floats

    @property
    def name(self) -> str:
        """Name by the grammar above."""
        return f"f32-{_depthwise(self.side)}-c{self.channels}-{self.target.name}"


FLOAT_DEPTHWISE_KERNELS = (
    FloatDepthwiseKernel(3, 2, TARGETS["avx2"]),
    FloatDepthwiseKernel(3, 4, TARGETS["avx512"]),
    FloatDepthwiseKernel(5, 2, TARGETS["avx2"]),
    FloatDepthwiseKernel(5, 4, TARGETS["avx512"]),
)


@dataclasses.dataclass(frozen=True)
class GemvKernel:
    """A kernel of matrix-vector products: 1x1 convolutions, one pixel at a time.

    Attributes:
        is_float: float32, else int8.
        group_size: Filters that share what is gathered.
        target: Instruction set.
    """

    is_float: bool
    group_size: int
    target: Target

    pixels = 1

    @property
    def lanes(self) -> int:
        """Channels of a vector; without a dot product of bytes they are widened to 16 bits."""
        if self.is_float:
            return self.target.floats
        return self.target.vector_bytes if self.target.has_dot else self.target.vector_bytes // 2

    @property
    def name(self) -> str:
        """Name by the grammar above."""
        kind = "f32" if self.is_float else "qs8"
        return f"{kind}-gemv-g{self.group_size}-p1-{self.target.name}"


def _gemv(is_float: bool, target: str, *group_sizes: int) -> tuple[GemvKernel, ...]:
    return tuple(GemvKernel(is_float, size, TARGETS[target]) for size in group_sizes)


GEMV_KERNELS = (
    *_gemv(False, "avx2", 1, 2, 4, 8),
    *_gemv(False, "avxvnni", 1, 2, 4, 8),
    *_gemv(False, "avx512vnni", 1, 2, 4, 8, 16),
    *_gemv(False, "avx512vbmi", 1, 2, 4, 8, 16),
)
FLOAT_GEMV_KERNELS = (
    *_gemv(True, "avx2", 1, 2, 4, 8),
    *_gemv(True, "avx512", 1, 2, 4, 8, 16),
)


class StemBlock(NamedTuple):
    """A block of filters and a tile of pixels whose sums stay in registers.

    Attributes:
        vectors: Vectors of filters.
        pixels: Outputs of a row.
    """

    vectors: int
    pixels: int


@dataclasses.dataclass(frozen=True)
class StemKernel:
    """A kernel of stems: dense convolutions of few channels, with kernels of any size.

    Attributes:
        is_float: float32, else int8.
        blocks: The blocks of filters that it computes, the widest first.
        target: Instruction set.
    """

    is_float: bool
    blocks: tuple[StemBlock, ...]
    target: Target

    def filters(self, block: StemBlock) -> int:
        """Filters of a block: one in each lane of 32 bits."""
        return self.target.floats * block.vectors

    @property
    def name(self) -> str:
        """Name by the grammar above."""
        kind = "f32" if self.is_float else "qs8"
        return f"{kind}-stem-f{self.filters(self.blocks[0])}-{self.target.name}"


def _stem(is_float: bool, target: str, *blocks: tuple[int, int]) -> StemKernel:
    return StemKernel(is_float, tuple(StemBlock(*block) for block in blocks), TARGETS[target])


# (vectors of filters, pixels): as many sums as there are registers for. The pixels of narrow
# int8 blocks fill vectors of outputs together.
STEM_KERNELS = (
    _stem(False, "avx2", (2, 6)),
    _stem(False, "avxvnni", (2, 6)),
    _stem(False, "avx512vnni", (4, 6), (2, 12), (1, 16)),
)
FLOAT_STEM_KERNELS = (
    _stem(True, "avx2", (2, 6), (1, 12)),
    _stem(True, "avx512", (4, 6), (2, 12), (1, 16)),
)


@dataclasses.dataclass(frozen=True)
class TensorKernel:
    """A kernel of an operator without weights, for tensors of either type.

    Attributes:
        operation: `elementwise`, `pool` or `unary`.
        target: Instruction set.
    """

    operation: str
    target: Target

    @property
    def bytes(self) -> int:
        """Bytes that it computes at least."""
        return self.target.vector_bytes

    @property
    def name(self) -> str:
        """Name by the grammar above."""
        return f"{self.operation}-{self.target.name}"


def _tensor(operation: str, *targets: str) -> tuple[TensorKernel, ...]:
    return tuple(TensorKernel(operation, TARGETS[target]) for target in targets)


ELEMENTWISE_KERNELS = _tensor("elementwise", "avx2", "avx512")
POOL_KERNELS = _tensor("pool", "avx2", "avx512")
UNARY_KERNELS = _tensor("unary", "avx2", "avx512", "avx512vbmi")


Kernel = (
    Int8Kernel
    | FloatKernel
    | PointwiseKernel
    | DepthwiseKernel
    | FloatDepthwiseKernel
    | GemvKernel
    | StemKernel
    | TensorKernel
)


def symbol(kernel: Kernel) -> str:
    """The C++ name of a kernel."""
    return kernel.name.replace("-", "_")
