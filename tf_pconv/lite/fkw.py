"""FKW, the storage of pattern convolutions: encoding and decoding of `docs/fkw.md`, version 1."""

from __future__ import annotations

import struct

import numpy as np

from tf_pconv.lite.pattern_weights import (
    MASK_SIZE,
    MAX_PATTERNS,
    PATTERN_ENTRIES,
    POINTWISE_PATTERNS,
    PatternWeights,
    group_count,
    group_filters,
    kernel_entries,
)

MAGIC = b"FKW1"
VERSION = 1
MAX_CHANNELS = 65535  # Counts are stored in 16 bits.
MAX_GROUP_SIZE = 256
KERNEL_SIZES = (1, 3)

_HEADER = struct.Struct("<4sHBBIIBBHHHI")
_VALUE_TYPES = (np.dtype("<f4"), np.dtype("i1"))


def encode(weights: PatternWeights) -> bytes:
    """Encodes pattern weights as FKW.

    Groups and channels keep the order that `weights` gives them; `decode` undoes it exactly.

    Args:
        weights: Weights whose kernels lie sorted by pattern inside each group.

    Returns:
        The FKW bytes.

    Raises:
        ValueError: `weights` breaks a rule of the format.

    Example:
        >>> data = encode(recognize_patterns(dense))
        >>> np.array_equal(decode(data).to_dense(), dense)
        True

    Source: PatDNN (Niu et al., ASPLOS 2020), section 5.3, with filter groups and typed values.
    """
    if weights.values.dtype not in _VALUE_TYPES:
        raise ValueError(f"FKW stores float32 or int8 values, not {weights.values.dtype}.")
    within = weights.kernel_groups[1:] == weights.kernel_groups[:-1]
    if np.any(within & (np.diff(weights.kernel_patterns) < 0)):
        raise ValueError("FKW stores the kernels of a group sorted by pattern; these are not.")
    value_type = _VALUE_TYPES.index(weights.values.dtype)
    header = _HEADER.pack(
        MAGIC, VERSION, value_type, weights.entries, weights.filters, weights.channels,
        weights.kernel_size, weights.kernel_size, weights.group_size, len(weights.patterns), 0,
        len(weights.kernel_channels),
    )  # fmt: skip
    sections = (
        weights.patterns.astype("<u2"),
        weights.filter_order.astype(_index_type(weights.filters)),
        weights.group_begin.astype("<u4"),
        _pattern_begin(weights).astype("<u2"),
        weights.kernel_channels.astype(_index_type(weights.channels)),
        weights.values.astype(_VALUE_TYPES[value_type]),
        np.empty(0) if weights.scales is None else weights.scales.astype("<f4"),
    )
    data = header + b"".join(section.tobytes() for section in sections)
    decode(data)  # What cannot be read back is not written.
    return data


def decode(data: bytes | np.ndarray) -> PatternWeights:
    """Decodes FKW bytes, checking every rule of the format.

    Args:
        data: The FKW bytes, or a uint8 array of them.

    Returns:
        The weights; `encode` returns the same bytes for them.

    Raises:
        ValueError: A rule is broken or the length is wrong; one sentence says which.
    """
    data = bytes(data)
    fields = _read_header(data)
    filters, channels, kernel_size, group_size, patterns, kernels = fields[1:]
    groups = group_count(filters, group_size)
    sections = _Sections(data)
    masks = sections.take("pattern", "<u2", patterns)
    order = sections.take("reorder", _index_type(filters), filters)
    offset = sections.take("offset", "<u4", groups + 1).astype(np.int64)
    stride = sections.take("stride", "<u2", groups * (patterns + 1)).astype(np.int64)
    index = sections.take("index", _index_type(channels), kernels)
    stride = stride.reshape(groups, patterns + 1)
    _check_patterns(masks, kernel_size)
    if not np.array_equal(np.sort(order), np.arange(filters)):
        raise ValueError(
            f"FKW section reorder must name each output channel 0 to {filters - 1} once."
        )
    _check_offsets(offset, stride, kernels)
    kernel_groups = np.repeat(np.arange(groups), np.diff(offset))
    _check_channels(index, kernel_groups, channels)
    kernels_of_filters = int(group_filters(filters, group_size)[kernel_groups].sum())
    values = kernel_entries(kernel_size) * kernels_of_filters
    value_type = _VALUE_TYPES[fields[0]]
    weight = sections.take("weight", value_type, values)
    scales = sections.take("scale", "<f4", filters) if value_type == np.int8 else None
    sections.check_end()
    if scales is not None and not np.all(np.isfinite(scales) & (scales > 0)):
        raise ValueError("FKW section scale must hold finite scales above zero.")
    return PatternWeights(
        filters=filters,
        channels=channels,
        group_size=group_size,
        patterns=masks,
        filter_order=order.astype(np.int32),
        group_begin=offset,
        kernel_channels=index.astype(np.int32),
        kernel_patterns=np.repeat(
            np.tile(np.arange(patterns, dtype=np.int32), groups), np.diff(stride).ravel()
        ),
        values=weight,
        scales=scales,
        kernel_size=kernel_size,
    )


class _Sections:
    """Hands out the sections of an FKW file one after another."""

    def __init__(self, data: bytes):
        self._data = data
        self._begin = _HEADER.size

    def take(self, name: str, dtype: str | np.dtype, count: int) -> np.ndarray:
        dtype = np.dtype(dtype)
        size = count * dtype.itemsize
        if len(self._data) - self._begin < size:
            raise ValueError(
                f"FKW section {name} must hold {count:,} values of {dtype.itemsize} bytes, but "
                f"only {len(self._data) - self._begin:,} bytes are left; the data is truncated "
                "or a count is wrong."
            )
        array = np.frombuffer(self._data, dtype, count, self._begin)
        self._begin += size
        return array

    def check_end(self) -> None:
        if self._begin != len(self._data):
            raise ValueError(
                f"FKW data is {len(self._data):,} bytes long, but its header implies "
                f"{self._begin:,}."
            )


def _index_type(count: int) -> np.dtype:
    return np.dtype("u1") if count <= 256 else np.dtype("<u2")


def _pattern_begin(weights: PatternWeights) -> np.ndarray:
    """The section `stride`: for each group, kernels before the first of each pattern."""
    patterns = len(weights.patterns)
    places = weights.kernel_groups * patterns + weights.kernel_patterns
    counts = np.bincount(places, minlength=weights.groups * patterns)
    begin = np.zeros((weights.groups, patterns + 1), np.int64)
    np.cumsum(counts.reshape(weights.groups, patterns), axis=1, out=begin[:, 1:])
    return begin


def _read_header(data: bytes) -> tuple[int, int, int, int, int, int, int]:
    """Returns value type, filters, channels, kernel size, group size, patterns and kernels."""
    if len(data) < _HEADER.size:
        raise ValueError(
            f"FKW data starts with a header of {_HEADER.size} bytes, but there are only "
            f"{len(data)}."
        )
    (magic, version, value_type, entries, filters, channels, height, width, group_size, patterns,
     reserved, kernels) = _HEADER.unpack_from(data)  # fmt: skip
    if magic != MAGIC:
        raise ValueError(f"FKW data starts with {MAGIC!r}, but this starts with {magic!r}.")
    _check_range("version", version, VERSION, VERSION)
    _check_range("value_type", value_type, 0, len(_VALUE_TYPES) - 1)
    _check_range("filters", filters, 1, MAX_CHANNELS)
    _check_range("channels", channels, 1, MAX_CHANNELS)
    if height not in KERNEL_SIZES:
        raise ValueError(f"FKW header field kernel_height is {height}; accepted: 1 or 3.")
    _check_range("kernel_width", width, height, height)
    _check_range("entries", entries, kernel_entries(height), kernel_entries(height))
    _check_range("group_size", group_size, 1, MAX_GROUP_SIZE)
    _check_range("patterns", patterns, 1, 1 if height == 1 else MAX_PATTERNS)
    _check_range("reserved", reserved, 0, 0)
    return value_type, filters, channels, height, group_size, patterns, kernels


def _check_range(field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        accepted = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        raise ValueError(f"FKW header field {field} is {value:,}; accepted: {accepted}.")


def _check_patterns(masks: np.ndarray, kernel_size: int) -> None:
    if kernel_size == 1:
        if not np.array_equal(masks, POINTWISE_PATTERNS):
            raise ValueError(
                f"FKW section pattern of 1x1 kernels holds the mask {masks[0]:#05x}; accepted: 1."
            )
        return
    wrong = [mask for mask in masks if mask >= len(MASK_SIZE) or MASK_SIZE[mask] != PATTERN_ENTRIES]
    if wrong:
        raise ValueError(
            f"FKW section pattern holds the mask {wrong[0]:#05x}; accepted: masks with four of "
            "the bits 0 to 8."
        )
    if len(np.unique(masks)) != len(masks):
        raise ValueError("FKW section pattern holds the same mask twice.")


def _check_offsets(offset: np.ndarray, stride: np.ndarray, kernels: int) -> None:
    lengths = np.diff(offset)
    if offset[0] != 0 or offset[-1] != kernels or np.any(lengths < 0):
        raise ValueError(
            f"FKW section offset must rise from 0 to the {kernels:,} kernels of the header."
        )
    starts_and_ends = np.all(stride[:, 0] == 0) and np.array_equal(stride[:, -1], lengths)
    if not starts_and_ends or np.any(np.diff(stride, axis=1) < 0):
        raise ValueError(
            "FKW section stride must rise from 0 to the number of kernels in every group."
        )


def _check_channels(index: np.ndarray, kernel_groups: np.ndarray, channels: int) -> None:
    if np.any(index >= channels):
        raise ValueError(
            f"FKW section index names input channel {index.max()}; accepted: 0 to {channels - 1}."
        )
    places = np.sort(kernel_groups * channels + index)
    if np.any(places[1:] == places[:-1]):
        raise ValueError("FKW section index names an input channel twice in one group.")
