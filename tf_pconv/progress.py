"""What goes on, while it goes on: shown on a terminal, and nowhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Shows a text on the standard error as long as the block runs."""
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield
