"""From weights to masks: the nearest kernel that follows patterns, connectivity and filter groups.

`project` is pure and written with `keras.ops`; it runs eagerly and inside compiled functions. The
energy of a weight is its square, so keeping the most energy is the Euclidean projection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from keras import ops

from tf_pconv.patterns import PatternLibrary

if TYPE_CHECKING:
    import numpy.typing as npt

Balance = Literal["filter", "layer"]


def kept_kernels(
    in_channels: int, kernel_size: tuple[int, int], entries: int, compression: float
) -> int:
    """Returns how many kernels each filter keeps for a compression of the layer's weights.

    `max(1, round(in * kh * kw / (entries * compression)))`, at most `in`. Indices are not counted.

    Args:
        in_channels: Input channels of the layer.
        kernel_size: (kh, kw).
        entries: Weights kept in each kept kernel: 4 with patterns, `kh * kw` without.
        compression: Weights before over weights after, at least 1.

    Raises:
        ValueError: An argument out of range.

    Example:
        >>> kept_kernels(256, (3, 3), entries=4, compression=8.0)
        72
    """
    raise NotImplementedError


def check_finite(kernel: npt.ArrayLike, name: str = "kernel") -> None:
    """Raises a ValueError that names the weights if one of them is not finite (host side)."""
    raise NotImplementedError


def group_filters(
    kernel: npt.ArrayLike,
    group_size: int,
    *,
    library: PatternLibrary | None = None,
    kernels: int | None = None,
) -> npt.NDArray[np.int32]:
    """Returns an order of the filters in which filters that would keep the same weights are neighbours.

    Group `j` of the order are the places `j * group_size` and following; the last group holds the
    rest. The order is a local maximum of the energy that `project` keeps. Host side, deterministic.

    Args:
        kernel: Weights of shape (kh, kw, in, out).
        group_size: Filters of a group; 1 returns the identity.
        library: As in `project`.
        kernels: As in `project`.

    Returns:
        A permutation of shape (out,), int32: `order[i]` is the filter at place `i`.

    Raises:
        ValueError: Weights that are not finite, or an argument out of range.
    """
    raise NotImplementedError


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

    Args:
        kernel: Finite weights of shape (kh, kw, in, out), any float type.
        library: Patterns, for 3x3 kernels; each kept kernel takes the one that keeps the most energy
            of its group. None: kept kernels keep all weights.
        kernels: Kernels kept in each filter; may be a scalar tensor. None: all.
        group_size: Filters that share patterns and connectivity. 1: PCONV as published.
        order: Permutation of shape (out,), int32, as returned by `group_filters`; None: as they are.
            No weight moves: the mask is in the order of the kernel.
        balance: `"filter"` keeps `kernels` kernels in every group (PCONV); `"layer"` keeps as many in
            all, the best of the whole layer, at least one per group (PatDNN).
        pattern_fraction: Fraction of a group's kept kernels that follow a pattern, those that lose the
            least energy by it; the others keep all weights. May be a scalar tensor.

    Returns:
        A mask with the shape and dtype of `kernel`.
    """
    raise NotImplementedError
