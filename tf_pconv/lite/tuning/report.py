"""What was tuned, as data and as a table."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tf_pconv.lite.tuning.tuning_file import TunedLayer
from tf_pconv.text_table import columns, to_text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.table import Table

_WIDTH = 120
"""Columns of a printed report, where the terminal has them."""


@dataclasses.dataclass(frozen=True)
class LayerTuning:
    """What was measured of the convolutions of a model that run alike.

    Attributes:
        names: Their names.
        signature: How tuning files call them.
        default_kernel: Name of the kernel that runs them untuned.
        tuned: The choices, and the gain over dense XNNPACK.
        milliseconds: Median time of an invocation with them; None where the file knew already.
        improvement: Median of the ratios untuned / tuned; 1 where the delegate's own choices stay;
            None where the file knew already.
    """

    names: tuple[str, ...]
    signature: str
    default_kernel: str
    tuned: TunedLayer
    milliseconds: float | None = None
    improvement: float | None = None


@dataclasses.dataclass(frozen=True)
class TuningReport:
    """The convolutions of a model; prints as a table.

    Attributes:
        path: The tuning file.
        layers: The different convolutions, in the order of the model.
        reasons: For each convolution that was not tuned, why.
    """

    path: pathlib.Path
    layers: tuple[LayerTuning, ...]
    reasons: dict[str, str]

    @property
    def title(self) -> str:
        """The report in one line."""
        measured = [layer for layer in self.layers if layer.improvement is not None]
        changed = sum(bool(str(layer.tuned.choices)) for layer in measured)
        known = len(self.layers) - len(measured)
        return (
            f"{len(measured)} different convolutions measured, {changed} of them run otherwise now"
            + (f"; {known} more were known" if known else "")
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | str]:
        """Yields the table for `rich`."""
        del console, options
        yield _table(self)
        if self.reasons:
            yield f"Not tuned: {', '.join(self.reasons)}; `tf-pconv inspect` says why."

    def __str__(self) -> str:
        """Returns the table as plain text."""
        return to_text(self, width=columns(_WIDTH))


def _table(report: TuningReport) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=report.title, title_justify="left")
    table.add_column("convolutions", overflow="fold", max_width=30)
    table.add_column("default", overflow="fold")
    table.add_column("chosen", overflow="fold")
    for heading in ("ms", "faster than\ndefault", "faster than\ndense"):
        table.add_column(heading, justify="right", no_wrap=True)
    for layer in report.layers:
        gain = layer.tuned.gain
        table.add_row(
            ", ".join(layer.names),
            layer.default_kernel,
            str(layer.tuned.choices).replace(" ", "\n") or "default",
            "" if layer.milliseconds is None else f"{layer.milliseconds:.3f}",
            "known" if layer.improvement is None else f"{layer.improvement:.3f}x",
            "" if gain is None else f"{gain:.2f}x",
        )
    return table
