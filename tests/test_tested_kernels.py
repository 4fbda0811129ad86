"""The summary of kernel tests tells kernels that ran natively from emulated ones."""

import pathlib
import subprocess
import sys

SCRIPT = pathlib.Path(__file__).parents[1] / "scripts" / "tested_kernels.py"


def run(logs):
    return subprocess.run([sys.executable, SCRIPT, logs], capture_output=True, text=True)


def write_log(folder, *names):
    folder.mkdir()
    cases = (f'<testcase name="{name}" result="completed"/>' for name in names)
    (folder / "test.xml").write_text(f"<testsuites>{''.join(cases)}</testsuites>")


def test_each_instruction_set_has_a_line(tmp_path):
    kernels = ("k_g1_avx2_native", "k_g1_avx2_emulated", "k_g4_avx2_native", "k_g4_avx2_emulated")
    write_log(
        tmp_path / "int8_test",
        *(f"Equals/{kernel}" for kernel in kernels),
        "Overflows/k_g1_avx2_native",
        "Equals/k_g1_avx512vnni_emulated",
    )
    write_log(tmp_path / "other_test", "Something")
    assert run(tmp_path).stdout.splitlines() == [
        "Kernels tested against the reference:",
        "  int8_test: avx2: 2 kernels emulated, 2 natively",
        "  int8_test: avx512vnni: 1 kernels emulated, none natively, this processor lacks it",
    ]


def test_missing_logs_are_an_error(tmp_path):
    failed = run(tmp_path)
    assert failed.returncode == 1
    assert "holds no log of a kernel test" in failed.stderr
