"""Emits how int8 kernels turn pixels into lanes of channels, and outputs into pixels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from targets import Target

_PART_BYTES = 16


def pack_function(target: Target) -> Iterator[str]:
    """The function `pack` of kernels of int8."""
    yield "void pack(const int8_t* const* pixels, int first_channel, int channels,"
    yield "          uint8_t* lanes, size_t channel_bytes) {"
    yield from _pack_loop(
        target,
        lambda lane, i: f"pixels[{_PART_BYTES * lane + i}] + first_channel + c",
    )
    yield "}"


def pack_parts_function(target: Target) -> Iterator[str]:
    """The function `pack_parts` of kernels of 3x3 convolutions."""
    yield "void pack_parts(const int8_t* const* parts, const ptrdiff_t* offsets,"
    yield "                int first_channel, int channels, uint8_t* lanes,"
    yield "                size_t channel_bytes) {"
    for part in range(target.lanes):
        yield f"  const int8_t* part{part} = parts[{part}] + first_channel;"
    yield from _pack_loop(target, lambda part, i: f"part{part} + offsets[{i}] + c")
    yield "}"


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


def _transpose(low: str, high: str, vector: str) -> Iterator[str]:
    """Transposes 16x16 bytes of the vectors a0 to a15 into e0 to e15."""
    for before, after in itertools.pairwise("abcde"):
        for i in range(8):
            x, y = f"{before}{i}", f"{before}{i + 8}"
            yield f"    const {vector} {after}{2 * i} = {low.format(x, y)};"
            yield f"    const {vector} {after}{2 * i + 1} = {high.format(x, y)};"


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
