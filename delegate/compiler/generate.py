"""Writes generated kernel sources: `generate.py <family> <target | table>`.

Families are those of `FAMILIES`; the source goes to standard output.
"""

from __future__ import annotations

import sys

import depthwise_kernels
import elementwise_kernels
import float_depthwise_kernels
import float_kernels
import gemv_kernels
import int8_kernels
import pointwise_kernels
import pool_kernels
import stem_kernels
import unary_kernels
from kernel_list import (
    DEPTHWISE_KERNELS,
    ELEMENTWISE_KERNELS,
    FLOAT_DEPTHWISE_KERNELS,
    FLOAT_GEMV_KERNELS,
    FLOAT_KERNELS,
    FLOAT_POINTWISE_KERNELS,
    FLOAT_STEM_KERNELS,
    GEMV_KERNELS,
    INT8_KERNELS,
    POINTWISE_KERNELS,
    POOL_KERNELS,
    STEM_KERNELS,
    UNARY_KERNELS,
)
from sources import Family, kernel_source, table_source
from targets import TARGETS

FAMILIES = {
    family.name: family
    for family in (
        Family(
            "depthwise",
            DEPTHWISE_KERNELS,
            depthwise_kernels.functions,
            depthwise_kernels.members,
            sizes=("side", "channels"),
        ),
        Family(
            "elementwise",
            ELEMENTWISE_KERNELS,
            elementwise_kernels.functions,
            elementwise_kernels.members,
            sizes=("bytes",),
        ),
        Family("float", FLOAT_KERNELS, float_kernels.functions, float_kernels.members),
        Family(
            "float_depthwise",
            FLOAT_DEPTHWISE_KERNELS,
            float_depthwise_kernels.functions,
            float_depthwise_kernels.members,
            folder="depthwise",
            sizes=("side", "channels", "rows"),
        ),
        Family(
            "float_pointwise",
            FLOAT_POINTWISE_KERNELS,
            float_kernels.functions,
            float_kernels.members,
            interface="float",
        ),
        Family(
            "float_gemv",
            FLOAT_GEMV_KERNELS,
            gemv_kernels.functions,
            gemv_kernels.members,
            interface="gemv",
        ),
        Family(
            "float_stem",
            FLOAT_STEM_KERNELS,
            stem_kernels.functions,
            stem_kernels.members,
            interface="stem",
            sizes=(),
        ),
        Family("gemv", GEMV_KERNELS, gemv_kernels.functions, gemv_kernels.members),
        Family("int8", INT8_KERNELS, int8_kernels.functions, int8_kernels.members),
        Family(
            "pointwise",
            POINTWISE_KERNELS,
            pointwise_kernels.functions,
            pointwise_kernels.members,
        ),
        Family(
            "pool", POOL_KERNELS, pool_kernels.functions, pool_kernels.members, sizes=("bytes",)
        ),
        Family("stem", STEM_KERNELS, stem_kernels.functions, stem_kernels.members, sizes=()),
        Family(
            "unary",
            UNARY_KERNELS,
            unary_kernels.functions,
            unary_kernels.members,
            sizes=("bytes",),
        ),
    )
}


def main(argv: list[str]) -> None:
    """Writes one source file."""
    parts = [*TARGETS, "table"]
    if len(argv) != 3 or argv[1] not in FAMILIES or argv[2] not in parts:
        sys.exit(f"usage: generate.py {'|'.join(FAMILIES)} {'|'.join(parts)}; got {argv[1:]}")
    family, part = FAMILIES[argv[1]], argv[2]
    if part == "table":
        sys.stdout.write(table_source(family))
    else:
        sys.stdout.write(kernel_source(family, TARGETS[part]))


if __name__ == "__main__":
    main(sys.argv)
