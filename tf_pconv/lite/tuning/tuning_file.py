"""Tuning files: what was measured of layers on processors, as `docs/tuning.md` describes them."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import tempfile

from tf_pconv.caches import cache_folder

_FIRST_LINE = "tf_pconv tuning 1"

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")

_COMMENT = """\
# Written by `tf-pconv tune`. The delegate reads it with the option `tuning`.
"""


@dataclasses.dataclass(frozen=True)
class Choices:
    """How a convolution is computed; what is empty or 0 the delegate chooses.

    Attributes:
        kernel: Kernel of the largest tile.
        block_bytes: Inputs of a tile that one block of channels takes.
    """

    kernel: str = ""
    block_bytes: int = 0

    def __str__(self) -> str:
        """Returns the choices as they stand in a file; nothing where all are the delegate's."""
        fields = dataclasses.asdict(self)
        return " ".join(f"{name}={value}" for name, value in fields.items() if value)


@dataclasses.dataclass(frozen=True)
class TunedLayer:
    """What was measured of a layer.

    Attributes:
        choices: The fastest.
        gain: Times faster than the dense layer in XNNPACK; None where that was not measured.
    """

    choices: Choices = Choices()
    gain: float | None = None


Tunings = dict[str, dict[str, TunedLayer]]
"""Of each processor, the layers by signature."""


def tuning_path() -> pathlib.Path:
    """Returns where `tune` keeps its results unless it is told otherwise.

    It is `tuning.txt` in the project's `cache_folder`.
    """
    return cache_folder() / "tuning.txt"


def read_tunings(path: pathlib.Path) -> Tunings:
    """Reads a tuning file.

    Args:
        path: The file; one that does not exist holds nothing.

    Returns:
        The layers of each processor, in the order of the file.

    Raises:
        ValueError: The file is malformed; the message names the line.
        OSError: It cannot be read.
    """
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no tuning file: it is no ASCII text.") from error
    lines = text.split("\n")
    if lines[0] != _FIRST_LINE:
        raise ValueError(
            f"{path} is no tuning file: its first line is {lines[0][:80]!r}, not {_FIRST_LINE!r}."
        )
    tunings: Tunings = {}
    layers: dict[str, TunedLayer] | None = None
    for number, line in enumerate(lines[1:], 2):
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        try:
            if word == "processor" and _NAME.fullmatch(rest):
                layers = tunings.setdefault(rest, {})
            elif word == "layer" and layers is not None:
                signature, _, fields = rest.partition(" ")
                if not _NAME.fullmatch(signature) or signature in layers:
                    raise ValueError(f"{signature!r} is no signature, or occurs twice")
                layers[signature] = _read_layer(fields)
            else:
                raise ValueError("it is no processor, and no layer of one")
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}.") from None
    return tunings


def write_tunings(path: pathlib.Path, tunings: Tunings) -> None:
    """Writes a tuning file, which is replaced in one step.

    Args:
        path: The file. Folders that lack are made.
        tunings: All that it is to hold.
    """
    lines = [_FIRST_LINE, *_COMMENT.splitlines()]
    for processor, layers in tunings.items():
        lines += ["", f"processor {processor}"]
        lines += [_layer_line(signature, layer) for signature, layer in layers.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".tf-pconv-", dir=path.absolute().parent) as folder:
        temporary = pathlib.Path(folder) / path.name
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii")
        temporary.replace(path)


def _layer_line(signature: str, layer: TunedLayer) -> str:
    gain = "" if layer.gain is None else f"gain={layer.gain:.3f}"
    return " ".join(filter(None, ["layer", signature, gain, str(layer.choices)]))


def _read_layer(fields: str) -> TunedLayer:
    values: dict[str, str] = {}
    for field in fields.split(" ") if fields else ():
        name, _, value = field.partition("=")
        if name in values:
            raise ValueError(f"{name} occurs twice")
        values[name] = value
    gain = values.pop("gain", None)
    if gain is not None and not _DECIMAL.fullmatch(gain):
        raise ValueError(f"gain is {gain!r}; accepted is a decimal number")
    kernel = values.pop("kernel", None)
    if kernel is not None and not _NAME.fullmatch(kernel):
        raise ValueError(f"kernel is {kernel!r}; accepted is the name of a kernel")
    block_bytes = values.pop("block_bytes", None)
    if block_bytes is not None and not _NUMBER.fullmatch(block_bytes):
        raise ValueError(
            f"block_bytes is {block_bytes!r}; accepted is a number from 1 to 999999999"
        )
    if values:
        raise ValueError(f"there is no field {next(iter(values))!r}")
    choices = Choices(kernel or "", int(block_bytes or 0))
    return TunedLayer(choices, None if gain is None else float(gain))
