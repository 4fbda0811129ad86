"""`tf-pconv plan`."""

from __future__ import annotations

from absl import flags

import tf_pconv
from tf_pconv.commands.command import Command, uses_keras
from tf_pconv.commands.configuration import define_config, read_config
from tf_pconv.commands.files import existing, load_keras_model


@uses_keras
def _run_plan(values: flags.FlagValues, argument: str) -> None:
    path = existing(argument, ".keras")
    config = read_config(values)
    print(tf_pconv.plan(load_keras_model(path), config))


COMMAND = Command(
    name="plan",
    argument="MODEL.keras",
    summary="Show what pruning would do to each layer",
    description=(
        "Shows each layer of a Keras model: what will be done, the weights kept, whether\n"
        "the delegate will accelerate it, and the reason where not. Writes nothing."
    ),
    examples=("model.keras", "model.keras --group-size 1 --compression 6"),
    define=define_config,
    run=_run_plan,
)
