"""Where the delegate lies, and how it is loaded into an interpreter."""

from __future__ import annotations

import importlib
import importlib.util
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LIBRARY = "libtf_pconv_delegate.so"

# Packages whose `load_delegate` makes a delegate, the newest first. The objects are
# interchangeable: interpreters only ask them for the address of the delegate.
_LOADERS = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite")


def delegate_path() -> str:
    """Returns the path of the delegate library.

    It is what programs in other languages hand to TensorFlow Lite's external delegate interface;
    `benchmark_model` takes it as `--external_delegate_path`.

    Returns:
        The absolute path of `libtf_pconv_delegate.so`.

    Raises:
        FileNotFoundError: This installation has no library: the system is not a 64-bit Linux, or
            the library was not built.

    Example:
        >>> tf_pconv.delegate_path()
        '/home/user/tf_pconv/tf_pconv/_native/libtf_pconv_delegate.so'
    """
    library = Path(__file__).resolve().parent / "_native" / _LIBRARY
    if library.is_file():
        return str(library)
    if not sys.platform.startswith("linux"):
        raise FileNotFoundError(
            f"The delegate runs on 64-bit Linux, and this is {platform.system()}: training and "
            "conversion work here, running packed models does not."
        )
    raise FileNotFoundError(
        f"The delegate library is missing: {library} does not exist. "
        "Build it with `make delegate` in a checkout of tf_pconv."
    )


def load_delegate(options: Mapping[str, Any] | None = None) -> Any:
    """Loads the delegate for an interpreter.

    The object works in the `Interpreter` of `ai_edge_litert`, `tf.lite` and `tflite_runtime`,
    whichever of them is installed. One object may serve several interpreters.

    Args:
        options: Options of the delegate. Values are strings; numbers and booleans are converted.

            - `num_threads`: 1 to 256. Default: the interpreter's `num_threads`.
            - `kernel`: Name of the kernel to use. Default: the fastest for this processor, whose
              speed is also what `min_speedup` goes by if another is named.
            - `tuning`: Path of a tuning file, see `tf_pconv.lite.tune`. Default: none.
            - `profile`: Path of a `.json` file to which the delegate writes, when it is destroyed,
              where the time went; see `docs/delegate.md`. Default: none.
            - `min_speedup`: Predicted gain from which convolutions, and on several threads
              parts of the graph, are taken from the runtime, at least 0; 0 takes all
              that can be. Default: 1.1. `PConv2D` is always taken.
            - `require_delegation`: True makes a model of which nothing is delegated an error.
              Default: False.
            - `log_level`: What is written to the standard error: "none"; "info", what was
              delegated, and why other convolutions were not; "verbose", also which kernels run.
              Default: "info".

    Returns:
        A delegate for `Interpreter(..., experimental_delegates=[delegate])`.

    Raises:
        FileNotFoundError: This installation has no delegate library, see `delegate_path`.
        ImportError: No package with an interpreter is installed.
        TypeError: The options are not a mapping.
        ValueError: An unknown option or value; the message names what is accepted.

    Example:
        >>> from ai_edge_litert.interpreter import Interpreter
        >>> delegate = tf_pconv.load_delegate({"num_threads": "1"})
        >>> interpreter = Interpreter("model.tflite", experimental_delegates=[delegate])
    """
    if options is not None and not isinstance(options, Mapping):
        raise TypeError(
            f"Options of the delegate are a mapping such as {{'num_threads': '1'}}, "
            f"not {type(options).__name__}."
        )
    texts = {key: _to_text(value) for key, value in (options or {}).items()}
    library = delegate_path()
    try:
        return _find_loader()(library, texts)
    except ValueError as error:
        # The loader puts a line with the library's path before the delegate's own sentence.
        sentence = str(error).partition("\n")[2] or str(error)
        raise ValueError(f"The delegate refuses its options: {sentence}.") from None


def _to_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _find_loader() -> Any:
    for name in _LOADERS:
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            continue
        module = importlib.import_module(name)
        return getattr(module, "load_delegate", None) or module.experimental.load_delegate
    raise ImportError(
        "No interpreter is installed: install ai-edge-litert, tflite-runtime or tensorflow."
    )
