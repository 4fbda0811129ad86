"""Shows what benchmarks measured: a table, means, JSON."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.table import Table

from tf_pconv.benchmark.profile_report import profile_table
from tf_pconv.benchmark.results import Comparison, Rival
from tf_pconv.benchmark.suites import FIRST_LAYER
from tf_pconv.text_table import columns, to_text

_WIDTH = 140
"""Columns of what is printed, where the terminal has them."""

_WIDE = 110
"""Columns below which the table leaves out intervals and differences, which --json has."""


_RATES = ("dense_rate", "executed_rate", "share_of_peak")
"""Properties of a comparison that are figures."""


def print_results(
    comparisons: Sequence[Comparison], machine: Mapping[str, str], title: str = ""
) -> None:
    """Prints the table of the measurements, means, who did not run, the kernels, the machine."""
    kernels = dict.fromkeys(name for comparison in comparisons for name in comparison.kernels)
    facts = [
        f"kernels: {', '.join(kernels) or 'none'}",
        *(f"{key}: {value}" for key, value in machine.items()),
        *_versions(comparisons),
    ]
    width = columns(_WIDTH)
    tables = [
        _to_table(comparisons, title, is_wide=width >= _WIDE),
        _operations_table(comparisons),
    ]
    if any(comparison.delegate_footprint for comparison in comparisons):
        tables.append(_footprint_table(comparisons))
    for comparison in comparisons:
        if comparison.profile:
            tables.append(profile_table(comparison, comparison.profile, width))
    lines = [*summaries(comparisons), *_absences(comparisons), "; ".join(facts)]
    print(to_text(*tables, *lines, width=width))


def summaries(comparisons: Sequence[Comparison]) -> list[str]:
    """Returns the geometric mean and the worst speed-up over each engine, a line each.

    They are of one configuration each. Where several dense int8 engines ran, the fastest of them
    has a line too. A first layer, which plans leave dense, is no part of them.
    """
    members: dict[str, list[tuple[str, float]]] = {}
    for comparison in comparisons:
        case = comparison.case
        if case is None or getattr(case, "label", "") == FIRST_LAYER:
            continue
        for label, rival in _labelled(comparison):
            line = f"{case.configuration}, over {label}"
            members.setdefault(line, []).append((case.subject, rival.speedup))
    lines = []
    for line, speedups in members.items():
        if len(speedups) > 1:
            mean = statistics.geometric_mean(speedup for _, speedup in speedups)
            subject, worst = min(speedups, key=lambda pair: pair[1])
            lines.append(
                f"{line}: geometric mean of {len(speedups)} {mean:.2f}x, "
                f"worst {worst:.2f}x ({subject})"
            )
    return lines


def to_json(machine: Mapping[str, str], comparisons: Sequence[Comparison]) -> str:
    """Returns the machine, and every field of every measurement and its rates, as JSON."""
    document = {
        "machine": dict(machine),
        "results": [
            {**dataclasses.asdict(each), **{name: getattr(each, name) for name in _RATES}}
            for each in comparisons
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _labelled(comparison: Comparison) -> Iterator[tuple[str, Rival]]:
    for rival in comparison.rivals:
        yield f"{rival.engine} ({rival.numbers})", rival
    fastest = comparison.fastest("int8")
    if fastest and sum(rival.numbers == "int8" for rival in comparison.rivals) > 1:
        yield "the fastest dense int8", fastest


def _versions(comparisons: Sequence[Comparison]) -> list[str]:
    versions = {
        rival.engine: rival.version for comparison in comparisons for rival in comparison.rivals
    }
    return [f"{engine}: {version}" for engine, version in versions.items()]


def _absences(comparisons: Sequence[Comparison]) -> list[str]:
    """Returns who did not run and why, each reason once."""
    where: dict[str, list[str]] = {}
    for comparison in comparisons:
        for absentee in comparison.absentees:
            line = f"{absentee.engine} did not run: {absentee.reason}"
            where.setdefault(line, []).append(comparison.name)
    return [
        line if len(names) == len(comparisons) else f"{line} ({', '.join(names)})"
        for line, names in where.items()
    ]


def _to_table(comparisons: Sequence[Comparison], title: str, is_wide: bool) -> Table:
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer or model", overflow="fold")
    for heading in ("nodes\ntaken", "delegate\n(ms)"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("dense engine", no_wrap=True)
    table.add_column("type", no_wrap=True)
    details = ("95 %\ninterval", "exact", "differs\nby") if is_wide else ()
    for heading in ("(ms)", "speed-\nup", *details):
        table.add_column(heading, justify="right", no_wrap=True)
    for comparison in comparisons:
        first = (
            comparison.name,
            f"{comparison.delegated} of {comparison.nodes}",
            f"{comparison.delegate_ms:.3f}",
        )
        if not comparison.rivals:
            table.add_row(*first)
        for place, rival in enumerate(comparison.rivals):
            table.add_row(*(first if place == 0 else ("", "", "")), *_cells(rival, is_wide))
    return table


def _operations_table(comparisons: Sequence[Comparison]) -> Table:
    title = "Multiply-adds: dense-equivalent, and those that the delegate's file executes"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer or model", overflow="fold")
    for heading in ("dense\nM", "executed\nM", "dense\nG/s", "executed\nG/s", "of the\npeak"):
        table.add_column(heading, justify="right", no_wrap=True)
    for comparison in comparisons:
        share = comparison.share_of_peak
        table.add_row(
            comparison.name,
            f"{comparison.operations.dense / 1e6:.1f}",
            f"{comparison.operations.executed / 1e6:.1f}",
            f"{comparison.dense_rate / 1e9:.1f}",
            f"{comparison.executed_rate / 1e9:.1f}",
            "" if share is None else f"{100 * share:.1f} %",
        )
    return table


def _footprint_table(comparisons: Sequence[Comparison]) -> Table:
    title = "Loading and memory: with the delegate, and dense in XNNPACK alone"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer or model", overflow="fold")
    for what in ("load (ms)", "peak (MB)", "running (MB)"):
        for side in ("delegate", "dense"):
            table.add_column(f"{side}\n{what}", justify="right", no_wrap=True)
    for comparison in comparisons:
        sides = (comparison.delegate_footprint, comparison.dense_footprint)
        table.add_row(
            comparison.name,
            *(f"{side.load_ms:.1f}" for side in sides if side),
            *(f"{side.peak_bytes / 1e6:.1f}" for side in sides if side),
            *(f"{side.running_bytes / 1e6:.1f}" for side in sides if side),
        )
    return table


def _cells(rival: Rival, is_wide: bool) -> tuple[str, ...]:
    cells = (rival.engine, rival.numbers, f"{rival.ms:.3f}", f"{rival.speedup:.2f}x")
    if not is_wide:
        return cells
    difference = rival.largest_difference
    return (
        *cells,
        f"{rival.speedup_low:.2f}-{rival.speedup_high:.2f}",
        {True: "yes", False: "no", None: ""}[rival.exact],
        "" if difference is None else f"{difference:.2g}",
    )
