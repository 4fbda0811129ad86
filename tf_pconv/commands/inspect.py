"""`tf-pconv inspect`."""

from __future__ import annotations

from absl import flags

from tf_pconv import lite
from tf_pconv.commands.command import Command
from tf_pconv.commands.files import existing


def _run_inspect(values: flags.FlagValues, argument: str) -> None:
    del values
    path = existing(argument, ".tflite")
    print(lite.inspect(path))


COMMAND = Command(
    name="inspect",
    argument="MODEL.tflite",
    summary="Show which convolutions of a .tflite follow patterns",
    description=(
        "Shows the convolutions of any .tflite: which follow patterns, their group size,\n"
        "sparsity and bytes, and what the delegate will take."
    ),
    examples=("model.tflite",),
    define=lambda values: None,
    run=_run_inspect,
)
