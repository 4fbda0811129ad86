"""Loads TensorFlow without its chatter: import this first in a program, never in a library.

As it is loaded, TensorFlow's C++ code tells the standard error of processor features, GPU drivers
and its own logging, whatever `TF_CPP_MIN_LOG_LEVEL` says. Importing this module loads TensorFlow
with the standard error held back, and then passes on all lines but those. From then on TensorFlow
logs nothing, if the user has not set `TF_CPP_MIN_LOG_LEVEL`: what goes wrong is raised in Python.
With `TF_CPP_MIN_LOG_LEVEL=0` nothing is held back.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator

from tf_pconv.lite.stderr import STDERR, diverted_stderr

_CHATTER = re.compile(rb"I\d{4} |WARNING: All log messages before absl::InitializeLog\(\)")


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Lets Ctrl-C end the process at once: in the middle of imports Python would tell where."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _load_tensorflow() -> None:
    with tempfile.TemporaryFile() as held:
        # Who needs TensorFlow will say so.
        with diverted_stderr(held) as original, contextlib.suppress(ImportError):
            importlib.import_module("tensorflow")
        if original is not None:
            held.seek(0)
            os.write(STDERR, b"".join(line for line in held if not _CHATTER.match(line)))


if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "0" and "tensorflow" not in sys.modules:
    with _interruptible():
        _load_tensorflow()
