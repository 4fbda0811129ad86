"""How kernels of depthwise convolutions walk along a row of outputs.

They go from one column of inputs to the next and keep none: what a column adds to each window that
it belongs to is added at once, and the sums of windows that have begun wait for the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

ENDED = "ended"
BIAS = "bias"


class Term(NamedTuple):
    """Products of a column that are added to the sum of a window.

    Attributes:
        after: The sum's name then: that of an open one, or `ENDED`.
        before: Its name until now, or `BIAS` where the window begins.
        tap: The column of the window.
    """

    after: str
    before: str
    tap: int


class Walk(NamedTuple):
    """The way along windows of some size and stride.

    Columns are counted from the first one of the window that ends next.

    Attributes:
        side: Columns of a window.
        stride: Columns from one window to the next.
    """

    side: int
    stride: int

    @property
    def open(self) -> tuple[str, ...]:
        """Sums of windows that have begun and not ended between two steps, the oldest first."""
        return tuple(f"open{i}_" for i in range((self.side - 1) // self.stride))

    @property
    def begin(self) -> range:
        """The columns before those of the first step."""
        return range(self.side - self.stride)

    @property
    def step(self) -> range:
        """The columns that end a window and lead to the next."""
        return range(self.side - self.stride, self.side)

    def terms(self, column: int) -> Iterator[Term]:
        """What a column adds to sums, in this order: the last of a step renames open sums."""
        names = (*self.open, BIAS)
        after = (ENDED, *self.open) if column == self.side - 1 else names
        for window, name in enumerate(names):
            tap = column - window * self.stride
            if tap >= 0:
                yield Term(after[window], name if tap > 0 else BIAS, tap)
