"""What people look at: the table of a plan and pictures of patterns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tf_pconv.patterns import ENTRIES, SIDE, get_library
from tf_pconv.text_table import columns, to_text

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from rich.table import Table

WIDTH = 100
"""Columns of the table of a plan, where the terminal has them."""

_KEPT_COLOUR = "#e8710a"
_SUM_COLOUR = "#8ab4f8"
_PRUNED_COLOUR = "#e8eaed"
_TEXT_COLOUR = "#3c4043"
_PATTERNS_PER_ROW = 8


class PlanRow(Protocol):
    """One layer of a plan, as the table shows it."""

    @property
    def name(self) -> str:
        """Path of the layer in its model."""

    @property
    def kind(self) -> str:
        """Class of the layer, such as `Conv2D`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of its kernel."""

    @property
    def action(self) -> str:
        """What will be done, such as `scp8 + 72 of 256 kernels, groups of 4`, or `left dense`."""

    @property
    def weights(self) -> int:
        """Weights of the kernel."""

    @property
    def kept(self) -> int:
        """Weights kept."""

    @property
    def pruned(self) -> bool:
        """Whether the layer will be pruned."""

    @property
    def accelerated(self) -> bool:
        """Whether the delegate takes the layer."""

    @property
    def reason(self) -> str:
        """Why it is left dense (after a semicolon, what would prune it) or not accelerated.

        Of an accelerated layer the condition; or empty.
        """


def render_plan(rows: Sequence[PlanRow], title: str = "", width: int | None = None) -> str:
    """Returns the table of a plan as plain text, without colours or trailing spaces.

    Args:
        rows: The layers, in order.
        title: First line; left out if empty.
        width: Columns of the text; longer cells are wrapped. None: `WIDTH`, or those of the
            terminal if it has fewer.
    """
    parts = [title, ""] if title else []
    width = columns(WIDTH) if width is None else width
    table = _plan_table(rows, is_wide=width >= WIDTH)
    return to_text(*parts, table, "", _plan_summary(rows), *_remedies(rows), width=width)


def _plan_table(rows: Sequence[PlanRow], is_wide: bool) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    # The longest column takes what these leave.
    table.add_column("layer", overflow="fold", max_width=20)
    table.add_column("kernel", overflow="fold", max_width=16)
    table.add_column("what is done", overflow="fold")
    if is_wide:
        table.add_column("weights", justify="right", no_wrap=True)
    table.add_column("kept", justify="right", no_wrap=True)
    table.add_column("accelerated", overflow="fold", max_width=16)
    for row in rows:
        shape = "x".join(map(str, row.shape))
        table.add_row(
            row.name,
            shape if row.kind == "Conv2D" else f"{row.kind} {shape}",
            row.action if row.pruned else f"{row.action}: {_cause_and_remedy(row)[0]}",
            *([f"{row.weights:,}"] if is_wide else []),
            f"{row.kept:,}",
            _accelerated_cell(row),
        )
    return table


def _accelerated_cell(row: PlanRow) -> str:
    if not row.pruned:
        return ""
    answer = "yes" if row.accelerated else "no"
    return f"{answer}, {row.reason}" if row.reason else answer


def _cause_and_remedy(row: PlanRow) -> tuple[str, str]:
    cause, _, remedy = row.reason.partition("; ")
    return cause, remedy


def _remedies(rows: Sequence[PlanRow]) -> Iterator[str]:
    """Yields a sentence for each thing that would prune layers that are left dense."""
    causes: dict[str, dict[str, None]] = {}
    for row in rows:
        cause, remedy = _cause_and_remedy(row)
        if remedy and not row.pruned:
            causes.setdefault(remedy, {})[cause] = None
    for remedy, found in causes.items():
        sentence = f"{', '.join(found)}: {remedy}."
        yield sentence[0].upper() + sentence[1:]


def _plan_summary(rows: Sequence[PlanRow]) -> str:
    """Returns one sentence about all layers together."""
    pruned = [row for row in rows if row.pruned]
    weights, kept = sum(row.weights for row in pruned), sum(row.kept for row in pruned)
    compression = f", {weights / kept:.2f}x fewer weights in them" if kept else ""
    return (
        f"{len(pruned)} of {len(rows)} layers pruned{compression}; the delegate accelerates "
        f"{sum(row.accelerated for row in rows)}."
    )


def plot_patterns(library: Any, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draws a pattern library: every pattern, and how often the library keeps each weight.

    Args:
        library: What `patterns.get_library` accepts: a name, a library, its config, or masks of
            shape (patterns, 3, 3).
        path: File to write the picture to as well; its suffix sets the format.

    Returns:
        The matplotlib figure.

    Example:
        >>> figure = plot_patterns("scp8")
    """
    from matplotlib.figure import Figure

    library = get_library(library)
    masks = library.to_array()
    columns = min(len(library), _PATTERNS_PER_ROW)
    rows = -(-len(library) // columns)
    figure = Figure(figsize=(1.25 * (columns + 1), 1.4 * rows + 0.4), layout="constrained")
    figure.suptitle(
        f"{library.name}: {ENTRIES} of {SIDE * SIDE} weights", color=_TEXT_COLOUR, fontsize=12
    )
    cells = figure.subplots(rows, columns + 1, squeeze=False)
    for axes in cells.flat:
        axes.set(xlim=(-0.1, SIDE + 0.1), ylim=(SIDE + 0.6, 0), aspect="equal")
        axes.set_axis_off()
    for place, mask in enumerate(masks):
        axes = cells[divmod(place, columns)]
        _draw_cells(axes, mask.astype(float), _KEPT_COLOUR)
        _write(axes, SIDE / 2, SIDE + 0.35, str(place))
    total = masks.sum(axis=0, dtype=int)
    axes = cells[0, columns]
    _draw_cells(axes, total / total.max(), _SUM_COLOUR)
    _write(axes, SIDE / 2, SIDE + 0.35, "sum")
    for (row, column), count in np.ndenumerate(total):
        _write(axes, column + 0.5, row + 0.5, str(count))
    if path is not None:
        figure.savefig(path, dpi=160)
    return figure


def _draw_cells(axes: Axes, strength: npt.NDArray[np.float64], colour: str) -> None:
    """Draws 3x3 cells, from grey at strength 0 to the full colour at 1."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import FancyBboxPatch

    colours = LinearSegmentedColormap.from_list("strength", [_PRUNED_COLOUR, colour])
    for (row, column), value in np.ndenumerate(strength):
        axes.add_patch(
            FancyBboxPatch(
                (column + 0.1, row + 0.1),
                0.8,
                0.8,
                boxstyle="round,pad=0,rounding_size=0.14",
                facecolor=colours(value),
                edgecolor="none",
            )
        )


def _write(axes: Axes, x: float, y: float, text: str) -> None:
    axes.text(x, y, text, ha="center", va="center", color=_TEXT_COLOUR, fontsize=9)
