"""Finds removed kernels and filter groups in dense 1x1 weights, from the weights alone."""

from __future__ import annotations

import numpy as np

from tf_pconv.lite.pattern_weights import POINTWISE_PATTERNS, PatternWeights
from tf_pconv.lite.recognition import GROUP_OVERHEAD, GROUP_SIZES, NoPatternsError

MOST_KEPT = 0.5
"""Share of kept weights up to which a 1x1 convolution is accelerated."""

_COMPARED_CHANNELS = 2048
"""Filters are compared in about this many channels, spread evenly."""

_STRANGERS = 1.3
"""A group that keeps more channels than this times those of its first filter holds strangers."""


def recognize_connectivity(dense: np.ndarray, scales: np.ndarray | None = None) -> PatternWeights:
    """Recognises the kernels that a 1x1 convolution keeps, and its filter groups.

    A filter group is a set of filters, adjacent or scattered, that keep much the same channels:
    quantisation turns small kept weights into zeros, so their channels need not be equal. The
    group size is the largest of `GROUP_SIZES` with which at most `GROUP_OVERHEAD` more kernels are
    stored than with group size 1.

    Args:
        dense: float32 or int8 weights in the order of TFLite, (filters, 1, 1, channels).
        scales: float32 (filters,), quantisation scale of each filter; int8 only.

    Returns:
        The weights in storage order. `to_dense()` equals `dense` (negative zeros become zeros).

    Raises:
        NoPatternsError: More than `MOST_KEPT` of the weights are kept, or none; the message says
            which.

    Example:
        >>> weights = recognize_connectivity(dense)
        >>> weights.group_size, len(weights.kernel_channels)
        (4, 1024)
    """
    masks = dense.reshape(dense.shape[0], dense.shape[3]) != 0
    share = masks.mean()
    if share > MOST_KEPT:
        raise NoPatternsError(f"only {100 * (1 - share):.0f} % of the weights are zero")
    if not masks.any():
        raise NoPatternsError("all weights are zero")
    limit = (1 + GROUP_OVERHEAD) * np.count_nonzero(masks)
    differences = _differences(masks)
    for group_size in GROUP_SIZES:
        if group_size > 1 and group_size // 2 >= len(masks):
            continue
        groups = _group_filters(masks, differences, group_size)
        if sum(len(group) * _kept(masks, group) for group in groups) <= limit:
            return _build(dense, scales, masks, groups, group_size)
    raise AssertionError("group size 1 always fits")


def _differences(masks: np.ndarray) -> np.ndarray:
    """Number of channels looked at that one of two filters keeps, (filters, filters)."""
    kept = masks[:, :: -(-masks.shape[1] // _COMPARED_CHANNELS)].astype(np.float32)
    sizes = kept.sum(axis=1)
    return sizes[:, None] + sizes - 2 * (kept @ kept.T)


def _kept(masks: np.ndarray, group: np.ndarray) -> int:
    """Channels that any filter of a group keeps."""
    return int(np.count_nonzero(masks[group].any(axis=0)))


def _group_filters(masks: np.ndarray, differences: np.ndarray, group_size: int) -> list[np.ndarray]:
    """Splits the filters into groups; the last one holds the rest.

    Greedy: the filter that keeps most channels takes the filters most like it.

    Args:
        masks: bool (filters, channels).
        differences: Number of channels in which two filters differ, (filters, filters).
        group_size: Filters of a group.

    Returns:
        The filters of each group, those with fewest kernels first, a short group last.
    """
    rest = len(masks) % group_size
    groups, short = [], np.empty(0, np.int64)
    pool = np.argsort(-masks.sum(axis=1), kind="stable")
    while len(pool):
        first = pool[0]
        nearest = np.append(
            first, pool[1:][np.argsort(differences[first, pool[1:]], kind="stable")]
        )
        group = nearest[:group_size]
        strangers = _kept(masks, group) > _STRANGERS * np.count_nonzero(masks[first])
        if rest and not len(short) and (strangers or len(pool) == rest):
            short = group = np.sort(nearest[:rest])
        else:
            groups.append(np.sort(group))
        pool = pool[~np.isin(pool, group)]
    groups.sort(key=lambda group: _kept(masks, group))
    return [*groups, short] if rest else groups


def _build(
    dense: np.ndarray,
    scales: np.ndarray | None,
    masks: np.ndarray,
    groups: list[np.ndarray],
    group_size: int,
) -> PatternWeights:
    kept = np.array([masks[group].any(axis=0) for group in groups])
    channels = np.nonzero(kept)[1]
    return PatternWeights.from_dense(
        dense,
        group_size=group_size,
        patterns=POINTWISE_PATTERNS,
        filter_order=np.concatenate(groups).astype(np.int32),
        group_begin=np.append(0, np.cumsum(np.count_nonzero(kept, axis=1))),
        kernel_channels=channels.astype(np.int32),
        kernel_patterns=np.zeros(len(channels), np.int32),
        scales=scales,
    )
