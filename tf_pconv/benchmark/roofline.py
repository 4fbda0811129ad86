"""Draws layers under the roofs of the processor: what it multiplies and reads at best."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from tf_pconv.benchmark.results import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = "osD^vP*X"
_NAMED = 12
"""Layers that are named in the picture at most: those that take longest."""


@dataclasses.dataclass(frozen=True)
class _Point:
    """A layer: multiply-adds for each byte, in G/s, and its share of the time."""

    name: str
    intensity: float
    rate: float
    share: float

    def is_near(self, other: _Point) -> bool:
        """Whether names of both would overlap."""
        return (
            abs(math.log(self.intensity / other.intensity)) < 0.5
            and abs(math.log(self.rate / other.rate)) < 0.07
        )


def plot_roofline(
    comparisons: Sequence[Comparison], path: str | os.PathLike[str] | None = None, title: str = ""
) -> Figure:
    """Draws what each layer executes against what it executes for each byte.

    The bytes are those of its input, its output and its weights, each once. A layer cannot be above
    the roof of the place where these come from, nor above that of its instructions. The area of a
    point is the layer's share of the time.

    Args:
        comparisons: What was measured, with profiles.
        path: Where to write the picture as well; the suffix sets the format.
        title: Line above the picture.

    Returns:
        The matplotlib figure.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6.5), layout="constrained")
    axes = figure.subplots()
    groups = _groups(comparisons)
    points = [point for layers in groups.values() for point in layers]
    if points:
        _draw_layers(axes, groups)
        _draw_roofs(axes, comparisons, points)
        figure.legend(loc="outside lower center", ncols=1, fontsize=9)
    axes.set_xlabel("executed multiply-adds for each byte of input, output and weights")
    axes.set_ylabel("executed multiply-adds, G/s")
    axes.grid(which="major", alpha=0.3)
    axes.set_title(title)
    if path is not None:
        figure.savefig(path)
    return figure


def _groups(comparisons: Iterable[Comparison]) -> dict[str, list[_Point]]:
    """Returns the layers of each kernel of each comparison."""
    groups: dict[str, list[_Point]] = {}
    for comparison in comparisons:
        profile = comparison.profile
        if profile is None:
            continue
        for layer in profile.layers:
            executed = layer.operations.executed
            if not executed or not layer.ms:  # neither has a place on logarithmic axes
                continue
            point = _Point(
                layer.name, executed / layer.bytes, executed / layer.ms / 1e6, layer.ms / profile.ms
            )
            groups.setdefault(f"{comparison.name}: {layer.kernel}", []).append(point)
    return groups


def _draw_layers(axes: Axes, groups: Mapping[str, Sequence[_Point]]) -> None:
    for number, (label, points) in enumerate(groups.items()):
        share = 100 * sum(point.share for point in points)
        axes.scatter(
            [point.intensity for point in points],
            [point.rate for point in points],
            s=[20 + 1500 * point.share for point in points],
            marker=_MARKERS[number % len(_MARKERS)],
            alpha=0.6,
            linewidths=0,
            label=f"{label}, {len(points)} layers, {share:.0f} % of the time",
        )
    named: list[_Point] = []
    every = [point for points in groups.values() for point in points]
    for point in sorted(every, key=lambda point: -point.share):
        if len(named) < _NAMED and not any(point.is_near(other) for other in named):
            named.append(point)
            axes.annotate(
                point.name,
                (point.intensity, point.rate),
                (6, 4),
                textcoords="offset points",
                fontsize=7,
            )


def _draw_roofs(axes: Axes, comparisons: Iterable[Comparison], points: Sequence[_Point]) -> None:
    """Draws the highest roofs that were measured, where there are points below them."""
    multiplies: dict[str, float] = {}
    reads: dict[str, float] = {}
    for comparison in comparisons:
        for kernel, rate in comparison.peaks.multiply_adds.items():
            numbers, *_, instructions = kernel.split("-")
            name = f"{'int8' if numbers == 'qs8' else 'float32'} {instructions}"
            multiplies[name] = max(multiplies.get(name, 0.0), comparison.threads * rate / 1e9)
        for place, rate in comparison.peaks.reads.items():
            reads[place] = max(reads.get(place, 0.0), comparison.threads * rate / 1e9)
    top = max([*multiplies.values(), *(point.rate for point in points)])
    left = min(point.intensity for point in points) / 2
    right = max(point.intensity for point in points) * 2
    bottom = min(point.rate for point in points) / 2
    axes.set(xscale="log", yscale="log", xlim=(left, right), ylim=(bottom, 1.5 * top))
    from matplotlib.ticker import LogLocator, NullLocator

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    for name, rate in _distinct(multiplies):
        axes.axhline(rate, color="black", linewidth=1)
        axes.text(right, rate, f"{name}: {rate:.0f} G/s ", ha="right", va="bottom", fontsize=8)
    for name, rate in _distinct(reads):
        first, last = max(left, bottom / rate), min(right, top / rate)
        if first < last:
            axes.plot([first, last], [first * rate, last * rate], color="gray", linestyle="--")
            axes.text(
                first,
                first * rate,
                f"   from {name}: {rate:.0f} GB/s",
                va="bottom",
                rotation=math.degrees(math.atan(rate)),
                rotation_mode="anchor",
                transform_rotates_text=True,
                fontsize=8,
            )


def _distinct(roofs: Mapping[str, float]) -> list[tuple[str, float]]:
    """Returns roofs by their heights, those of much the same height as one."""
    merged: list[tuple[str, float]] = []
    for name, rate in sorted(roofs.items(), key=lambda roof: roof[1]):
        if merged and rate < 1.1 * merged[-1][1]:
            merged[-1] = (f"{merged[-1][0]}, {name}", rate)
        else:
            merged.append((name, rate))
    return merged
