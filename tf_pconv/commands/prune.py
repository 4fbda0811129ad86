"""`tf-pconv prune`."""

from __future__ import annotations

from absl import flags

import tf_pconv
from tf_pconv.commands.command import Command, uses_keras
from tf_pconv.commands.configuration import define_config, read_config
from tf_pconv.commands.files import (
    define_output,
    existing,
    load_keras_model,
    required_output,
    written_whole,
)
from tf_pconv.progress import step


def _define_prune(values: flags.FlagValues) -> None:
    define_config(values)
    define_output(values, "The pruned .keras file")


@uses_keras
def _run_prune(values: flags.FlagValues, argument: str) -> None:
    path = existing(argument, ".keras")
    output = required_output(values, ".keras")
    config = read_config(values, schedule=tf_pconv.ConstantSparsity(0, 0))
    model = load_keras_model(path)
    print(tf_pconv.plan(model, config))
    with step("Pruning"):
        pruned = tf_pconv.prune_patterns(model, config)
        tf_pconv.update_pattern_step(pruned)
        stripped = tf_pconv.strip_pruning(pruned)
    with written_whole(output) as temporary:
        stripped.save(temporary)
    print(
        f"Wrote {output}. One-shot pruning costs accuracy: measure it, and fine-tune with "
        "tf_pconv.prune_patterns and fit() to win it back."
    )


COMMAND = Command(
    name="prune",
    argument="MODEL.keras",
    summary="Prune a model once, by magnitude, without training",
    description=(
        "Prunes a trained Keras model in one shot by magnitude. That costs accuracy:\n"
        "fine-tune the result, or prune gradually in fit() with tf_pconv.prune_patterns."
    ),
    examples=("model.keras -o pruned.keras", "model.keras -o pruned.keras --skip conv1"),
    define=_define_prune,
    run=_run_prune,
)
