"""What a command is made of."""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable
from typing import Any, TypeVar

from absl import flags

PROGRAM = "tf-pconv"

Result = TypeVar("Result")


class UsageError(Exception):
    """The command line is wrong."""


def uses_keras(function: Callable[..., Result]) -> Callable[..., Result]:
    """Loads TensorFlow without its chatter, before Keras does it in the function."""

    @functools.wraps(function)
    def quiet(*arguments: Any) -> Result:
        importlib.import_module("tf_pconv.quiet_start")
        return function(*arguments)

    return quiet


@dataclasses.dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: Its name.
        argument: What its positional argument stands for; empty where it takes none.
        summary: One line.
        description: What it does, in full.
        examples: Command lines without the program's name.
        define: Defines its flags.
        run: Does the work.
    """

    name: str
    argument: str
    summary: str
    description: str
    examples: tuple[str, ...]
    define: Callable[[flags.FlagValues], None]
    run: Callable[[flags.FlagValues, str], None]

    def help(self, values: flags.FlagValues) -> str:
        """Returns what `--help` shows."""
        argument = f" {self.argument}" if self.argument else ""
        examples = "\n".join(f"  {PROGRAM} {self.name} {line}" for line in self.examples)
        return (
            f"Usage: {PROGRAM} {self.name}{argument} [flags]\n\n{self.description}\n\n"
            f"Examples:\n{examples}\n\nFlags (an underscore may be written as a hyphen):"
            f"{values.get_help(include_special_flags=False).partition(':')[2]}"
        )
