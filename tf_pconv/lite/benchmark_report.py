"""Shows what benchmarks measured: a table, JSON, a picture."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from tf_pconv.lite.benchmark import Comparison
from tf_pconv.lite.suites import FIRST_LAYER
from tf_pconv.text_table import columns, to_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 100
"""Columns of what is printed, where the terminal has them."""


def print_results(
    comparisons: Sequence[Comparison], machine: Mapping[str, str], title: str = ""
) -> None:
    """Prints the table of the measurements, means, the kernels that ran and the machine."""
    kernels = dict.fromkeys(name for comparison in comparisons for name in comparison.kernels)
    facts = [
        f"kernels: {', '.join(kernels)}",
        *(f"{key}: {value}" for key, value in machine.items()),
    ]
    parts = [_to_table(comparisons, title), *summaries(comparisons), "; ".join(facts)]
    print(to_text(*parts, width=columns(_WIDTH)))


def summaries(comparisons: Sequence[Comparison]) -> list[str]:
    """Returns the geometric mean and the worst speed-up of each configuration, a line each.

    A first layer, which plans leave dense, is no part of them.
    """
    by_configuration: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        case = comparison.case
        if case is not None and getattr(case, "label", "") != FIRST_LAYER:
            by_configuration.setdefault(case.configuration, []).append(comparison)
    lines = []
    for configuration, members in by_configuration.items():
        if len(members) > 1:
            mean = statistics.geometric_mean(member.speedup for member in members)
            worst = min(members, key=lambda member: member.speedup)
            assert worst.case is not None
            lines.append(
                f"{configuration}: geometric mean of {len(members)} {mean:.2f}x, "
                f"worst {worst.speedup:.2f}x ({worst.case.subject})"
            )
    return lines


def to_json(machine: Mapping[str, str], comparisons: Sequence[Comparison]) -> str:
    """Returns the machine and every field of every measurement as JSON."""
    document = {
        "machine": dict(machine),
        "results": [dataclasses.asdict(comparison) for comparison in comparisons],
    }
    return json.dumps(document, indent=2) + "\n"


def plot_speedups(
    comparisons: Sequence[Comparison], path: str | os.PathLike[str] | None = None, title: str = ""
) -> Figure:
    """Draws the speed-up of each measurement with its interval.

    Args:
        comparisons: What was measured.
        path: Where to write the picture as well; the suffix sets the format.
        title: Line above the bars.

    Returns:
        The matplotlib figure.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1 + 0.35 * len(comparisons)), layout="constrained")
    axes = figure.subplots()
    speedups = [comparison.speedup for comparison in comparisons]
    errors = [
        [comparison.speedup - comparison.speedup_low for comparison in comparisons],
        [comparison.speedup_high - comparison.speedup for comparison in comparisons],
    ]
    bars = axes.barh([comparison.name for comparison in comparisons], speedups, xerr=errors)
    axes.bar_label(bars, labels=[f"{speedup:.1f}x" for speedup in speedups], padding=6)
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel("times faster than dense XNNPACK")
    axes.set_title(title)
    if path is not None:
        figure.savefig(path)
    return figure


def plot_compressions(
    comparisons: Sequence[Comparison], path: str | os.PathLike[str] | None = None, title: str = ""
) -> Figure:
    """Draws speed-up against compression, a line for each layer or network.

    Args:
        comparisons: What was measured, with cases.
        path: Where to write the picture as well; the suffix sets the format.
        title: Line above the picture.

    Returns:
        The matplotlib figure.
    """
    from matplotlib.figure import Figure

    lines: dict[str, list[tuple[float, float]]] = {}
    for comparison in comparisons:
        case = comparison.case
        assert case is not None
        line = f"{case.subject} {case.dtype} group {case.group_size}"
        lines.setdefault(line, []).append((case.compression, comparison.speedup))
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots()
    for label, points in lines.items():
        axes.plot(*zip(*sorted(points), strict=True), marker="o", label=label)
    limit = max(compression for points in lines.values() for compression, _ in points)
    axes.plot([1, limit], [1, limit], color="black", linestyle=":", label="as many times as fewer")
    axes.set_xlabel("compression (weights before over weights after)")
    axes.set_ylabel("times faster than dense XNNPACK")
    axes.legend()
    axes.set_title(title)
    if path is not None:
        figure.savefig(path)
    return figure


def _to_table(comparisons: Sequence[Comparison], title: str) -> Table:
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer or model", overflow="fold")
    headings = ("delegate\n(ms)", "dense\n(ms)", "speed-\nup", "95 %\ninterval", "nodes\ntaken")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for comparison in comparisons:
        table.add_row(
            comparison.name,
            f"{comparison.delegate_ms:.3f}",
            f"{comparison.dense_ms:.3f}",
            f"{comparison.speedup:.2f}x",
            f"{comparison.speedup_low:.2f}-{comparison.speedup_high:.2f}",
            f"{comparison.delegated} of {comparison.nodes}",
        )
    return table
