"""What people look at: the table of a plan, pictures of patterns and masks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 100
"""Columns of a plain-text table."""


class PlanRow(Protocol):
    """One layer of a plan, as the table shows it."""

    @property
    def name(self) -> str:
        """Name (path) of the layer."""

    @property
    def kind(self) -> str:
        """Class of the layer, such as `Conv2D`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of its kernel."""

    @property
    def action(self) -> str:
        """What will be done, such as `patterns + 72 of 256 kernels`, or `left dense`."""

    @property
    def weights(self) -> int:
        """Weights of the kernel."""

    @property
    def kept(self) -> int:
        """Weights kept."""

    @property
    def accelerated(self) -> bool:
        """Whether the delegate takes the layer."""

    @property
    def reason(self) -> str:
        """Why not, or empty."""


def render_plan(rows: Sequence[PlanRow], title: str = "", width: int = WIDTH) -> str:
    """Returns the plain-text table of a plan, without colours, `width` columns wide."""
    raise NotImplementedError


def plot_patterns(library: Any, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draws a pattern library.

    Args:
        library: Whatever `patterns.get_library` accepts.
        path: Where to write the picture as well; the suffix sets the format.

    Returns:
        The matplotlib figure.
    """
    raise NotImplementedError
