"""Refuses to train a pruned model whose masks nobody updates.

Without `UpdatePatternStep` a pruned model would train dense, and nothing would show it. So wrapped
layers train only with a permit. A custom loop gets one with each `update_pattern_step(model)`; in
`fit()` the callback hands one to the train function for each call, and layers have it only for the
time of that call. An interrupted `fit()` therefore leaves no permit behind, and a train function
compiled under an earlier permit asks for a new one.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import keras

from tf_pconv.keras_internals import PlainCallError, give_back_jax_state


class MissingUpdateError(PlainCallError):
    """A pruned layer is trained without an update of its masks."""

    def __init__(self, subject: str) -> None:
        super().__init__(
            f"{subject} is trained without updates of its masks: pass "
            "callbacks=[tf_pconv.UpdatePatternStep()] to every fit(), or call "
            "tf_pconv.update_pattern_step(model) before each step of a custom training loop."
        )


class TrainingPermit:
    """The right to train a model, until its next `fit()` begins.

    Keras gives a model a new `history` at the start of each `fit()`; the permit ends with it.
    """

    def __init__(self, model: keras.Layer) -> None:
        self._model = weakref.ref(model)
        self._history = getattr(model, "history", None)

    def is_valid(self) -> bool:
        """Whether the permit still holds."""
        model = self._model()
        return model is not None and getattr(model, "history", None) is self._history


class GuardedLayer(Protocol):
    """A layer that trains only with a permit."""

    training_permit: TrainingPermit | None


class GuardedTrainFunction:
    """A model's compiled train function that asks for a permit at each call."""

    def __init__(self, model: keras.Model, layers: Sequence[GuardedLayer]) -> None:
        self._model = weakref.ref(model)
        self._function: Callable[..., Any] = model.train_function
        self._layers = layers
        self._permit: TrainingPermit | None = None

    @property
    def is_permitted(self) -> bool:
        """Whether the next call is allowed."""
        return self._permit is not None and self._permit.is_valid()

    def permit_one_call(self, permit: TrainingPermit) -> None:
        """Allows the next call."""
        self._permit = permit

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the train function, with the layers permitted to train."""
        if self._permit is None or not self.is_permitted:
            self._give_back_state(*args)
            raise MissingUpdateError("This pruned model")
        permit, self._permit = self._permit, None
        with _permitted(self._layers, permit):
            return self._function(*args, **kwargs)

    def _give_back_state(self, state: Any, *_: Any) -> None:
        """On JAX, puts the weights back that Keras takes out of a model during an epoch."""
        model = self._model()
        if keras.backend.backend() == "jax" and model is not None:
            give_back_jax_state(model, state)


def guard_train_function(
    model: keras.Model, layers: Sequence[GuardedLayer]
) -> GuardedTrainFunction:
    """Puts the guard around the train function of a compiled model, if it is not there yet."""
    if not isinstance(model.train_function, GuardedTrainFunction):
        # Made anew: a fit() that was refused may have left a half-traced one.
        model.make_train_function(force=True)
        model.train_function = GuardedTrainFunction(model, layers)
    return model.train_function


@contextlib.contextmanager
def _permitted(layers: Sequence[GuardedLayer], permit: TrainingPermit) -> Iterator[None]:
    before = [layer.training_permit for layer in layers]
    for layer in layers:
        layer.training_permit = permit
    try:
        yield
    finally:
        for layer, earlier in zip(layers, before, strict=True):
            layer.training_permit = earlier
