"""The weights of a pattern or a 1x1 convolution: the common form of FKW and dense weights."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

KERNEL_SIZE = 3
TAPS = KERNEL_SIZE * KERNEL_SIZE
PATTERN_ENTRIES = 4
"""Weights kept of a 3x3 kernel."""

MAX_PATTERNS = 126
"""Ways to keep 4 of 9 weights."""

MASK_BITS = np.arange(1 << TAPS, dtype=np.uint16)[:, None] >> np.arange(TAPS) & 1
"""Row `m` holds the nine bits of mask `m`; shape (512, 9), values 0 and 1."""

MASK_SIZE = MASK_BITS.sum(axis=1).astype(np.uint8)
"""Weights that each of the 512 masks keeps."""

POINTWISE_PATTERNS = np.array([1], np.uint16)
"""The only pattern of a 1x1 kernel: its weight."""

ALL_PATTERNS = np.flatnonzero(MASK_SIZE == PATTERN_ENTRIES).astype(np.uint16)
"""The 126 masks of four weights, ascending."""


def pattern_taps(patterns: np.ndarray) -> np.ndarray:
    """Returns the kept positions (0 to 8) of masks of one size, ascending; (patterns, entries)."""
    return np.nonzero(MASK_BITS[patterns])[1].reshape(len(patterns), -1)


@dataclasses.dataclass(frozen=True, eq=False)
class PatternWeights:
    """Weights of a convolution whose kernels keep `entries` weights or none.

    Of 3x3 kernels four weights are kept, of 1x1 kernels their only one. Filters are stored in
    groups that share kernels and patterns; the fields are those of `docs/fkw.md`, except that each
    group kernel names its pattern.

    Attributes:
        filters: Number of output channels.
        channels: Number of input channels.
        group_size: Filters of a group; the last group holds the rest.
        patterns: uint16 (patterns,), masks with bit `3 * row + column` and `entries` bits set.
        filter_order: int32 (filters,), output channel of the i-th stored filter.
        group_begin: int64 (groups + 1,), group kernels before each group.
        kernel_channels: int32 (kernels,), input channel of each group kernel.
        kernel_patterns: int32 (kernels,), index into `patterns` of each group kernel.
        values: float32 or int8, flat: for each group kernel, for each filter of its group,
            `entries` values in the order of the pattern's bits.
        scales: float32 (filters,), quantisation scale of each output channel; None for float32.
        kernel_size: Side of a kernel, 3 or 1.
    """

    filters: int
    channels: int
    group_size: int
    patterns: np.ndarray
    filter_order: np.ndarray
    group_begin: np.ndarray
    kernel_channels: np.ndarray
    kernel_patterns: np.ndarray
    values: np.ndarray
    scales: np.ndarray | None = None
    kernel_size: int = KERNEL_SIZE

    @classmethod
    def from_dense(cls, dense: np.ndarray, **structure: Any) -> PatternWeights:
        """Takes the values that `structure` keeps out of dense weights.

        Args:
            dense: float32 or int8 weights in the order of TFLite, (filters, side, side, channels).
            **structure: The attributes that `dense` does not imply.
        """
        filters, side, _, channels = dense.shape
        weights = cls(filters, channels, values=dense[:0].ravel(), kernel_size=side, **structure)
        values = dense.reshape(filters, weights.taps, channels)[weights._positions()]
        return dataclasses.replace(weights, values=values.ravel())

    def to_dense(self) -> np.ndarray:
        """Returns the dense weights, of `dense_shape` and the type of `values`."""
        dense = np.zeros((self.filters, self.taps, self.channels), self.values.dtype)
        dense[self._positions()] = self.values.reshape(-1, self.entries)
        return dense.reshape(self.dense_shape)

    @property
    def dense_shape(self) -> tuple[int, int, int, int]:
        """Shape of the dense weights: filters, height, width, channels."""
        return self.filters, self.kernel_size, self.kernel_size, self.channels

    @property
    def taps(self) -> int:
        """Weights of a dense kernel."""
        return self.kernel_size**2

    @property
    def entries(self) -> int:
        """Weights kept of a kept kernel."""
        return kernel_entries(self.kernel_size)

    @property
    def groups(self) -> int:
        """Number of filter groups."""
        return group_count(self.filters, self.group_size)

    @property
    def group_filters(self) -> np.ndarray:
        """Filters of each group, int64 (groups,)."""
        return group_filters(self.filters, self.group_size)

    @property
    def kernel_groups(self) -> np.ndarray:
        """Group of each group kernel, int64 (kernels,)."""
        return np.repeat(np.arange(self.groups), np.diff(self.group_begin))

    def _positions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Filter, tap and channel of every value; they broadcast to (-1, entries)."""
        groups = self.kernel_groups
        copies = self.group_filters[groups]
        kernel = np.repeat(np.arange(len(groups)), copies)
        place = np.arange(len(kernel)) - np.repeat(np.cumsum(copies) - copies, copies)
        filters = self.filter_order[groups[kernel] * self.group_size + place]
        taps = pattern_taps(self.patterns)[self.kernel_patterns[kernel]]
        return filters[:, None], taps, self.kernel_channels[kernel][:, None]


def kernel_entries(kernel_size: int) -> int:
    """Returns the number of weights that a kept kernel of that side keeps."""
    return 1 if kernel_size == 1 else PATTERN_ENTRIES


def group_count(filters: int, group_size: int) -> int:
    """Returns the number of groups of `filters` filters."""
    return -(-filters // group_size)


def group_filters(filters: int, group_size: int) -> np.ndarray:
    """Returns the number of filters of each group; the last group holds the rest."""
    begin = np.arange(0, filters, group_size)
    return np.minimum(group_size, filters - begin)
