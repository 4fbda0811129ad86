"""What goes on, while it goes on: shown on a terminal, and nowhere else."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Shows a text on the standard error as long as the block runs."""
    with _console().status(text):
        yield


@contextlib.contextmanager
def bar(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """Shows a text and how much is done, also within a `step`.

    Args:
        text: What is done.
        total: How much there is to do.

    Yields:
        What to call with how much more is done.
    """
    from rich.progress import Progress

    console = _console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(text, total=total)
        yield lambda done: progress.update(task, advance=done, refresh=True)


@functools.cache
def _console() -> Console:
    """The one console, which displays that lie within each other must share."""
    from rich.console import Console

    return Console(stderr=True)
