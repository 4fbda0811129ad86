"""The command line `tf-pconv`: plan, prune, convert, inspect, time and tune models.

Exit codes: 0 done; 1 the work failed; 2 the command line is wrong; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator, Sequence

from absl import flags

from tf_pconv import __version__
from tf_pconv.commands import bench, convert, inspect, plan, prune, tune
from tf_pconv.commands.command import PROGRAM, UsageError

COMMANDS = {
    command.COMMAND.name: command.COMMAND
    for command in (plan, prune, convert, inspect, bench, tune)
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line and returns its exit code.

    Args:
        argv: Arguments without the program's name; None: those of the process.

    Returns:
        0, 1 (the work failed), 2 (the command line is wrong) or 130 (interrupted).
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        with _warnings_as_sentences():
            _run(arguments)
    except (UsageError, flags.Error) as error:
        return _fail(error, 2)
    except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:
        return _fail(error, 1)
    except MemoryError:
        return _fail("there is not enough memory.", 1)
    except KeyboardInterrupt as error:
        return _fail(str(error) or "interrupted; nothing was written.", 130)
    return 0


@contextlib.contextmanager
def _warnings_as_sentences() -> Iterator[None]:
    """Shows warnings without the line of code that they come from."""
    original = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"{PROGRAM}: warning: {message}\n"
    try:
        yield
    finally:
        warnings.formatwarning = original


def _fail(error: Exception | str, code: int) -> int:
    print(f"{PROGRAM}: {error}", file=sys.stderr)
    return code


def _run(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("help", "--help", "-h", "-help"):
        print(_overview())
        return
    if arguments[0] == "--version":
        print(f"{PROGRAM} {__version__}")
        return
    command = COMMANDS.get(arguments[0])
    if command is None:
        raise UsageError(
            f"there is no command {arguments[0]!r}; the commands are {', '.join(COMMANDS)}."
        )
    values = flags.FlagValues()
    command.define(values)
    if {"--help", "-h", "-help"} & set(arguments):
        print(command.help(values))
        return
    positional = values([PROGRAM, *map(_with_underscores, arguments[1:])])[1:]
    expected = 1 if command.argument else 0
    if len(positional) != expected:
        raise UsageError(
            f"{command.name} takes {command.argument or 'no argument'}, but received "
            f"{' '.join(positional) or 'none'}. See: {PROGRAM} {command.name} --help"
        )
    command.run(values, positional[0] if positional else "")


def _with_underscores(argument: str) -> str:
    """Returns a flag in the spelling of its definition: `--group-size=4` is `--group_size=4`."""
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value


def _overview() -> str:
    lines = "\n".join(f"  {command.name:<9}{command.summary}" for command in COMMANDS.values())
    return (
        f"Usage: {PROGRAM} COMMAND ...\n\n"
        "Pattern pruning for Keras, and fast inference with it.\n\n"
        f"{lines}\n\nHelp on one command, with examples: {PROGRAM} COMMAND --help"
    )


if __name__ == "__main__":
    sys.exit(main())
