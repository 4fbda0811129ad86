"""Diverting the standard error of the whole process, C++ code included."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

STDERR = 2


@contextlib.contextmanager
def diverted_stderr(file: BinaryIO) -> Iterator[int | None]:
    """Diverts file descriptor 2 to a file: C++ code knows nothing of Python's `sys.stderr`.

    If an error ends the block, what was written goes to the standard error after all.

    Args:
        file: Where it goes; empty, open for reading and writing.

    Yields:
        A descriptor of the original standard error, or None where there is none.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        original = os.dup(STDERR)
    except OSError:
        original = None
    os.dup2(file.fileno(), STDERR)
    try:
        yield original
    except BaseException:
        if original is not None:
            file.seek(0)
            os.write(original, file.read())
        raise
    finally:
        if original is None:
            os.close(STDERR)
        else:
            os.dup2(original, STDERR)
            os.close(original)
