"""Schedules: before which steps masks are updated, and how far pruning has advanced by then.

A schedule is called with a training step and returns `(should_update, progress)`. That is the
protocol of tfmot's schedules with progress in place of sparsity, because the sparsity to reach
follows from the configuration. Progress 0 is the dense model, 1 the configured patterns and
connectivity in full; `targets` turns it into what one layer keeps.
"""

from __future__ import annotations

import abc
import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras

UNBOUNDED = -1
"""`end_step` of a schedule without a last update, as in tfmot."""


class Schedule(abc.ABC):
    """Before which steps masks are updated, and how far pruning has advanced by then.

    Subclass it for a schedule of your own, and register the class with
    `keras.saving.register_keras_serializable` if it is to be saved.
    """

    @abc.abstractmethod
    def __call__(self, step: int) -> tuple[bool, float]:
        """Returns whether masks are updated before `step` (from 0), and progress in [0, 1]."""

    @abc.abstractmethod
    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, in JSON types."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Schedule:
        """Makes a schedule from the result of `get_config`."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((type(self), repr(self.get_config())))

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


@keras.saving.register_keras_serializable(package="tf_pconv")
class ConstantSparsity(Schedule):
    """Patterns and connectivity in full from `begin_step` on.

    Progress is 0 before `begin_step` and 1 from it on. Masks are chosen at `begin_step`, and again
    every `frequency` steps and at `end_step`; then they stay. `ConstantSparsity(step, step)` is
    one-shot pruning.

    Args:
        begin_step: First update; the model is dense before it.
        end_step: Last update; -1: updates never end.
        frequency: Steps between updates.

    Raises:
        TypeError: A step that is not a whole number.
        ValueError: A negative step, `end_step` before `begin_step`, or `frequency` below 1.

    Example:
        >>> schedule = ConstantSparsity(begin_step=10, end_step=10)
        >>> schedule(9), schedule(10), schedule(11)
        ((False, 0.0), (True, 1.0), (False, 1.0))
    """

    def __init__(
        self, begin_step: int = 0, end_step: int = UNBOUNDED, frequency: int = 100
    ) -> None:
        begin_step, end_step, frequency = _checked_steps(begin_step, end_step, frequency)
        self.begin_step = begin_step
        self.end_step = end_step
        self.frequency = frequency

    def __call__(self, step: int) -> tuple[bool, float]:
        """Returns whether masks are updated before `step`, and 1 from `begin_step` on."""
        return _is_update(self, step), float(step >= self.begin_step)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            "begin_step": self.begin_step,
            "end_step": self.end_step,
            "frequency": self.frequency,
        }


@keras.saving.register_keras_serializable(package="tf_pconv")
class PolynomialDecay(Schedule):
    """Patterns and connectivity grow along a polynomial, fast at first and slowly at the end.

    Progress is 0 before `begin_step`, 1 from `end_step` on, and between them

        1 - (1 - initial_progress) * (1 - (step - begin_step) / (end_step - begin_step)) ** power

    With power 3 this is the ramp of Zhu and Gupta (2017, arXiv 1710.01878), which DPF uses as well
    (Lin et al., ICLR 2020, arXiv 2006.07253). Masks are updated at `begin_step`, every `frequency`
    steps from there, and always at `end_step`, so that progress reaches 1; then they stay.

    Args:
        begin_step: First update; the model is dense before it.
        end_step: Last update.
        power: Exponent, above 0; 1 is linear.
        frequency: Steps between updates.
        initial_progress: Progress at `begin_step`, 0 to 1.

    Raises:
        TypeError: A step that is not a whole number.
        ValueError: A negative step, `end_step` not after `begin_step`, `frequency` below 1, or a
            `power` or `initial_progress` out of range.

    Example:
        >>> schedule = PolynomialDecay(begin_step=0, end_step=250, frequency=100)
        >>> schedule(100), schedule(101)[0], schedule(250)
        ((True, 0.784), False, (True, 1.0))
    """

    def __init__(
        self,
        begin_step: int,
        end_step: int,
        power: float = 3.0,
        frequency: int = 100,
        initial_progress: float = 0.0,
    ) -> None:
        begin_step, end_step, frequency = _checked_steps(begin_step, end_step, frequency)
        if end_step <= begin_step:
            raise ValueError(
                f"A ramp ends after it begins; received begin_step {begin_step} and end_step "
                f"{end_step}. Use ConstantSparsity to prune at once."
            )
        if not power > 0:
            raise ValueError(f"power is above 0; received {power}.")
        if not 0 <= initial_progress <= 1:
            raise ValueError(f"initial_progress is from 0 to 1; received {initial_progress}.")
        self.begin_step = begin_step
        self.end_step = end_step
        self.power = power
        self.frequency = frequency
        self.initial_progress = initial_progress

    def __call__(self, step: int) -> tuple[bool, float]:
        """Returns whether masks are updated before `step`, and the progress by then."""
        if step < self.begin_step:
            return False, 0.0
        left = max(0.0, (self.end_step - step) / (self.end_step - self.begin_step))
        return _is_update(self, step), 1 - (1 - self.initial_progress) * left**self.power

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            "begin_step": self.begin_step,
            "end_step": self.end_step,
            "power": self.power,
            "frequency": self.frequency,
            "initial_progress": self.initial_progress,
        }


@keras.saving.register_keras_serializable(package="tf_pconv")
class CallableSchedule(Schedule):
    """Any callable `step -> (should_update, progress)`, its results checked.

    Args:
        function: The callable; it may return tensors. It is saved only if it is registered with
            Keras.

    Raises:
        ValueError: When called: not a pair, or a progress outside [0, 1].

    Example:
        >>> CallableSchedule(lambda step: (step % 2 == 0, min(step / 10, 1)))(4)
        (True, 0.4)
    """

    def __init__(self, function: Callable[[int], tuple[Any, Any]]) -> None:
        self.function = function

    def __call__(self, step: int) -> tuple[bool, float]:
        """Returns the checked result of the callable."""
        result = self.function(step)
        try:
            should_update, progress = bool(result[0]), float(result[1])
            is_pair = len(result) == 2
        except (TypeError, ValueError, IndexError, KeyError):
            is_pair = False
        if not is_pair:
            raise ValueError(
                f"The schedule {self.function!r} returned {result!r} at step {step}; a schedule "
                "returns (should_update, progress)."
            )
        if not 0 <= progress <= 1:
            raise ValueError(
                f"The schedule {self.function!r} returned the progress {progress} at step {step}; "
                "progress is from 0 (dense) to 1 (the configured patterns and connectivity)."
            )
        return should_update, progress

    def get_config(self) -> dict[str, Any]:
        """Returns the callable as Keras serialises it."""
        return {"function": keras.saving.serialize_keras_object(self.function)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> CallableSchedule:
        """Makes a schedule from the result of `get_config`."""
        return cls(keras.saving.deserialize_keras_object(config["function"]))

    def __repr__(self) -> str:
        return f"CallableSchedule({self.function!r})"


class Targets(NamedTuple):
    """What one layer keeps at some progress: arguments of `projection.project`."""

    pattern_fraction: float
    kernels: int | None


def targets(progress: float, in_channels: int, kernels: int | None) -> Targets:
    """Returns what a layer keeps at `progress`: patterns and connectivity advance together.

    The fraction of kernels that follow a pattern is the progress, and a filter keeps
    `ceil(in_channels - progress * (in_channels - kernels))` kernels. PatDNN's ADMM likewise holds
    the weights to both constraints in one loss; only its last step, hard pruning, takes them in
    turn, connectivity first. `project` keeps that turn: it chooses the kernels, then those of them
    that follow a pattern.

    Args:
        progress: 0 (dense) to 1.
        in_channels: Kernels of a dense filter.
        kernels: Kernels that a filter keeps in the end; None where connectivity is not pruned.

    Raises:
        ValueError: Progress outside [0, 1].

    Example:
        >>> targets(0.5, in_channels=256, kernels=72)
        Targets(pattern_fraction=0.5, kernels=164)
    """
    if not 0 <= progress <= 1:
        raise ValueError(f"Progress is from 0 to 1; received {progress}.")
    if kernels is None:
        return Targets(progress, None)
    return Targets(progress, math.ceil(in_channels - progress * (in_channels - kernels)))


def default_schedule(total_steps: int) -> Schedule:
    """Returns the schedule for a training of known length where none is given.

    A cubic ramp over the first half of the steps, with some fifty updates; the second half trains
    the weights kept, under masks that stay. One step: pruned at once.

    Args:
        total_steps: Optimiser steps of the whole training, at least 1.

    Raises:
        ValueError: `total_steps` below 1.

    Example:
        >>> default_schedule(1000)
        PolynomialDecay(begin_step=0, end_step=500, power=3.0, frequency=10, initial_progress=0.0)
    """
    if total_steps < 1:
        raise ValueError(f"A training has at least one step; received total_steps {total_steps}.")
    end_step = total_steps // 2
    if not end_step:
        return ConstantSparsity(0, 0)
    return PolynomialDecay(0, end_step, frequency=max(1, end_step // 50))


def get_schedule(
    identifier: Schedule | Mapping[str, Any] | Callable[[int], tuple[Any, Any]],
) -> Schedule:
    """Returns the schedule that an object, config, tfmot schedule or callable stands for.

    Args:
        identifier: A `Schedule`; its config as Keras serialises it; tfmot's `ConstantSparsity` or
            `PolynomialDecay`, whose steps, power and frequency are taken over (their sparsity
            becomes progress, 1 at their final sparsity; how much is pruned follows from the
            configuration); or any callable `step -> (should_update, progress)`.

    Raises:
        TypeError: Something else.
        ValueError: A config that is not one of a schedule, or a broken rule of the schedule.

    Example:
        >>> get_schedule({"class_name": "ConstantSparsity", "config": {"begin_step": 5}})
        ConstantSparsity(begin_step=5, end_step=-1, frequency=100)
    """
    if isinstance(identifier, Schedule):
        return identifier
    if isinstance(identifier, Mapping):
        return _from_serialised(identifier)
    if _is_tfmot(identifier):
        return _from_tfmot(identifier.get_config())  # type: ignore[attr-defined]
    if callable(identifier) and not isinstance(identifier, type):
        return CallableSchedule(identifier)
    raise TypeError(
        f"Cannot make a schedule of {identifier!r}. Give a ConstantSparsity or PolynomialDecay (of "
        "tf_pconv or tfmot), the config of one, or a callable step -> (should_update, progress)."
    )


_OWN_CLASSES = {cls.__name__: cls for cls in (ConstantSparsity, PolynomialDecay)}


def _from_serialised(serialised: Mapping[str, Any]) -> Schedule:
    """Makes a schedule of `{"class_name", "config"}`, with or without Keras' other keys."""
    if not {"class_name", "config"} <= serialised.keys():
        raise ValueError(
            "The config of a schedule has the keys 'class_name' and 'config', as "
            f"keras.saving.serialize_keras_object returns it; received {sorted(serialised)}."
        )
    if "registered_name" in serialised:
        return get_schedule(keras.saving.deserialize_keras_object(dict(serialised)))
    if serialised["class_name"] not in _OWN_CLASSES:
        raise ValueError(
            f"Unknown schedule '{serialised['class_name']}'. Known names: "
            f"{', '.join(_OWN_CLASSES)}; serialise others with keras.saving.serialize_keras_object."
        )
    if {"target_sparsity", "final_sparsity"} & serialised["config"].keys():
        return _from_tfmot(serialised)
    return _OWN_CLASSES[serialised["class_name"]].from_config(serialised["config"])


def _is_tfmot(schedule: object) -> bool:
    """Whether this is one of tfmot's own schedules; subclasses are called as they are."""
    in_tfmot = type(schedule).__module__.startswith("tensorflow_model_optimization.")
    return in_tfmot and type(schedule).__name__ in _OWN_CLASSES


def _from_tfmot(serialised: Mapping[str, Any]) -> Schedule:
    """Translates the config of a tfmot schedule: sparsity over final sparsity is progress."""
    config = dict(serialised["config"])
    if serialised["class_name"] == "ConstantSparsity":
        del config["target_sparsity"]
        return ConstantSparsity(**config)
    initial, final = config.pop("initial_sparsity"), config.pop("final_sparsity")
    if not 0 <= initial <= final or not final:
        raise ValueError(
            "A pruning schedule ends with more sparsity than it begins with; received the "
            f"initial_sparsity {initial} and the final_sparsity {final}."
        )
    return PolynomialDecay(**config, initial_progress=initial / final)


def _checked_steps(begin_step: int, end_step: int, frequency: int) -> tuple[int, int, int]:
    """Returns the arguments as Python's integers, which JSON knows."""
    steps = {"begin_step": begin_step, "end_step": end_step, "frequency": frequency}
    for name, value in steps.items():
        if not isinstance(value, numbers.Integral):
            raise TypeError(f"{name} is a whole number of training steps; received {value!r}.")
    if begin_step < 0:
        raise ValueError(f"begin_step is at least 0; received {begin_step}.")
    if end_step != UNBOUNDED and end_step < begin_step:
        raise ValueError(
            f"end_step is at least begin_step, {begin_step}, or -1 for no end; received {end_step}."
        )
    if frequency < 1:
        raise ValueError(f"frequency is at least 1; received {frequency}.")
    return int(begin_step), int(end_step), int(frequency)


def _is_update(schedule: ConstantSparsity | PolynomialDecay, step: int) -> bool:
    if step == schedule.end_step:
        return True
    has_begun = step >= schedule.begin_step
    has_ended = schedule.end_step != UNBOUNDED and step > schedule.end_step
    is_turn = (step - schedule.begin_step) % schedule.frequency == 0
    return bool(has_begun and not has_ended and is_turn)
