"""What a kernel keeps once pruning has finished: the target that a method works towards."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from keras import ops

from tf_pconv import grouping, projection, schedules
from tf_pconv.patterns import ENTRIES, PatternLibrary


@dataclasses.dataclass(frozen=True)
class PruningTarget:
    """The patterns, connectivity and filter groups that a kernel ends with.

    A Dense layer is a 1x1 convolution: its kernel of shape (in, out) has `in` kernels of one weight
    in each of its `out` filters.

    Attributes:
        shape: Shape of the kernel, (kh, kw, in, out) or (in, out).
        library: Patterns of the kept kernels; None: they keep all their weights.
        kernels: Kernels kept in each filter; None: all.
        group_size: Filters that share patterns and connectivity.
        balance: `"filter"` or `"layer"`, as in `projection.project`.
    """

    shape: tuple[int, ...]
    library: PatternLibrary | None
    kernels: int | None
    group_size: int
    balance: projection.Balance

    @property
    def convolution_shape(self) -> tuple[int, ...]:
        """Shape of the kernel as a convolution, (kh, kw, in, out)."""
        return projection.convolution_shape(self.shape)

    @property
    def weights(self) -> int:
        """Weights of the dense kernel."""
        return math.prod(self.shape)

    @property
    def weights_kept(self) -> int:
        """Weights kept at the end."""
        height, width, channels, filters = self.convolution_shape
        entries = height * width if self.library is None else ENTRIES
        return entries * (channels if self.kernels is None else self.kernels) * filters

    @property
    def description(self) -> str:
        """One line, such as `scp8 + 72 of 256 kernels, groups of 4`."""
        parts = [] if self.library is None else [self.library.name]
        if self.kernels is not None:
            parts.append(f"{self.kernels} of {self.shape[-2]} kernels")
        groups = f", groups of {self.group_size}" if self.group_size > 1 else ""
        return " + ".join(parts) + groups if parts else "all weights kept"

    def filter_order(self, kernel: Any) -> npt.NDArray[np.int32]:
        """Returns the order that brings filters of similar weights together; shape (out,)."""
        return grouping.group_filters(
            ops.convert_to_numpy(kernel).reshape(self.convolution_shape),
            self.group_size,
            library=self.library,
            kernels=self.kernels,
        )

    def mask(self, kernel: Any, filter_order: Any, progress: float = 1.0) -> Any:
        """Returns the 0/1 mask of a kernel at some progress; 1 is the target itself.

        It has the shape and dtype of the kernel.
        """
        now = schedules.targets(progress, self.shape[-2], self.kernels)
        mask = projection.project(
            ops.reshape(kernel, self.convolution_shape),
            library=self.library,
            kernels=now.kernels,
            group_size=self.group_size,
            order=filter_order,
            balance=self.balance,
            pattern_fraction=now.pattern_fraction,
        )
        return ops.reshape(mask, self.shape)

    def settings(self) -> dict[str, Any]:
        """Returns what masks depend on, in JSON types: saved with the weights, compared on load."""
        return {
            "library": None if self.library is None else list(self.library.masks),
            "kernels": self.kernels,
            "group_size": self.group_size,
            "balance": self.balance,
        }
