"""Inputs that are checked before any work, and outputs that appear complete or not at all."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from absl import flags

from tf_pconv.commands.command import UsageError
from tf_pconv.progress import step

if TYPE_CHECKING:
    import keras


def existing(path: str, *suffixes: str) -> pathlib.Path:
    """Returns the path of an input, once it is known to be there and of an accepted kind."""
    found = pathlib.Path(path)
    if not found.exists():
        raise UsageError(f"{path}: there is no such file.")
    if found.suffix not in suffixes or found.is_dir():
        raise UsageError(f"{path}: a file that ends in {' or '.join(suffixes)} is needed.")
    return found


def define_output(values: flags.FlagValues, what: str) -> None:
    """Defines `--output` and `--overwrite`."""
    flags.DEFINE_string("output", None, f"{what} to write.", short_name="o", flag_values=values)
    define_overwrite(values)


def define_overwrite(values: flags.FlagValues) -> None:
    """Defines `--overwrite`."""
    flags.DEFINE_bool("overwrite", False, "Replace outputs that exist.", flag_values=values)


def required_output(values: flags.FlagValues, suffix: str) -> pathlib.Path:
    """Returns the path `--output`, once it is known that it can be written."""
    if not values.output:
        raise UsageError(f"no output was named; add --output FILE{suffix}")
    return new_output(values.output, values.overwrite, suffix)


def new_output(name: str, overwrite: bool, *suffixes: str) -> pathlib.Path:
    """Returns the path of an output, once it is known that it can be written."""
    path = pathlib.Path(name)
    folder = path.absolute().parent
    if path.suffix not in suffixes:
        raise UsageError(f"{path}: the name of the output must end in {' or '.join(suffixes)}.")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file.")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; add --overwrite to replace it, or name another output.")
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder; make it first.")
    try:
        _folder_beside(path).cleanup()
    except OSError as error:
        raise UsageError(
            f"{folder}: the folder cannot be written to ({error.strerror}); name another one."
        ) from error
    return path


@contextlib.contextmanager
def written_whole(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a path in a folder beside `path`; what is written there moves to `path` in one step."""
    with _folder_beside(path) as folder:
        temporary = pathlib.Path(folder) / path.name
        yield temporary
        temporary.replace(path)


def _folder_beside(path: pathlib.Path) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix=".tf-pconv-", dir=path.absolute().parent)


def load_keras_model(path: pathlib.Path) -> keras.Model:
    """Returns the model of a `.keras` file."""
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is damaged or no .keras file, which is a zip archive.")
    with step(f"Loading {path}"):
        import keras

        return keras.saving.load_model(path)
