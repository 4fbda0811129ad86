"""The flags that describe a `PatternConfig`."""

from __future__ import annotations

from typing import Any

from absl import flags

import tf_pconv


def define_config(values: flags.FlagValues) -> None:
    """Defines the flags of a `PatternConfig`."""
    flags.DEFINE_string("library", "scp8", "Pattern library: scp8 or pconv4.", flag_values=values)
    flags.DEFINE_float(
        "compression", 8.0, "Weights before over weights after.", 1.0, flag_values=values
    )
    flags.DEFINE_integer(
        "group_size", 4, "Filters that share patterns: 1, 2, 4, 8, 16.", flag_values=values
    )
    flags.DEFINE_enum(
        "balance",
        "filter",
        ["filter", "layer"],
        "Keep as many kernels in each filter, or the best of the layer.",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "skip", [], "Layer to leave dense, by name; may be repeated.", flag_values=values
    )


def read_config(values: flags.FlagValues, **fields: Any) -> tf_pconv.PatternConfig:
    """Returns the `PatternConfig` that the flags and `fields` describe."""
    return tf_pconv.PatternConfig(
        library=values.library,
        compression=values.compression,
        group_size=values.group_size,
        balance=values.balance,
        rules=tuple(tf_pconv.LayerRule(name, skip=True) for name in values.skip),
        **fields,
    )
