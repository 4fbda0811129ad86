"""Shows where the time of a model goes: a table of layers, of what runs between them, and sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich import box
from rich.table import Table

from tf_pconv.benchmark.profile import LayerTime, Profile

_TIMES = ("ms", "pack_ms", "multiply_ms", "store_ms")


def profile_table(name: str, profile: Profile, is_wide: bool) -> Table:
    """Returns a table with a row for each part of a model, and sums below.

    Args:
        name: Of the model.
        profile: Where its time goes.
        is_wide: Whether there is room for shapes and kernels.
    """
    title = f"{name}: {profile.ms:.3f} ms a run by the clock, mean of {profile.runs}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer, or what RUNTIME runs\nbetween layers", overflow="fold")
    for heading in ("output", "kernel") if is_wide else ():
        table.add_column(heading, no_wrap=True)
    for heading in ("share", "ms", "pack\nms", "multiply\nms", "store\nms"):
        table.add_column(heading, justify="right", no_wrap=True)

    def add(label: str, details: tuple[str, str], times: Iterable[float]) -> None:
        ms, *phases = times
        cells = [f"{100 * ms / profile.ms:.1f} %", *(f"{each:.3f}" for each in (ms, *phases))]
        table.add_row(label, *(details if is_wide else ()), *cells)

    for part in profile.parts:
        if isinstance(part, LayerTime):
            add(part.name, (_sides(part.output_shape), part.kernel), _times([part]))
        elif part.operators:
            add(f"RUNTIME: {_count(part.operators)}", ("", ""), [part.ms])
    table.add_section()
    for kernel, layers in _by_kernel(profile.layers).items():
        add(f"{len(layers)} layers" if is_wide else kernel, ("", kernel), _times(layers))
    add(f"all {len(profile.layers)} layers", ("", ""), _times(profile.layers))
    add("RUNTIME", ("", ""), [profile.runtime_ms])
    return table


def _by_kernel(layers: Iterable[LayerTime]) -> dict[str, list[LayerTime]]:
    kernels: dict[str, list[LayerTime]] = {}
    for layer in layers:
        kernels.setdefault(layer.kernel, []).append(layer)
    return kernels


def _times(layers: Iterable[LayerTime]) -> list[float]:
    rows = [[getattr(layer, name) for name in _TIMES] for layer in layers]
    return [sum(column) for column in zip(*rows, strict=True)] or [0.0] * len(_TIMES)


def _sides(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape[1:]))


def _count(kinds: Iterable[str]) -> str:
    """Names kinds of operators, such as `CONV_2D, 2 ADD`."""
    return ", ".join(
        kind if count == 1 else f"{count} {kind}" for kind, count in Counter(kinds).items()
    )
