"""From weights to masks: the nearest kernel that follows patterns, connectivity and filter groups.

`project` is pure, written with `keras.ops`, and runs eagerly and inside compiled functions. The
energy of a weight is its square, so keeping the most energy is the Euclidean projection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from keras import ops

from tf_pconv.patterns import SIDE, PatternLibrary

if TYPE_CHECKING:
    import numpy.typing as npt

Balance = Literal["filter", "layer"]


def convolution_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Returns the shape of a kernel as (kh, kw, in, out); one of a Dense layer, (in, out), is 1x1.

    Example:
        >>> convolution_shape((512, 10))
        (1, 1, 512, 10)
    """
    return (1, 1, *shape)[-4:]


def kept_kernels(
    in_channels: int, kernel_size: tuple[int, int], entries: int, compression: float
) -> int:
    """Returns how many kernels each filter keeps for a compression of the layer's weights.

    `max(1, round(in_channels * kh * kw / (entries * compression)))`, at most `in_channels`. Indices
    are not counted.

    Args:
        in_channels: Input channels of the layer.
        kernel_size: Height and width of a kernel.
        entries: Weights kept in each kept kernel: 4 with patterns, `kh * kw` without.
        compression: Weights before over weights after, at least 1.

    Raises:
        ValueError: An argument out of range.

    Example:
        >>> kept_kernels(256, (3, 3), entries=4, compression=8.0)
        72
    """
    taps = kernel_size[0] * kernel_size[1]
    if in_channels < 1 or not 1 <= entries <= taps:
        raise ValueError(
            f"A layer has at least one input channel and keeps 1 to {taps} of the {taps} weights "
            f"of a kernel; received in_channels {in_channels} and entries {entries}."
        )
    if not compression >= 1:
        raise ValueError(f"compression is at least 1; received {compression}.")
    return min(in_channels, max(1, round(in_channels * taps / (entries * compression))))


def check_finite(kernel: npt.ArrayLike, name: str = "kernel") -> None:
    """Raises a ValueError that names the weights if any is NaN or infinite; for concrete arrays."""
    values = np.asarray(ops.convert_to_numpy(kernel))
    broken = values.size - int(np.isfinite(values).sum())
    if broken:
        raise ValueError(
            f"'{name}' has {broken} of {values.size} weights that are NaN or infinite, so there "
            "are no largest weights to keep. Check the learning rate and the loss."
        )


def project(
    kernel: Any,
    *,
    library: PatternLibrary | None,
    kernels: int | None,
    group_size: int = 1,
    order: Any | None = None,
    balance: Balance = "filter",
    pattern_fraction: float = 1.0,
) -> Any:
    """Returns the 0/1 mask that keeps the most energy under patterns, connectivity and groups.

    The filters of a group share their mask, chosen by the energy of the whole group. First each
    kernel takes its best pattern, then the kernels whose patterns hold the most energy are kept.
    Equal energies are decided by the lower index: of the pattern, of the channel, of the group.

    Args:
        kernel: Finite weights of shape (kh, kw, in, out), any float type.
        library: Patterns, for 3x3 kernels. None: kept kernels keep all their weights.
        kernels: Kernels kept in each filter, 1 to `in`; may be a scalar tensor. None: all.
        group_size: Filters that share patterns and connectivity. 1: PCONV as published.
        order: Permutation of shape (out,), integers, as `grouping.group_filters` returns it: group
            `j` are the filters at the places `j * group_size` and following, the last group holds
            the rest. None: as they are. No weight moves: the mask is in the order of the kernel.
        balance: `"filter"` keeps `kernels` kernels in every filter (PCONV); `"layer"` keeps as many
            kernels per group on average, the best of the whole layer, at least one in each group
            (PatDNN).
        pattern_fraction: Fraction of each group's kept kernels that follow a pattern, 0 to 1,
            rounded to whole kernels: those that lose the least energy by it. The others keep all
            their weights. May be a scalar tensor. Without `library` it says nothing.

    Returns:
        The mask, with the shape and dtype of `kernel`.

    Raises:
        ValueError: An argument out of range, as far as it is known outside a compiled function.

    Example:
        >>> from tf_pconv.patterns import get_library
        >>> weights = np.random.default_rng(0).normal(size=(3, 3, 16, 8)).astype("float32")
        >>> mask = project(weights, library=get_library("scp8"), kernels=5, group_size=4)
        >>> int(ops.sum(mask)), 5 * 8 * 4
        (160, 160)
    """
    kernel = ops.convert_to_tensor(kernel)
    check_arguments(kernel.shape, library, kernels, group_size, balance, pattern_fraction)
    height, width, channels, filters = kernel.shape
    if order is None:
        order = np.arange(filters, dtype=np.int32)

    energy = _group_energy(kernel, group_size, order)
    total = ops.sum(energy, axis=0)
    held = total
    if library is not None:
        pattern, held = _best_patterns(energy, library)

    kept = ops.ones_like(held, dtype="bool")
    if kernels is not None:
        kept = _best_kernels(held, kernels, balance)
    mask = ops.broadcast_to(kept, energy.shape)
    if library is not None:
        bits = library.to_array().reshape(len(library), -1).astype(bool)
        shape = ops.transpose(ops.take(ops.convert_to_tensor(bits), pattern, axis=0), (2, 0, 1))
        whole = ops.logical_not(_followers(total - held, kept, pattern_fraction))
        mask = ops.logical_and(mask, ops.logical_or(shape, whole))

    group_of_filter = ops.argsort(order) // group_size
    mask = ops.take(ops.cast(mask, kernel.dtype), group_of_filter, axis=1)
    return ops.reshape(ops.transpose(mask, (0, 2, 1)), (height, width, channels, filters))


def check_arguments(
    shape: tuple[int, ...],
    library: PatternLibrary | None,
    kernels: Any,
    group_size: int,
    balance: str,
    pattern_fraction: Any,
) -> None:
    """Raises a ValueError for an argument of `project` out of range; tensors pass unseen."""
    if len(shape) != 4:
        raise ValueError(f"A kernel has the shape (kh, kw, in, out); received {tuple(shape)}.")
    if library is not None and tuple(shape[:2]) != (SIDE, SIDE):
        raise ValueError(
            f"Patterns are for 3x3 kernels; this kernel has the shape {tuple(shape)}. Pass "
            "library=None to prune its connectivity only."
        )
    if isinstance(kernels, int) and not 1 <= kernels <= shape[2]:
        raise ValueError(
            f"A filter keeps 1 to {shape[2]} of its {shape[2]} kernels; received kernels {kernels}."
        )
    if group_size < 1:
        raise ValueError(f"group_size is at least 1; received {group_size}.")
    if balance not in get_args(Balance):
        raise ValueError(f"balance is 'filter' or 'layer'; received {balance!r}.")
    if isinstance(pattern_fraction, int | float) and not 0 <= pattern_fraction <= 1:
        raise ValueError(f"pattern_fraction is from 0 to 1; received {pattern_fraction}.")


def _group_energy(kernel: Any, group_size: int, order: Any) -> Any:
    """Sums the energy over the filters of each group.

    Channels come last from here on, because that is the axis to rank: (taps, groups, channels).
    """
    height, width, channels, filters = kernel.shape
    groups = -(-filters // group_size)
    energy = ops.square(ops.cast(kernel, "float32"))
    energy = ops.transpose(ops.reshape(energy, (height * width, channels, filters)), (0, 2, 1))
    energy = ops.take(energy, order, axis=1)
    energy = ops.pad(energy, ((0, 0), (0, groups * group_size - filters), (0, 0)))
    return ops.sum(ops.reshape(energy, (height * width, groups, group_size, channels)), axis=2)


def _best_patterns(energy: Any, library: PatternLibrary) -> tuple[Any, Any]:
    """Returns the pattern that holds the most energy and that energy, both (groups, channels)."""
    taps = [np.flatnonzero(pattern) for pattern in library.to_array()]
    held = ops.stack([sum(energy[tap] for tap in pattern) for pattern in taps])
    best = ops.max(held, axis=0)
    # argmax promises no order among equals on every backend; the first of them is wanted.
    places = np.arange(len(library), dtype=np.int32).reshape(-1, 1, 1)
    pattern = ops.min(ops.where(held == best, places, len(library) - 1), axis=0)
    return pattern, best


def _best_kernels(held: Any, kernels: Any, balance: Balance) -> Any:
    """Returns which kernels are kept, booleans of shape (groups, channels)."""
    rank = _rank(-held)
    if balance == "filter":
        return rank < kernels
    groups, channels = held.shape
    scores = ops.where(rank == 0, np.float32(np.inf), held)
    return ops.reshape(_rank(-ops.reshape(scores, (1, -1))) < kernels * groups, (groups, channels))


def _followers(loss: Any, kept: Any, pattern_fraction: Any) -> Any:
    """Returns which kernels follow a pattern: of the kept ones those with the least loss."""
    kept_in_group = ops.cast(ops.sum(ops.cast(kept, "int32"), axis=1, keepdims=True), "float32")
    count = ops.floor(kept_in_group * pattern_fraction + 0.5)
    rank = _rank(ops.where(kept, loss, np.float32(np.inf)))
    return ops.cast(rank, "float32") < count


def _rank(scores: Any) -> Any:
    """Returns the place of each score in its row, lowest first, equals in order."""
    return ops.argsort(ops.argsort(scores, axis=-1), axis=-1)
