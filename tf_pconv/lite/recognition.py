"""Finds patterns, removed kernels and filter groups in dense weights, from the weights alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tf_pconv.lite.pattern_weights import (
    ALL_PATTERNS,
    MASK_SIZE,
    PATTERN_ENTRIES,
    TAPS,
    PatternWeights,
)

GROUP_SIZES = (16, 8, 4, 2, 1)
"""Group sizes that are looked for, the largest first."""

GROUP_OVERHEAD = 0.1
"""Share of kernels that a group size may store beyond what group size 1 stores."""

_CHANNEL_BLOCK = 64


class NoPatternsError(ValueError):
    """The weights do not follow patterns; the message is the reason."""


def recognize_patterns(dense: np.ndarray, scales: np.ndarray | None = None) -> PatternWeights:
    """Recognises the pattern structure of the weights of a 3x3 convolution.

    A filter group is a set of filters, adjacent or scattered, whose non-zeros fit one shared
    mask: quantisation turns small kept weights into zeros, so the masks of one group need not be
    equal. The group size is the largest of `GROUP_SIZES` with which every group kernel fits a
    pattern and at most `GROUP_OVERHEAD` more kernels are stored than with group size 1.

    Args:
        dense: float32 or int8 weights in the order of TFLite, (filters, 3, 3, channels).
        scales: float32 (filters,), quantisation scale of each filter; int8 only.

    Returns:
        The weights in storage order. `to_dense()` equals `dense` (negative zeros become zeros).

    Raises:
        NoPatternsError: The weights do not follow patterns; the message says why.

    Example:
        >>> weights = recognize_patterns(dense)
        >>> weights.group_size, len(weights.patterns)
        (4, 8)

    Source: the storage order is that of PatDNN (Niu et al., ASPLOS 2020), section 5.2.
    """
    masks = _kernel_masks(dense)
    _check_kernels(masks)
    stored_alone = int(np.count_nonzero(masks))
    for group_size in GROUP_SIZES:
        smaller_does = group_size > 1 and group_size // 2 >= len(masks)
        order = None if smaller_does else _group_filters(masks, group_size, stored_alone)
        if order is not None:
            return _build(dense, scales, masks, order, group_size)
    raise AssertionError("group size 1 always fits")


def _kernel_masks(dense: np.ndarray) -> np.ndarray:
    """Mask of the non-zero weights of each kernel, uint16 (filters, channels)."""
    kept = dense.reshape(dense.shape[0], TAPS, dense.shape[3]) != 0
    masks = np.zeros((dense.shape[0], dense.shape[3]), np.uint16)
    for tap in range(TAPS):
        masks |= kept[:, tap].astype(np.uint16) << tap
    return masks


def _check_kernels(masks: np.ndarray) -> None:
    sizes = MASK_SIZE[masks]
    too_large = np.count_nonzero(sizes > PATTERN_ENTRIES)
    if too_large:
        zeros = 1 - sizes.mean() / TAPS
        if zeros < 1 - PATTERN_ENTRIES / TAPS:
            raise NoPatternsError(f"only {100 * zeros:.0f} % of the weights are zero")
        raise NoPatternsError(
            f"{too_large:,} of {masks.size:,} kernels keep more than {PATTERN_ENTRIES} weights"
        )
    if not sizes.any():
        raise NoPatternsError("all weights are zero")


def _group_filters(masks: np.ndarray, group_size: int, stored_alone: int) -> np.ndarray | None:
    """Brings the filters of each group together; None where `group_size` does not fit.

    Args:
        masks: uint16 (filters, channels).
        group_size: Filters of a group.
        stored_alone: Kernels that group size 1 stores.

    Returns:
        Filters in stored order, (filters,): place i belongs to group i // group_size.
    """
    if group_size == 1:
        return np.arange(len(masks))
    full, rest = divmod(len(masks), group_size)
    limit = (1 + GROUP_OVERHEAD) * stored_alone
    groups: list[np.ndarray] = []
    alone: list[int] = []  # Filters with too few mates: together they must be the short last group.
    stored = 0
    # Filters with many weights first: what fits them is least a matter of chance.
    pool = np.argsort(-MASK_SIZE[masks].sum(axis=1, dtype=np.int64), kind="stable")
    while len(pool) >= group_size:
        group, union = _find_mates(masks, pool, group_size)
        kernels = group_size * int(np.count_nonzero(union))
        # While the short group has room, a filter without real mates is likely to belong there.
        by_chance = len(alone) < rest and kernels > 1.5 * np.count_nonzero(masks[group])
        if len(group) == group_size and not by_chance:
            groups.append(np.sort(group))
            stored += kernels
            pool = pool[~np.isin(pool, group)]
        else:
            alone.append(pool[0])
            pool = pool[1:]
        if len(alone) > rest or stored > limit:
            return None
    last = np.sort(np.append(alone, pool).astype(np.int64))
    union = np.bitwise_or.reduce(masks[last], axis=0)
    stored += rest * int(np.count_nonzero(union))
    if len(groups) != full or MASK_SIZE[union].max() > PATTERN_ENTRIES or stored > limit:
        return None
    return np.concatenate([*groups, last])


def _find_mates(
    masks: np.ndarray, pool: np.ndarray, group_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Gathers filters that fit one mask with the first of the pool, the most similar ones first.

    Returns:
        The filters (fewer than `group_size` where no more fit) and their shared mask (channels,).
    """
    union = masks[pool[0]]
    if not union.any():  # The pool starts with most weights: all that follows is zeros, too.
        return pool[:group_size], union
    group = [pool[0]]
    candidates = pool[1:]
    while len(group) < group_size:
        candidates = _fitting(masks, candidates, union)
        if not len(candidates):
            break
        differences = MASK_SIZE[masks[candidates] ^ union].sum(axis=1, dtype=np.int64)
        best = int(differences.argmin())
        group.append(candidates[best])
        union = union | masks[candidates[best]]
        candidates = np.delete(candidates, best)
    return np.array(group), union


def _fitting(masks: np.ndarray, candidates: np.ndarray, union: np.ndarray) -> np.ndarray:
    """Returns the candidates each kernel of which fits one pattern with that of `union`."""
    # A few channels are enough to rule out almost every filter of another group.
    for begin in range(0, len(union), _CHANNEL_BLOCK):
        block = slice(begin, begin + _CHANNEL_BLOCK)
        sizes = MASK_SIZE[masks[candidates, block] | union[block]]
        candidates = candidates[sizes.max(axis=1, initial=0) <= PATTERN_ENTRIES]
    return candidates


def _build(
    dense: np.ndarray,
    scales: np.ndarray | None,
    masks: np.ndarray,
    order: np.ndarray,
    group_size: int,
) -> PatternWeights:
    """Chooses the patterns, sorts groups and kernels, and gathers the values."""
    begin = np.arange(0, len(order), group_size)
    unions = np.bitwise_or.reduceat(masks[order], begin, axis=0)
    patterns, pattern_of_mask = _choose_patterns(unions[unions != 0])
    rank = _storage_rank(unions, pattern_of_mask, len(patterns), order, group_size)
    # Only whole groups move: a short last group is marked by its place.
    order = np.concatenate([order[begin[group] : begin[group] + group_size] for group in rank])
    unions = unions[rank]
    groups, channels = np.nonzero(unions)
    kernel_patterns = pattern_of_mask[unions[groups, channels]]
    kernels = np.lexsort((channels, kernel_patterns, groups))
    return PatternWeights.from_dense(
        dense,
        group_size=group_size,
        patterns=patterns,
        filter_order=order.astype(np.int32),
        group_begin=np.append(0, np.cumsum(np.count_nonzero(unions, axis=1))),
        kernel_channels=channels[kernels].astype(np.int32),
        kernel_patterns=kernel_patterns[kernels].astype(np.int32),
        scales=scales,
    )


def _choose_patterns(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds few patterns that cover all masks.

    Args:
        masks: uint16, masks of at most four weights, none empty.

    Returns:
        The patterns, uint16, ascending; and for each of the 512 masks the index of the pattern
        that covers it, where it occurs.
    """
    counts = np.bincount(masks, minlength=len(MASK_SIZE))
    occurring = np.flatnonzero(counts)
    used = occurring[MASK_SIZE[occurring] == PATTERN_ENTRIES]
    partial = np.setdiff1d(occurring, used)
    uncovered = partial[~_covers(used, partial).any(axis=0)]
    patterns = np.sort(np.append(used, list(_cover(uncovered, counts))).astype(np.uint16))
    # Of the patterns that cover a mask the most used one; a whole mask is covered by itself only.
    preference = _covers(patterns, occurring) * (1 + counts[patterns])[:, None]
    index = np.zeros(len(MASK_SIZE), np.int64)
    index[occurring] = preference.argmax(axis=0)
    return patterns, index


def _cover(masks: np.ndarray, counts: np.ndarray) -> Iterator[int]:
    """Yields patterns until every mask is covered, each time the one that covers most kernels."""
    while len(masks):
        covers = _covers(ALL_PATTERNS, masks)
        best = (covers * counts[masks]).sum(axis=1).argmax()
        yield ALL_PATTERNS[best]
        masks = masks[~covers[best]]


def _covers(patterns: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Whether pattern i keeps all weights of mask j, bool (patterns, masks)."""
    return (masks[None, :] & ~patterns[:, None]) == 0


def _storage_rank(
    unions: np.ndarray,
    pattern_of_mask: np.ndarray,
    patterns: int,
    order: np.ndarray,
    group_size: int,
) -> np.ndarray:
    """Order of the groups: fewest kernels first, then by pattern counts; a short one stays last."""
    groups, channels = np.nonzero(unions)
    places = groups * patterns + pattern_of_mask[unions[groups, channels]]
    counts = np.bincount(places, minlength=len(unions) * patterns).reshape(-1, patterns)
    first_filter = order[::group_size]
    short = np.arange(len(unions)) >= len(order) // group_size
    # The last key counts most.
    return np.lexsort((first_filter, *-counts.T[::-1], counts.sum(axis=1), short))
