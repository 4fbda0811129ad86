"""Shows where the time of a model goes: a table of layers, of what runs between them, and sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table

from tf_pconv.benchmark.profile import LayerTime, Profile
from tf_pconv.benchmark.results import Comparison

_TIMES = ("ms", "pack_ms", "multiply_ms", "store_ms")

WITH_SHAPES = 96
"""Columns from which there is room for the shapes of outputs."""

WITH_KERNELS = 132
"""Columns from which there is room for the kernel of each layer."""


def profile_table(comparison: Comparison, profile: Profile, width: int) -> Table:
    """Returns a table with a row for each part of a model, and sums below.

    Args:
        comparison: What was measured.
        profile: Where its time goes.
        width: Columns there is room for.
    """
    title = f"{comparison.name}: {profile.ms:.3f} ms a run by the clock, mean of {profile.runs}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer, or what RUNTIME runs\nbetween layers", overflow="fold")
    has_shapes, has_kernels = width >= WITH_SHAPES, width >= WITH_KERNELS
    if has_shapes:
        table.add_column("output", no_wrap=True)
    if has_kernels:
        table.add_column("kernel", no_wrap=True)
    headings = (
        "share",
        "ms",
        "pack\nms",
        "multiply\nms",
        "store\nms",
        "executed\nG/s",
        "of the\npeak",
    )
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)

    def add(label: str, cells: Iterable[str], shape: str = "", kernel: str = "") -> None:
        details = [*([shape] if has_shapes else []), *([kernel] if has_kernels else [])]
        table.add_row(label, *details, *cells)

    for part in profile.parts:
        if isinstance(part, LayerTime):
            cells = _cells(comparison, profile, [part])
            add(part.name, cells, "x".join(map(str, part.output_shape[1:])), part.kernel)
        elif part.operators:
            add(f"RUNTIME: {_count(part.operators)}", _times(profile, [part.ms]))
    table.add_section()
    for kernel, layers in _by_kernel(profile.layers).items():
        label = f"{len(layers)} layers" if has_kernels else kernel
        add(label, _cells(comparison, profile, layers), kernel=kernel)
    add(f"all {len(profile.layers)} layers", _cells(comparison, profile, profile.layers))
    add("RUNTIME", _times(profile, [profile.runtime_ms]))
    return table


def _cells(
    comparison: Comparison, profile: Profile, layers: Sequence[LayerTime]
) -> tuple[str, ...]:
    """Returns the times of layers together, what they execute, and its share of the peak."""
    times = _times(profile, [sum(getattr(each, name) for each in layers) for name in _TIMES])
    seconds = 1e-3 * sum(layer.ms for layer in layers)
    if seconds == 0:
        return times
    working = [layer for layer in layers if layer.operations.executed > 0]
    if not working:
        return times
    executed = sum(layer.operations.executed for layer in working)
    # What the peaks would need; nothing where one is not known.
    peaks = [comparison.peaks.multiply_adds.get(layer.kernel) for layer in working]
    least = sum(
        layer.operations.executed / peak
        for layer, peak in zip(working, peaks, strict=True)
        if peak is not None
    )
    share = f"{100 * least / comparison.threads / seconds:.1f} %" if all(peaks) else ""
    return (*times, f"{executed / seconds / 1e9:.1f}", share)


def _times(profile: Profile, times: Sequence[float]) -> tuple[str, ...]:
    return (f"{100 * times[0] / profile.ms:.1f} %", *(f"{each:.3f}" for each in times))


def _by_kernel(layers: Iterable[LayerTime]) -> dict[str, list[LayerTime]]:
    kernels: dict[str, list[LayerTime]] = {}
    for layer in layers:
        kernels.setdefault(layer.kernel, []).append(layer)
    return kernels


def _count(kinds: Iterable[str]) -> str:
    """Names kinds of operators, such as `CONV_2D, 2 ADD`."""
    return ", ".join(
        kind if count == 1 else f"{count} {kind}" for kind, count in Counter(kinds).items()
    )
