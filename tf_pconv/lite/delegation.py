"""Opens interpreters with the delegate, and tells what the delegate took."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

_COUNT = re.compile(r"^tf_pconv: (\d+) of (\d+) nodes delegated", re.MULTILINE)
_KERNEL = re.compile(r"^tf_pconv: node \d+ runs kernel (\S+)", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Delegation:
    """What the delegate took of a model.

    Attributes:
        delegated: Nodes that the delegate runs.
        nodes: Nodes of the model.
        kernels: Names of the kernels that run them, each once.
    """

    delegated: int
    nodes: int
    kernels: tuple[str, ...]


def open_delegated(
    model: bytes, options: Mapping[str, str] | None = None, threads: int = 1
) -> tuple[Any, Delegation]:
    """Opens a `.tflite` with the delegate.

    Args:
        model: The file's bytes.
        options: Options of the delegate besides `num_threads`, `require_delegation` and
            `log_level`, which are set here.
        threads: Threads of delegate and runtime.

    Returns:
        An interpreter with allocated tensors, and what the delegate took.

    Raises:
        RuntimeError: The delegate takes no node.
        ValueError: An option that the delegate refuses, or a file that is no `.tflite`.

    Example:
        >>> interpreter, delegation = open_delegated(packed)
        >>> delegation.delegated, delegation.kernels
        (5, ('qs8-pconv-g4-p64-avx512vnni',))
    """
    from ai_edge_litert.interpreter import Interpreter

    from tf_pconv.runtime import load_delegate

    settings = {
        **(options or {}),
        "num_threads": str(threads),
        "require_delegation": "true",
        "log_level": "verbose",
    }
    with _captured_stderr() as log:
        interpreter = Interpreter(
            model_content=model,
            num_threads=threads,
            experimental_delegates=[load_delegate(settings)],
        )
        interpreter.allocate_tensors()
    text = "".join(log)
    counts = _COUNT.search(text)
    if counts is None or counts[1] == "0":
        raise RuntimeError(f"The delegate took nothing; it said: {text.strip() or 'nothing'}")
    kernels = dict.fromkeys(_KERNEL.findall(text))
    return interpreter, Delegation(int(counts[1]), int(counts[2]), tuple(kernels))


@contextlib.contextmanager
def _captured_stderr() -> Iterator[list[str]]:
    """Gives a list that holds, afterwards, what the process wrote to its standard error.

    The delegate knows nothing of Python's `sys.stderr`, so the file descriptor itself is diverted.
    If an error ends the block, what was written goes to the standard error after all.
    """
    log: list[str] = []
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield log
        except BaseException:
            file.seek(0)
            os.write(original, file.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)
        file.seek(0)
        log.append(file.read().decode(errors="replace"))
