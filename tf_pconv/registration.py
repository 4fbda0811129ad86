"""Makes our classes known to Keras before they are imported.

`keras.saving.load_model` finds the classes of a file by their registered names. Ours are imported
when they are first used, so that reading a `.tflite` does not wait for Keras; until then stand-ins
hold their places. Importing a class registers it in place of its stand-in.
"""

from __future__ import annotations

import dataclasses
import importlib
from types import ModuleType
from typing import Any

import wrapt

MODULES = {
    "CallableSchedule": "schedules",
    "ConstantSparsity": "schedules",
    "LayerRule": "config",
    "Magnitude": "methods",
    "PatternConfig": "config",
    "PatternLibrary": "patterns",
    "PatternWrapper": "wrappers",
    "PolynomialDecay": "schedules",
}
"""For each class that Keras saves the module that registers it, as package `tf_pconv`."""


@dataclasses.dataclass(frozen=True)
class _StandIn:
    """What Keras needs of a class that it has found by name."""

    module: str
    name: str

    def from_config(self, config: dict[str, Any]) -> Any:
        """Makes an object of the class, which is imported for it."""
        cls = getattr(importlib.import_module(f"tf_pconv.{self.module}"), self.name)
        return cls.from_config(config)


def register_on_import_of_keras() -> None:
    """Registers the stand-ins, as soon as the program has imported Keras."""
    wrapt.register_post_import_hook(_register, "keras")


def _register(keras: ModuleType) -> None:
    registered = keras.saving.get_custom_objects()
    for name, module in MODULES.items():
        registered.setdefault(f"tf_pconv>{name}", _StandIn(module, name))
