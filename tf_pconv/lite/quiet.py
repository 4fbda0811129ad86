"""Holding back what TensorFlow logs while it converts."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

from tf_pconv.lite.stderr import STDERR, diverted_stderr

_LOGGERS = ("absl", "tensorflow")


@contextlib.contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Holds back TensorFlow's messages; if an error leaves the block, they are shown after all.

    TensorFlow's C++ code writes to file descriptor 2 whatever Python asks for. The descriptor is
    redirected for the whole process, while Python's own `sys.stderr` (progress bars and warnings
    of the user's code) still reaches its place.
    """
    with (
        _quiet_python(),
        tempfile.TemporaryFile() as held,
        diverted_stderr(held) as original,
        _python_stderr_to(original),
    ):
        yield


@contextlib.contextmanager
def _python_stderr_to(descriptor: int | None) -> Iterator[None]:
    """Points `sys.stderr` to a descriptor where it would write to file descriptor 2."""
    try:
        is_process_stderr = sys.stderr.fileno() == STDERR
    except (AttributeError, OSError, ValueError):  # A notebook's or a test's own stream.
        is_process_stderr = False
    if descriptor is None or not is_process_stderr:
        yield
        return
    with (
        os.fdopen(os.dup(descriptor), "w", buffering=1) as stream,
        contextlib.redirect_stderr(stream),
    ):
        yield


@contextlib.contextmanager
def _quiet_python() -> Iterator[None]:
    """Keeps TensorFlow's and Keras' Python code from reporting what is no problem."""
    import keras

    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    interactive = keras.config.is_interactive_logging_enabled()
    with warnings.catch_warnings():
        # Every full-integer conversion triggers it.
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected")
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)
        keras.config.disable_interactive_logging()  # `export` prints every signature.
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
            if interactive:
                keras.config.enable_interactive_logging()
