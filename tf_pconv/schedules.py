"""Schedules: when masks are updated, and how far pruning has advanced.

A schedule is called with a training step and returns `(should_update, progress)`: the protocol of
tfmot's schedules, with progress in place of sparsity, because sparsity follows from the
configuration. 0 is the dense model, 1 the whole of the configured patterns and connectivity;
`targets` turns progress into what one layer keeps.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras


class Schedule(abc.ABC):
    """When masks are updated, and how far pruning has advanced by then.

    Subclass it for a schedule of your own and register the class with
    `keras.saving.register_keras_serializable`.
    """

    @abc.abstractmethod
    def __call__(self, step: int) -> tuple[bool, float]:
        """Returns whether masks are updated before this step, and the progress in [0, 1]."""

    @abc.abstractmethod
    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, in JSON types."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Schedule:
        """Makes a schedule from the result of `get_config`."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="tf_pconv")
class ConstantSparsity(Schedule):
    """The whole of patterns and connectivity from `begin_step` on: one-shot pruning.

    Masks are chosen at `begin_step` and again every `frequency` steps up to `end_step`, then stay.
    `ConstantSparsity(step, step)` prunes once.

    Args:
        begin_step: First update; before it the model is dense.
        end_step: Last update; -1: no last one.
        frequency: Steps between updates.

    Raises:
        ValueError: Negative steps, `end_step` before `begin_step`, or `frequency` below 1.
    """

    def __init__(self, begin_step: int = 0, end_step: int = -1, frequency: int = 100) -> None:
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="tf_pconv")
class PolynomialDecay(Schedule):
    """Progress `1 - (1 - initial_progress) * (1 - (step - begin_step) / (end_step - begin_step)) ** power`.

    The cubic ramp of Zhu and Gupta (2017, arXiv 1710.01878), also that of DPF (Lin et al., ICLR 2020).
    There is always an update at `end_step`, so that progress reaches 1; then masks stay.

    Args:
        begin_step: First update.
        end_step: Last update.
        power: Exponent.
        frequency: Steps between updates.
        initial_progress: Progress at `begin_step`.
    """

    def __init__(
        self,
        begin_step: int,
        end_step: int,
        power: float = 3.0,
        frequency: int = 100,
        initial_progress: float = 0.0,
    ) -> None:
        raise NotImplementedError


class Targets(NamedTuple):
    """What one layer keeps at some progress: arguments of `projection.project`."""

    pattern_fraction: float
    kernels: int | None


def targets(progress: float, in_channels: int, kernels: int | None) -> Targets:
    """Returns what a layer keeps at `progress`: patterns and connectivity advance together.

    Args:
        progress: 0 to 1.
        in_channels: Kernels of a dense filter.
        kernels: Kernels that a filter keeps at the end; None where connectivity is not pruned.
    """
    raise NotImplementedError


def default_schedule(total_steps: int) -> PolynomialDecay:
    """Returns the schedule used when none is given: a cubic ramp over the first half of training."""
    raise NotImplementedError


def get_schedule(
    identifier: Schedule | Mapping[str, Any] | Callable[[Any], tuple[Any, Any]],
) -> Schedule:
    """Returns the schedule that an object, config, tfmot schedule or callable stands for.

    Args:
        identifier: A `Schedule`; its config as serialised by Keras; tfmot's `ConstantSparsity` or
            `PolynomialDecay` (their sparsity becomes progress: 1 at their final sparsity); or any
            callable `step -> (should_update, progress)`, registered with Keras if it is to be saved.

    Raises:
        TypeError: Something else.
    """
    raise NotImplementedError
