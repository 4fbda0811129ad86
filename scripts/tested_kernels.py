"""Says which kernels the Bazel tests ran, and how: as they are, or on emulated instructions.

`bazel test` is silent about what passes; its logs hold a test for each kernel of the lists, whose
name ends in `_native` or `_emulated`.

    python scripts/tested_kernels.py bazel-testlogs
"""

from __future__ import annotations

import collections
import pathlib
import re
import sys
from xml.etree import ElementTree

_KERNEL = re.compile(r"/(?P<kernel>\w+_(?P<instructions>[a-z0-9]+))_(?P<way>native|emulated)$")


def summary(logs: pathlib.Path) -> list[str]:
    """Returns a line for each test target and instruction set."""
    lines = []
    for log in sorted(logs.rglob("test.xml")):
        kernels: dict[str, dict[str, set[str]]] = collections.defaultdict(
            lambda: {"native": set(), "emulated": set()}
        )
        for case in ElementTree.parse(log).iter("testcase"):
            found = _KERNEL.search(case.get("name", ""))
            if found and case.get("result") == "completed":
                kernels[found["instructions"]][found["way"]].add(found["kernel"])
        for instructions, ways in sorted(kernels.items()):
            native, emulated = (len(ways[way]) for way in ("native", "emulated"))
            how = f"{native} natively" if native else "none natively, this processor lacks it"
            lines.append(f"{log.parent.name}: {instructions}: {emulated} kernels emulated, {how}")
    return lines


def main() -> None:
    """Prints the summary of a folder of Bazel's test logs."""
    lines = summary(pathlib.Path(sys.argv[1]))
    if not lines:
        sys.exit(f"{sys.argv[1]} holds no log of a kernel test; run `bazel test //...` first.")
    print("Kernels tested against the reference:", *lines, sep="\n  ")


if __name__ == "__main__":
    main()
