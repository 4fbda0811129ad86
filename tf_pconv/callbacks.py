"""The callback that drives pruning in `fit()`."""

from __future__ import annotations

from typing import Any

import keras

from tf_pconv.pruning import pattern_wrappers
from tf_pconv.training_guard import TrainingPermit, guard_train_function
from tf_pconv.wrappers import PatternWrapper, begin_steps


class UpdatePatternStep(keras.callbacks.Callback):
    """Advances pruning before every training step; each `fit()` of a pruned model needs one.

    Masks are updated when a batch begins, from weights and state that are all in the model. So the
    order of callbacks does not matter, and a model saved at the end of any batch goes on as if it
    had never stopped.

    Raises:
        ValueError: In `fit()`: the model is not pruned, the callback is given twice, or no schedule
            is given and the number of steps is unknown.

    Example:
        >>> pruned.fit(x, y, epochs=10, callbacks=[UpdatePatternStep()])
    """

    def __init__(self) -> None:
        super().__init__()
        self._wrappers: list[PatternWrapper] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Finds the pruned layers."""
        del logs
        self._wrappers = pattern_wrappers(self.model)
        if not self._wrappers:
            raise ValueError(
                f"UpdatePatternStep found no pruned layer in '{self.model.name}': train what "
                "prune_patterns returned."
            )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Fixes the default schedule when the first training begins."""
        del logs
        steps = self.params.get("steps")
        remaining = None if steps is None else (self.params["epochs"] - epoch) * steps
        for wrapper in self._wrappers:
            wrapper.plan_training(remaining)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Advances the schedule, updates masks that are due, and permits the step."""
        del batch, logs
        # On JAX, reading `self.model` also brings the variables up to date.
        model = self.model
        train_function = guard_train_function(model, self._wrappers)
        if train_function.is_permitted:
            raise ValueError("fit() has two UpdatePatternStep callbacks; pass one.")
        begin_steps(self._wrappers, model.steps_per_execution)
        train_function.permit_one_call(TrainingPermit(model))
