"""Tables as plain text, no wider than the terminal."""

from __future__ import annotations

import io
import shutil
from typing import Any


def columns(preferred: int) -> int:
    """Returns the columns of a table: `preferred`, or those of the terminal if it has fewer."""
    return min(preferred, shutil.get_terminal_size((preferred, 0)).columns)


def to_text(*parts: Any, width: int) -> str:
    """Returns what `rich` shows of tables and texts, without colours or trailing spaces.

    Args:
        *parts: Tables and texts, one below the other.
        width: Columns of the text; longer lines are wrapped.
    """
    from rich.console import Console

    text = io.StringIO()
    console = Console(
        file=text, width=width, color_system=None, markup=False, emoji=False, highlight=False
    )
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())
