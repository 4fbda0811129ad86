"""Writes generated kernel sources: `generate.py <family> <target | table>`.

Families are `int8` and `float`; the source goes to standard output.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType

import float_kernels
import int8_kernels
from kernel_list import FLOAT_KERNELS, INT8_KERNELS, FloatKernel, Int8Kernel
from targets import TARGETS

# The emitter of each family and its part of the list.
FAMILIES: dict[str, tuple[ModuleType, Sequence[Int8Kernel | FloatKernel]]] = {
    "float": (float_kernels, FLOAT_KERNELS),
    "int8": (int8_kernels, INT8_KERNELS),
}


def main(argv: list[str]) -> None:
    """Writes one source file."""
    outputs = [*TARGETS, "table"]
    if len(argv) != 3 or argv[1] not in FAMILIES or argv[2] not in outputs:
        sys.exit(f"usage: generate.py {'|'.join(FAMILIES)} {'|'.join(outputs)}; got {argv[1:]}")
    emitter, kernels = FAMILIES[argv[1]]
    if argv[2] == "table":
        sys.stdout.write(emitter.emit_table(kernels))
        return
    target = TARGETS[argv[2]]
    chosen = [kernel for kernel in kernels if kernel.target is target]
    if chosen:  # an empty file otherwise: not every family uses every target
        sys.stdout.write(emitter.emit_kernels(target, chosen))


if __name__ == "__main__":
    main(sys.argv)
