"""Runs a Python command as on a processor whose best instructions are AVX2.

Libraries ask the processor what it can do and do not let themselves be told otherwise. So the
packages that choose kernels are copied, each CPUID instruction of the copies is replaced by an
invalid one of the same length, and a handler answers in its place without AVX-512, VNNI and AMX.
All contestants of a benchmark then run what they have for AVX2, on the processor at hand.

    python scripts/hide_avx512.py -m tf_pconv.cli bench --suite patdnn

The copies lie in build/avx2 and are made anew when a library has changed. Needs `cc` and `objdump`.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator

PACKAGES = ("tf_pconv", "ai_edge_litert", "openvino", "onnxruntime")
"""Those that are installed are copied; they choose kernels by CPUID."""

CPUID, INVALID = b"\x0f\xa2", b"\x0f\x0b"
_LOADED = 1  # type of the program headers of what is mapped from the file
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")


def main() -> None:
    """Replaces this process by the command."""
    if len(sys.argv) == 1:
        sys.exit(__doc__)
    root = pathlib.Path(__file__).resolve().parents[1]
    folder = root / "build" / "avx2"
    folder.mkdir(parents=True, exist_ok=True)
    handler = folder / "handler.so"
    source = root / "scripts" / "hide_avx512.c"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", source, "-o", handler], check=True)
    sys.path.insert(0, str(root))
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            _copy(pathlib.Path(spec.origin).parent, folder / package)
    environment = {**os.environ, "LD_PRELOAD": str(handler), "PYTHONPATH": str(folder)}
    # From elsewhere, since the current folder precedes the copies.
    os.chdir(folder)
    os.execve(sys.executable, [sys.executable, *sys.argv[1:]], environment)


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    """Brings the copy of a package up to date, with libraries that ask the handler."""
    for file in source.rglob("*"):
        copy = target / file.relative_to(source)
        if not file.is_file() or "__pycache__" in file.parts:
            continue
        if copy.exists() and copy.stat().st_mtime == file.stat().st_mtime:
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        # Under another name until it is whole: an interrupted copy must not look up to date.
        unfinished = copy.with_name(f"{copy.name}.unfinished")
        shutil.copy2(file, unfinished)
        if re.search(r"\.so(\.\d+)*$", file.name):
            print(f"hiding AVX-512 from {file.name}", file=sys.stderr)
            _patch(unfinished)
            shutil.copystat(file, unfinished)
        unfinished.replace(copy)


def _patch(library: pathlib.Path) -> None:
    """Replaces the CPUID instructions of a library."""
    content = bytearray(library.read_bytes())
    if CPUID not in content:
        return
    segments = list(_segments(content))
    for address in _cpuid_addresses(library):
        (offset,) = (
            address - start + begin
            for begin, start, size in segments
            if start <= address < start + size
        )
        if content[offset : offset + 2] != CPUID:
            raise ValueError(f"{library}: no CPUID at {address:#x}, where objdump shows one.")
        content[offset : offset + 2] = INVALID
    library.write_bytes(content)


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yields offset in the file, address and size of what is mapped of a 64-bit ELF library."""
    (table,) = struct.unpack_from("<Q", content, 32)
    (count,) = struct.unpack_from("<H", content, 56)
    for number in range(count):
        kind, _, offset, address, _, size, _, _ = _PROGRAM_HEADER.unpack_from(
            content, table + _PROGRAM_HEADER.size * number
        )
        if kind == _LOADED:
            yield offset, address, size


def _cpuid_addresses(library: pathlib.Path) -> Iterator[int]:
    """Yields the address of every CPUID instruction; its two bytes occur in others as well."""
    command = ["objdump", "--disassemble", "--no-show-raw-insn", str(library)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.match(r"\s*([0-9a-f]+):\s+cpuid\b", line)
            if found:
                yield int(found[1], 16)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


if __name__ == "__main__":
    main()
