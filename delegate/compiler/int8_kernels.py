"""Emits int8 kernels as straight-line C++ with intrinsics.

A kernel multiplies a tile of output pixels. Its inputs lie in lanes (see
`delegate/core/int8/kernel.h`); a filter group visits its input channels one by
one: load the lanes, shuffle them by the channel's pattern, and multiply with the
weights of each filter of the group. `delegate/core/int8/stream.h` describes the
stream of weights.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from kernel_list import Int8Kernel, symbol
from targets import Target

_PART_BYTES = 16
# Words of a group before those of its filters.
_GROUP_WORDS = 3


def functions(target: Target, kernels: Sequence[Int8Kernel]) -> Iterator[str]:
    """The functions of kernels of a target."""
    yield from pack_function(target)
    yield ""
    yield from _pack_parts(target)
    yield ""
    yield from store_function(target)
    yield ""
    yield from quantize_function(target)
    yield ""
    for kernel in kernels:
        for patch_lanes in kernel.block.patch_lanes:
            yield from _Multiply(kernel, patch_lanes).function()
            yield ""


def members(kernel: Int8Kernel) -> Iterator[str]:
    """What an Int8Kernel holds after its pixels; see int8/kernel.h."""
    block = kernel.block
    yield f"{{{block.rows}, {block.columns}, {block.lane_bytes}}}"
    yield str(kernel.target.vector_bytes)
    yield "128"
    yield "true" if is_narrow(kernel.target) else "false"
    yield "pack"
    yield "pack_parts"
    yield f"{{{', '.join(_multiply_name(kernel, lanes) for lanes in block.patch_lanes)}}}"
    yield "store"


def _multiply_name(kernel: Int8Kernel, patch_lanes: int) -> str:
    return f"{symbol(kernel)}_patch{patch_lanes}"


def is_narrow(target: Target) -> bool:
    """Whether products are added in 16 bits: the target has no dot product."""
    return "dot" not in target.operations


def _transpose(low: str, high: str, vector: str) -> Iterator[str]:
    """Transposes 16x16 bytes of the vectors a0 to a15 into e0 to e15."""
    for before, after in itertools.pairwise("abcde"):
        for i in range(8):
            x, y = f"{before}{i}", f"{before}{i + 8}"
            yield f"    const {vector} {after}{2 * i} = {low.format(x, y)};"
            yield f"    const {vector} {after}{2 * i + 1} = {high.format(x, y)};"


def pack_function(target: Target) -> Iterator[str]:
    """The function `pack` of kernels of int8."""
    yield "void pack(const int8_t* const* pixels, int first_channel, int channels,"
    yield "          uint8_t* lanes, size_t channel_bytes) {"
    yield from _pack_loop(
        target,
        lambda lane, i: f"pixels[{_PART_BYTES * lane + i}] + first_channel + c",
    )
    yield "}"


def _pack_parts(target: Target) -> Iterator[str]:
    yield "void pack_parts(const int8_t* const* parts, const ptrdiff_t* offsets,"
    yield "                int first_channel, int channels, uint8_t* lanes,"
    yield "                size_t channel_bytes) {"
    for part in range(target.lanes):
        yield f"  const int8_t* part{part} = parts[{part}] + first_channel;"
    yield from _pack_loop(target, lambda part, i: f"part{part} + offsets[{i}] + c")
    yield "}"


def _pack_loop(target: Target, address: Callable[[int, int], str]) -> Iterator[str]:
    """Packs from the address of each byte of each lane."""
    t = target
    yield f"  const {t.vector} offset = {t('splat8', '-128')};"
    yield "  const int last = channels - 16;"
    yield "  for (int c = 0;; c = c + 16 < last ? c + 16 : last) {"
    for i in range(16):
        rows = (address(lane, i) for lane in range(t.lanes))
        yield f"    const {t.vector} a{i} = {t('load_lanes', *rows)};"
    yield from _transpose(t.operations["unpack_low8"], t.operations["unpack_high8"], t.vector)
    yield "    uint8_t* channel = lanes + (size_t)c * channel_bytes;"
    for i in range(16):
        yield f"    {t('store', 'channel', t('xor', f'e{i}', 'offset'))};"
        if i < 15:
            yield "    channel += channel_bytes;"
    yield "    if (c == last) break;"
    yield "  }"


def store_function(target: Target) -> Iterator[str]:
    """The function `store`: transposes a vector of pixels at a time, and 16 for the rest."""
    t = target
    yield "void store(const int8_t* outputs, int channels, int tile_pixels,"
    yield "           int8_t* const* pixels) {"
    yield "  const int last = channels - 16;"
    yield "  for (int c = 0;; c = c + 16 < last ? c + 16 : last) {"
    yield "    int p = 0;"
    yield f"    for (; p + {t.vector_bytes} <= tile_pixels; p += {t.vector_bytes}) {{"
    yield from _store_block(
        t.vector,
        t.operations["load_any"],
        t.operations["unpack_low8"],
        t.operations["unpack_high8"],
        [t.operations[f"lane{lane}"] for lane in range(t.lanes)],
    )
    yield "    }"
    yield "    for (; p < tile_pixels; p += 16) {"
    yield from _store_block(
        "__m128i",
        "_mm_load_si128((const __m128i*)({0}))",
        "_mm_unpacklo_epi8({0}, {1})",
        "_mm_unpackhi_epi8({0}, {1})",
        ["{0}"],
    )
    yield "    }"
    yield "    if (c == last) break;"
    yield "  }"
    yield "}"


def _store_block(
    vector: str, load: str, low: str, high: str, lanes: Sequence[str]
) -> Iterator[str]:
    """Stores 16 channels of 16 pixels for each lane of a vector."""
    yield "    const int8_t* row = outputs + (size_t)c * tile_pixels + p;"
    for i in range(16):
        yield f"    const {vector} a{i} = {load.format('row')};"
        if i < 15:
            yield "    row += tile_pixels;"
    yield from _transpose(low, high, vector)
    for place, lane in enumerate(lanes):
        for i in range(16):
            pixel = f"(__m128i*)(pixels[p + {16 * place + i}] + c)"
            yield f"    _mm_storeu_si128({pixel}, {lane.format(f'e{i}')});"


def quantize_function(target: Target) -> Iterator[str]:
    """The functions `quantize` and `narrow`, with which kernels of int8 finish their sums.

    `narrow_lanes` is for kernels whose sums are in such an order that nothing has to be moved
    between lanes.
    """
    t = target
    yield "// Outputs of sums before the zero point is added, in halves, one in each 32"
    yield "// bits; see output_stage.h."
    yield f"inline {t.vector} quantize({t.vector} sum, {t.float_vector} multiplier,"
    yield f"                        {t.float_vector} offset) {{"
    away = t("copy_sign", "offset", t("as_float", "sum"))
    yield f"  const {t.float_vector} away = {away};"
    halves = t("multiply_add", t("to_float", "sum"), "multiplier", "away")
    yield f"  const {t.float_vector} halves = {halves};"
    yield "  // Far above all outputs, and still an int."
    limited = t("min_float", "halves", t("splat_float", "65536.0f"))
    yield f"  return {t('floor_to_int', limited)};"
    yield "}"
    yield ""
    arguments = (
        f"({t.vector} a, {t.vector} b, {t.vector} c, {t.vector} d,",
        f"    {t.vector} center, {t.vector} min, {t.vector} max) {{",
    )
    yield "// Rounds four vectors of halves, adds the zero point and clamps. `center` is twice"
    yield "// the zero point and the half that rounds. Each lane holds a lane of a, of b..."
    yield f"inline {t.vector} narrow_lanes{arguments[0]}"
    yield arguments[1]
    for name, pair in (("low", ("a", "b")), ("high", ("c", "d"))):
        words = t("halve16", t("add16_saturate", t("narrow32", *pair), "center"))
        yield f"  const {t.vector} {name} = {words};"
    clamped = t("min8", t("max8", t("narrow16", "low", "high"), "min"), "max")
    yield f"  return {clamped};"
    yield "}"
    yield ""
    yield "// The same in order."
    yield f"inline {t.vector} narrow{arguments[0]}"
    yield arguments[1]
    yield f"  const {t.vector} lanes = narrow_lanes(a, b, c, d, center, min, max);"
    order = ", ".join(str(k % t.lanes * 4 + k // t.lanes) for k in range(t.floats))
    yield f"  const {t.vector} order = {t('set32', order)};"
    yield f"  return {t('permute32', 'lanes', 'order')};"
    yield "}"


class _Multiply:
    """Emits the multiplication of a kernel for patches of some lanes."""

    def __init__(self, kernel: Int8Kernel, patch_lanes: int) -> None:
        self.kernel = kernel
        self.target = kernel.target
        self.patch_lanes = patch_lanes
        self.filters = range(kernel.group_size)
        self.vectors = range(kernel.vectors)
        self.tile_bytes = kernel.lanes * kernel.block.lane_bytes

    def sum_name(self, chain: int, f: int, v: int) -> str:
        return f"{'sum' if chain == 0 else 'odd'}{f}_{v}"

    def inputs(self, entry: int) -> Iterator[str]:
        """Loads and shuffles the lanes of one group kernel."""
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
            yield f"const {t.vector} pattern{entry}_{lane} ="
            yield f"    {pattern};"
        for v in self.vectors:
            parts = []
            for lane in range(self.patch_lanes):
                offset = lane * self.tile_bytes + v * t.vector_bytes
                loaded = t("load", f"lanes{entry} + {offset}")
                parts.append(t("shuffle", loaded, f"pattern{entry}_{lane}"))
            value = parts[0] if len(parts) == 1 else t("or", *parts)
            yield f"const {t.vector} input{entry}_{v} ="
            yield f"    {value};"

    def inputs_of_vectors(self, entry: int) -> Iterator[str]:
        """A vector holds a block, and several shuffles give the inputs of its outputs."""
        t = self.target
        shuffles = self.kernel.vectors // self.kernel.lanes
        for i in range(shuffles):
            pattern = t("load", f"shuffle{entry} + {i * t.vector_bytes}")
            yield f"const {t.vector} pattern{entry}_{i} ="
            yield f"    {pattern};"
        for v in self.vectors:
            loaded = t("load", f"lanes{entry} + {v // shuffles * t.vector_bytes}")
            value = t("permute8", loaded, f"pattern{entry}_{v % shuffles}")
            yield f"const {t.vector} input{entry}_{v} ="
            yield f"    {value};"

    def weight(self, word: int) -> str:
        return self.target("splat32", f"(int)stream[{word}]")

    def dot_body(self, entries: int) -> Iterator[str]:
        """Adds the dot products of one or two group kernels."""
        t = self.target
        for entry in range(entries):
            yield from self.inputs(entry)
            chain = entry % self.kernel.chains
            for f in self.filters:
                word = entries * (1 + f) + entry
                yield f"const {t.vector} weight{entry}_{f} = {self.weight(word)};"
                for v in self.vectors:
                    name = self.sum_name(chain, f, v)
                    product = t("dot", name, f"input{entry}_{v}", f"weight{entry}_{f}")
                    yield f"{name} = {product};"

    def narrow_body(self, entries: int) -> Iterator[str]:
        """The same where products are added in 16 bits first."""
        t = self.target
        for entry in range(entries):
            yield from self.inputs(entry)
        for f in self.filters:
            for entry in range(entries):
                word = entries * (1 + f) + entry
                yield f"const {t.vector} weight{entry}_{f} = {self.weight(word)};"
            for v in self.vectors:
                products = [
                    t("multiply_pairs", f"input{entry}_{v}", f"weight{entry}_{f}")
                    for entry in range(entries)
                ]
                narrow = products[0] if entries == 1 else t("add16", *products)
                name = self.sum_name(0, f, v)
                yield f"const {t.vector} narrow{f}_{v} ="
                yield f"    {narrow};"
                yield f"{name} = {t('add32', name, t('widen_pairs', f'narrow{f}_{v}', 'one'))};"

    def loop(self, count: str, entries: int) -> Iterator[str]:
        body = self.narrow_body if is_narrow(self.target) else self.dot_body
        yield f"    for (uint32_t i = {count}; i != 0; --i) {{"
        for line in body(entries):
            yield "      " + line
        yield f"      stream += {entries * (1 + self.kernel.group_size)};"
        yield "    }"

    def begin(self) -> Iterator[str]:
        """Sums start from the bias, or from where the last block left them."""
        t = self.target
        for chain in range(self.kernel.chains):
            for f in self.filters:
                names = ", ".join(self.sum_name(chain, f, v) for v in self.vectors)
                yield f"    {t.vector} {names};"
        yield "    if (args->first) {"
        for f in self.filters:
            names = " = ".join(self.sum_name(0, f, v) for v in self.vectors)
            yield f"      {names} = {t('splat32', f'(int)stage[{f}]')};"
        yield "    } else {"
        for index, name in self.sums():
            yield f"      {name} = {t('load', f'sums + {index}')};"
        yield "    }"
        for chain in range(1, self.kernel.chains):
            for f in self.filters:
                names = " = ".join(self.sum_name(chain, f, v) for v in self.vectors)
                yield f"    {names} = {t('splat32', 0)};"

    def sums(self) -> Iterator[tuple[int, str]]:
        """Each sum with its place in the array of sums."""
        for f in self.filters:
            for v in self.vectors:
                yield f * self.kernel.pixels + 4 * self.target.lanes * v, self.sum_name(0, f, v)

    def end(self) -> Iterator[str]:
        t = self.target
        for chain in range(1, self.kernel.chains):
            for f in self.filters:
                for v in self.vectors:
                    name = self.sum_name(0, f, v)
                    yield f"    {name} = {t('add32', name, self.sum_name(chain, f, v))};"
        yield "    if (args->last) {"
        for f in self.filters:
            multiplier = t("as_float", t("splat32", f"(int)stage[{self.kernel.group_size + f}]"))
            offset = t("as_float", t("splat32", f"(int)stage[{2 * self.kernel.group_size + f}]"))
            row = f"stage[{3 * self.kernel.group_size + f}]"
            yield f"      const {t.float_vector} multiplier{f} = {multiplier};"
            yield f"      const {t.float_vector} offset{f} = {offset};"
            yield f"      int8_t* outputs{f} ="
            yield f"          args->outputs + (size_t){row} * {self.kernel.pixels};"
            for v in self.vectors:
                name = self.sum_name(0, f, v)
                yield f"      {name} = quantize({name}, multiplier{f}, offset{f});"
            for v in range(0, self.kernel.vectors, 4):
                yield from self.store_outputs(f, v)
        yield "    } else {"
        for index, name in self.sums():
            yield f"      {t('store', f'sums + {index}', name)};"
        yield "    }"

    def store_outputs(self, f: int, first: int) -> Iterator[str]:
        """Stores up to four vectors, from the first on, in 8 bits."""
        t = self.target
        count = min(4, self.kernel.vectors - first)
        names = [self.sum_name(0, f, first + i % count) for i in range(4)]
        address = f"outputs{f} + {4 * t.lanes * first}"
        outputs = f"narrow({', '.join(names)}, center, min, max)"
        yield f"      {t(f'store_first{count}', address, outputs)};"

    def function(self) -> Iterator[str]:
        t = self.target
        words = _GROUP_WORDS + 4 * self.kernel.group_size
        sums = self.kernel.group_size * self.kernel.pixels
        name = _multiply_name(self.kernel, self.patch_lanes)
        yield f"void {name}(const Int8MultiplyArgs* args) {{"
        yield f"  const {t.vector} min = {t('splat8', 'args->min')};"
        yield f"  const {t.vector} max = {t('splat8', 'args->max')};"
        yield f"  const {t.vector} center = {t('splat16', 'args->center')};"
        if is_narrow(t):
            yield f"  const {t.vector} one = {t('splat16', 1)};"
        yield "  const uint32_t* stream = args->stream;"
        yield "  for (uint32_t group = 0; group < args->groups; ++group) {"
        yield "    const uint32_t pairs = stream[0];"
        yield "    const uint32_t singles = stream[1];"
        yield f"    int32_t* sums = args->sums + (size_t)stream[2] * {sums};"
        yield f"    const uint32_t* stage = stream + {_GROUP_WORDS};"
        yield f"    stream += {words};"
        yield from self.begin()
        yield from self.loop("pairs", 2)
        yield from self.loop("singles", 1)
        yield from self.end()
        yield "  }"
        yield "}"
