"""The script that makes this processor pass for one with AVX2 only."""

import pathlib
import platform
import shutil
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).parents[1] / "scripts" / "hide_avx512.py"

RUN_LAYER = """
from tf_pconv import benchmark
layer = benchmark.LayerCase(32, 32, 16)
print(*benchmark.benchmark_layer(layer, seconds=0.0, loads=1).kernels)
"""


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not all(map(shutil.which, ("cc", "objdump"))),
    reason="needs x86-64, cc and objdump",
)
def test_delegate_runs_kernels_of_avx2():
    command = [sys.executable, SCRIPT, "-c", RUN_LAYER]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip().endswith("-avx2")
