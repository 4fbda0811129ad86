"""What the convolutions of a `.tflite` file are, as data and as a table."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_pconv.lite.convolutions import (
    FULLY_CONNECTED,
    PCONV_2D,
    Convolution,
    find_convolutions,
)
from tf_pconv.lite.flatbuffer import load, parse
from tf_pconv.lite.pattern_weights import PatternWeights
from tf_pconv.text_table import columns, to_text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.table import Table

TABLE_WIDTH = 120
"""Columns of a printed report, where the terminal has them."""

WIDE = 100
"""Columns below which a report leaves out operators, types and dense sizes."""

_OPERATION = re.compile(r"/(convolution|conv2d|depthwise)\w*$", re.IGNORECASE)
"""What the converter adds to the name of a layer."""

_ITEM_BYTES = {"INT4": 0.5, "FLOAT16": 2, "FLOAT32": 4}


@dataclasses.dataclass(frozen=True)
class ConvolutionReport:
    """One convolution or fully-connected layer of a file.

    Attributes:
        name: Name of its weights.
        subgraph: Index of its subgraph.
        operator: `CONV_2D`, `FULLY_CONNECTED`, either behind `DENSIFY + `, `DEPTHWISE_CONV_2D` or
            `PConv2D`.
        type: Type of its activations: `float32`, `int8`...
        shape: Dense shape of its weights: filters, height, width, channels; of fully-connected
            layers filters and channels.
        stride: Height and width.
        group_size: Filters that share patterns and connectivity; None without patterns.
        patterns: Number of patterns; None without patterns.
        sparsity: Share of zeros among the dense weights; None where they are not constant.
        dense_bytes: Size of the dense weights.
        stored_bytes: Size of the weights in the file.
        delegate: `always` (PConv2D), `where faster` (a layer that also runs without) or `never`.
        reason: Why `never`, or why it was not packed; empty otherwise.
    """

    name: str
    subgraph: int
    operator: str
    type: str
    shape: tuple[int, ...]
    stride: tuple[int, int]
    group_size: int | None
    patterns: int | None
    sparsity: float | None
    dense_bytes: int
    stored_bytes: int
    delegate: str
    reason: str

    @property
    def packed(self) -> bool:
        """Whether the weights are stored as FKW."""
        return self.operator == PCONV_2D


@dataclasses.dataclass(frozen=True)
class ModelReport:
    """The convolutions and fully-connected layers of a file; prints as a table.

    Attributes:
        convolutions: One entry for each, in the order of the file.
        file_bytes: Size of the file.
        unpacked_bytes: Size before packing; None where the file was not packed just now.
    """

    convolutions: tuple[ConvolutionReport, ...]
    file_bytes: int
    unpacked_bytes: int | None = None

    @property
    def packed(self) -> tuple[ConvolutionReport, ...]:
        """The convolutions that are stored as FKW."""
        return tuple(row for row in self.convolutions if row.packed)

    @property
    def title(self) -> str:
        """The report in one line."""
        rows, size = self.convolutions, format_bytes(self.file_bytes)
        if self.unpacked_bytes is not None:
            return (
                f"{len(self.packed)} of {len(rows)} layers packed, "
                f"{format_bytes(self.unpacked_bytes)} -> {size}"
            )
        follow = sum(row.patterns is not None for row in rows)
        return (
            f"{follow} of {len(rows)} layers follow patterns, {len(self.packed)} are packed, {size}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as plain data, ready for `json.dumps`."""
        return dataclasses.asdict(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        """Yields the table for `rich`."""
        del console
        yield _table(self, is_wide=options.max_width >= WIDE)

    def __str__(self) -> str:
        """Returns the table as plain text."""
        return to_text(self, width=columns(TABLE_WIDTH))


def inspect(model: bytes | str | os.PathLike) -> ModelReport:
    """Says of each layer of a `.tflite` whether it follows patterns and is accelerated.

    Args:
        model: The bytes of any `.tflite`, packed or not, or its path.

    Returns:
        The report; `print` shows a table.

    Raises:
        ValueError: Not a readable TFLite file.

    Example:
        >>> report = tf_pconv.lite.inspect("model.tflite")
        >>> print(report)
        >>> [row.reason for row in report.convolutions if row.delegate == "never"]
        ['3 of 1,024 kernels keep more than 4 weights']
    """
    data = load(model)
    return report_convolutions(find_convolutions(parse(data)), len(data))


def report_convolutions(
    convolutions: Iterable[Convolution], file_bytes: int, unpacked_bytes: int | None = None
) -> ModelReport:
    """Returns the report of convolutions that were found in a model."""
    return ModelReport(tuple(map(_report, convolutions)), file_bytes, unpacked_bytes)


def _report(convolution: Convolution) -> ConvolutionReport:
    patterns = convolution.patterns
    types, shape = convolution.types, convolution.shape
    if patterns is None:
        item_bytes = _ITEM_BYTES.get(types[1], 1)
        delegate = "never" if convolution.reason else "where faster"
    else:
        item_bytes = patterns.values.itemsize
        delegate = "always" if convolution.kind == PCONV_2D else "where faster"
    return ConvolutionReport(
        name=convolution.name,
        subgraph=convolution.subgraph,
        operator=convolution.kind,
        type=types[0].lower(),
        shape=shape[::3] if convolution.builtin == FULLY_CONNECTED else shape,
        stride=convolution.stride,
        group_size=None if patterns is None else patterns.group_size,
        patterns=None if patterns is None else len(patterns.patterns),
        sparsity=_sparsity(convolution.dense, patterns),
        dense_bytes=math.ceil(math.prod(shape) * item_bytes),
        stored_bytes=convolution.stored_bytes,
        delegate=delegate,
        reason=convolution.reason,
    )


def _sparsity(dense: np.ndarray | None, patterns: PatternWeights | None) -> float | None:
    if dense is not None:
        return 1 - np.count_nonzero(dense) / max(1, dense.size)
    if patterns is not None:
        return 1 - np.count_nonzero(patterns.values) / math.prod(patterns.dense_shape)
    return None


def _table(report: ModelReport, is_wide: bool) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=report.title, title_justify="left")
    table.add_column("layer", overflow="fold")
    if is_wide:
        table.add_column("operator", overflow="fold", max_width=17)
        table.add_column("type", no_wrap=True)
    for header in ("shape", "group", "zeros", *(("dense",) if is_wide else ()), "stored"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("delegate", overflow="fold")
    names = layer_names([row.name for row in report.convolutions])
    for name, row in zip(names, report.convolutions, strict=True):
        table.add_row(
            name,
            *((row.operator, row.type) if is_wide else ()),
            "x".join(map(str, row.shape)) + (f" /{row.stride[0]}" if max(row.stride) > 1 else ""),
            "" if row.group_size is None else str(row.group_size),
            "" if row.sparsity is None else f"{100 * row.sparsity:.1f} %",
            *((format_bytes(row.dense_bytes),) if is_wide else ()),
            format_bytes(row.stored_bytes),
            f"{row.delegate}: {row.reason}" if row.reason else row.delegate,
        )
    return table


def layer_names(tensors: list[str]) -> list[str]:
    """Names layers after their weights: `vgg_1/conv2d_1/convolution;...` is `conv2d_1`.

    The model's name goes where all share it. Names that would not tell layers apart stay whole.
    """
    names = [_OPERATION.sub("", tensor.partition(";")[0]) for tensor in tensors]
    models = {name.partition("/")[0] if "/" in name else "" for name in names}
    if len(models) == 1:
        names = [name.partition("/")[2] or name for name in names]
    return names if len(set(names)) == len(set(tensors)) else tensors


def format_bytes(count: int) -> str:
    """Returns a size for people, such as `1.21 MB`."""
    if count < 1000:
        return f"{count} B"
    unit, size = ("kB", count / 1e3) if count < 1e6 else ("MB", count / 1e6)
    return f"{size:.2f} {unit}" if size < 10 else f"{size:.1f} {unit}"
