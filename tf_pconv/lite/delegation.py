"""Opens interpreters with the delegate, and tells what it took; or without."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Mapping
from typing import Any

from tf_pconv.lite.stderr import diverted_stderr

_COUNT = re.compile(r"^tf_pconv: (\d+) of (\d+) nodes delegated", re.MULTILINE)
_PROCESSOR = re.compile(r"^tf_pconv: processor (\S+)$", re.MULTILINE)
_LAYER = re.compile(r"^tf_pconv: node \d+ is layer (\S+) and can run (.+)$", re.MULTILINE)
_KERNEL = re.compile(r"^tf_pconv: node \d+ runs kernel (\S+)", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class DelegatedLayer:
    """A convolution that the delegate runs.

    Attributes:
        signature: What decides how fast it runs, see `docs/tuning.md`.
        kernels: Names of all kernels that can run it on this processor.
    """

    signature: str
    kernels: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Delegation:
    """What the delegate took of a model.

    Attributes:
        delegated: Nodes that the delegate runs.
        nodes: Nodes of the model.
        kernels: Names of the kernels that run them, each once.
        processor: How tuning files call the processor.
        layers: The convolutions among those nodes.
    """

    delegated: int
    nodes: int
    kernels: tuple[str, ...]
    processor: str = ""
    layers: tuple[DelegatedLayer, ...] = ()


def open_delegated(
    model: bytes,
    options: Mapping[str, str] | None = None,
    threads: int = 1,
    *,
    required: bool = True,
) -> tuple[Any, Delegation]:
    """Opens a `.tflite` with the delegate.

    Args:
        model: The file's bytes.
        options: Options of the delegate besides `num_threads`, `require_delegation` and
            `log_level`, which are set here.
        threads: Threads of delegate and runtime.
        required: Whether a model of which the delegate takes nothing is an error.

    Returns:
        An interpreter with allocated tensors, and what the delegate took.

    Raises:
        RuntimeError: The delegate takes no node, though it is required.
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
        "require_delegation": "true" if required else "false",
        "log_level": "verbose",
    }
    with tempfile.TemporaryFile() as log:
        with diverted_stderr(log):
            delegate = load_delegate(settings)
            interpreter = Interpreter(
                model_content=model, num_threads=threads, experimental_delegates=[delegate]
            )
            interpreter.allocate_tensors()
        log.seek(0)
        text = log.read().decode(errors="replace")
    counts = _COUNT.search(text)
    if counts is None or (required and counts[1] == "0"):
        raise RuntimeError(f"The delegate took nothing; it said: {text.strip() or 'nothing'}")
    processor = _PROCESSOR.search(text)
    return interpreter, Delegation(
        delegated=int(counts[1]),
        nodes=int(counts[2]),
        kernels=tuple(dict.fromkeys(_KERNEL.findall(text))),
        processor="" if processor is None else processor[1],
        layers=tuple(
            DelegatedLayer(signature, tuple(kernels.split(", ")))
            for signature, kernels in _LAYER.findall(text)
        ),
    )


def open_alone(model: bytes, threads: int = 1) -> Any:
    """Opens a `.tflite` in the runtime alone, whose XNNPACK announces itself no longer.

    Args:
        model: The file's bytes.
        threads: Threads of the runtime.

    Returns:
        An interpreter with allocated tensors.
    """
    from ai_edge_litert.interpreter import Interpreter

    with tempfile.TemporaryFile() as log, diverted_stderr(log):
        interpreter = Interpreter(model_content=model, num_threads=threads)
        interpreter.allocate_tensors()
    return interpreter
