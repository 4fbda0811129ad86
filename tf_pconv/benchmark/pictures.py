"""Draws what benchmarks measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tf_pconv.benchmark.results import Comparison, Rival

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_speedups(
    comparisons: Sequence[Comparison], path: str | os.PathLike[str] | None = None, title: str = ""
) -> Figure:
    """Draws the speed-up of each measurement over each engine, with its interval.

    Args:
        comparisons: What was measured.
        path: Where to write the picture as well; the suffix sets the format.
        title: Line above the bars.

    Returns:
        The matplotlib figure.
    """
    from matplotlib.figure import Figure

    engines = list(dict.fromkeys(_label(rival) for each in comparisons for rival in each.rivals))
    figure = Figure(
        figsize=(8, 1.4 + len(comparisons) * (0.15 + 0.22 * len(engines))), layout="constrained"
    )
    axes = figure.subplots()
    height = 0.85 / max(1, len(engines))
    for number, engine in enumerate(engines):
        rivals = [
            (place, rival)
            for place, comparison in enumerate(comparisons)
            for rival in comparison.rivals
            if _label(rival) == engine
        ]
        offset = height * (number - (len(engines) - 1) / 2)
        bars = axes.barh(
            [place + offset for place, _ in rivals],
            [rival.speedup for _, rival in rivals],
            height,
            xerr=[
                [rival.speedup - rival.speedup_low for _, rival in rivals],
                [rival.speedup_high - rival.speedup for _, rival in rivals],
            ],
            label=engine,
        )
        labels = [f"{rival.speedup:.1f}x" for _, rival in rivals]
        axes.bar_label(bars, labels=labels, padding=6, fontsize=8)
    axes.set_yticks(range(len(comparisons)), [comparison.name for comparison in comparisons])
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel("times faster than the same weights dense")
    if len(engines) > 1:
        figure.legend(loc="outside lower center", ncols=3)
    axes.set_title(title)
    if path is not None:
        figure.savefig(path)
    return figure


def plot_compressions(
    comparisons: Sequence[Comparison], path: str | os.PathLike[str] | None = None, title: str = ""
) -> Figure:
    """Draws speed-up against compression, a line for each layer or network and engine.

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
        for rival in comparison.rivals:
            line = f"{case.subject} {case.dtype} group {case.group_size} over {_label(rival)}"
            lines.setdefault(line, []).append((case.compression, rival.speedup))
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots()
    for label, points in lines.items():
        axes.plot(*zip(*sorted(points), strict=True), marker="o", label=label)
    limit = max(compression for points in lines.values() for compression, _ in points)
    axes.plot([1, limit], [1, limit], color="black", linestyle=":", label="as many times as fewer")
    axes.set_xlabel("compression (weights before over weights after)")
    axes.set_ylabel("times faster than the same weights dense")
    figure.legend(loc="outside lower center", ncols=2)
    axes.set_title(title)
    if path is not None:
        figure.savefig(path)
    return figure


def _label(rival: Rival) -> str:
    return f"{rival.engine} ({rival.numbers})"
