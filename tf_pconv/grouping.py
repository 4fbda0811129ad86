"""Filter groups: which filters share a mask, so that sharing costs little energy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from tf_pconv import projection
from tf_pconv.patterns import PatternLibrary

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]
    IntArray = npt.NDArray[np.int32]

# More of either keeps less than 0.5 % more energy, on layers of trained networks.
_ROUNDS = 30
_PARTNERS = 4

_LEAST_GAIN = 1e-6
"""Gain of a swap, relative to the mean group, below which it is rounding."""

_LEAST_GAIN_OF_ROUND = 1e-4
"""Gain of all swaps of a round, relative to what is kept, below which the search ends."""

_MOST_CHANNELS = 4096
"""Input channels that decide; of more a sample does. Trained filters are alike in most of them."""

_BLOCK = 2**24
"""Numbers in the temporary arrays of a layer, at most."""


def group_filters(
    kernel: npt.ArrayLike,
    group_size: int,
    *,
    library: PatternLibrary | None = None,
    kernels: int | None = None,
) -> IntArray:
    """Returns an order of the filters that brings those together that can share a mask.

    Filters change places in pairs as long as that raises the energy that `projection.project` keeps
    with balance `"filter"`. What a swap would bring is estimated for all pairs at once: what each
    filter would keep under the mask of the others at the other's place. The most promising swaps
    are then computed exactly, and made where they gain. Of more than 4,096 input channels, as a
    Dense layer may have, a sample decides. The same weights give the same order. For concrete
    arrays, outside compiled functions.

    Args:
        kernel: Weights of shape (kh, kw, in, out).
        group_size: Filters of a group; 1 leaves the filters as they are.
        library: As in `projection.project`.
        kernels: As in `projection.project`.

    Returns:
        A permutation of shape (out,), int32: `order[i]` is the filter at place `i`. Group `j` are
        the places `j * group_size` and following; the last group holds the rest.

    Raises:
        ValueError: Weights that are not finite, or an argument out of range.

    Example:
        >>> weights = np.array([[1, 0, 1, 0], [0, 1, 0, 1]], "float32").reshape(1, 1, 2, 4)
        >>> group_filters(weights, 2, kernels=1).tolist()
        [3, 1, 2, 0]
    """
    weights = np.asarray(ops.convert_to_numpy(kernel), np.float32)
    projection.check_arguments(weights.shape, library, kernels, group_size, "filter", 1.0)
    projection.check_finite(weights)
    channels, filters = weights.shape[2:]
    order = np.arange(filters, dtype=np.int32)
    if group_size == 1 or group_size >= filters:
        return order
    kernels = kernels or channels
    if channels > _MOST_CHANNELS:
        sample = np.random.default_rng(0).choice(channels, _MOST_CHANNELS, replace=False)
        weights = weights[:, :, sample]
        kernels = max(1, round(kernels * _MOST_CHANNELS / channels))
    held = _held_energy(weights, library)
    for _ in range(_ROUNDS):
        swaps = _gaining_swaps(held, order, group_size, kernels)
        if not swaps.size:
            break
        order[swaps] = order[swaps[:, ::-1]]
    return order


def _held_energy(weights: FloatArray, library: PatternLibrary | None) -> FloatArray:
    """Returns what filters hold in each pattern of a kernel: (filters, patterns, channels)."""
    channels, filters = weights.shape[2:]
    energy = np.square(weights.reshape(-1, channels, filters))
    patterns = np.ones((1, len(energy)), np.float32)
    if library is not None:
        patterns = library.to_array().reshape(len(library), -1).astype(np.float32)
    held = patterns @ energy.reshape(len(energy), -1)
    return np.ascontiguousarray(held.reshape(-1, channels, filters).transpose(2, 0, 1))


def _gaining_swaps(
    held: FloatArray, order: IntArray, group_size: int, kernels: int
) -> npt.NDArray[np.int64]:
    """Returns pairs of places, shape (swaps, 2), whose filters are to change places.

    No two swaps touch the same group, so that their gains add up. None where all of them together
    gain too little.
    """
    held = held[order]
    group = np.arange(len(held)) // group_size
    together = np.add.reduceat(held, np.arange(0, len(held), group_size), axis=0)
    kept = _kept_energy(together, kernels)
    pairs = _promising_pairs(held, together, group, kernels)
    first, second = group[pairs].T
    gain = np.empty(len(pairs), np.float32)
    for block in _blocks(len(pairs), held[0].size):
        change = held[pairs[block, 1]] - held[pairs[block, 0]]
        gain[block] = _kept_energy(together[first[block]] + change, kernels)
        gain[block] += _kept_energy(together[second[block]] - change, kernels)
    gain -= kept[first] + kept[second]

    swaps = []
    total = 0.0
    touched: set[int] = set()
    gaining = np.flatnonzero(gain > _LEAST_GAIN * kept.mean())
    for best in gaining[np.argsort(-gain[gaining], kind="stable")]:
        groups = {int(first[best]), int(second[best])}
        if not groups & touched:
            touched |= groups
            swaps.append(pairs[best])
            total += float(gain[best])
    if total < _LEAST_GAIN_OF_ROUND * kept.sum():
        swaps = []
    return np.array(swaps, np.int64).reshape(-1, 2)


def _promising_pairs(
    held: FloatArray, together: FloatArray, group: npt.NDArray[np.int64], kernels: int
) -> npt.NDArray[np.int64]:
    """Returns for each place its best partners in other groups by estimate; shape (pairs, 2)."""
    filters = len(held)
    # value[i, j]: what the filter at place i keeps under the mask of the others at place j.
    value = np.empty((filters, filters), np.float32)
    for block in _blocks(filters, held[0].size):
        masks = _shared_mask(together[group[block]] - held[block], kernels)
        value[:, block] = held.reshape(filters, -1) @ masks.reshape(len(masks), -1).T
    stay = np.diag(value)
    gain = value + value.T - stay[:, None] - stay
    gain[group[:, None] == group] = -np.inf
    partners = min(_PARTNERS, filters - 1)
    second = np.argpartition(-gain, partners - 1, axis=1)[:, :partners]
    first = np.broadcast_to(np.arange(filters)[:, None], second.shape)
    pairs = np.stack([first, second], axis=-1)[group[first] != group[second]]
    return np.unique(np.sort(pairs, axis=1), axis=0)


def _blocks(rows: int, row_size: int) -> Iterator[slice]:
    """Yields the rows in blocks that bound the memory of what is computed from them."""
    step = max(1, _BLOCK // row_size)
    for begin in range(0, rows, step):
        yield slice(begin, begin + step)


def _kept_energy(held: FloatArray, kernels: int) -> FloatArray:
    """Returns what groups keep: (groups, patterns, channels) -> (groups,)."""
    best = held.max(axis=1)
    place = best.shape[1] - kernels
    return np.partition(best, place, axis=1)[:, place:].sum(axis=1)


def _shared_mask(held: FloatArray, kernels: int) -> FloatArray:
    """Returns 1 for the patterns and kernels that groups keep: (groups, patterns, channels)."""
    pattern = held.argmax(axis=1)
    channel = np.argpartition(-held.max(axis=1), kernels - 1, axis=1)[:, :kernels]
    row = np.arange(len(held))[:, None]
    mask = np.zeros_like(held)
    mask[row, pattern[row, channel], channel] = 1
    return mask
