"""Searches for the fastest way to run one layer."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np

from tf_pconv.benchmark.timing import median_interval
from tf_pconv.lite.tuning.layers import Layer
from tf_pconv.lite.tuning.measurement import time_choices
from tf_pconv.lite.tuning.report import LayerTuning
from tf_pconv.lite.tuning.tuning_file import Choices, TunedLayer

_BLOCK_BYTES = (0, *(1024 * kib for kib in (16, 32, 64, 128, 256, 512)))
"""Sizes of blocks to try; 0 is the delegate's own."""

_DEFAULT = Choices()
_SEED = 0


def require_optimizer() -> None:
    """Says what to install where the optimiser is missing.

    Raises:
        ImportError: Optuna is not installed.
    """
    if importlib.util.find_spec("optuna") is None:
        raise ImportError("Tuning needs Optuna: install it with `pip install tf-pconv[tune]`.")


def tune_layer(
    layer: Layer, trials: int, threads: int, seconds: float, tried: Callable[[], None]
) -> LayerTuning:
    """Searches for choices that beat the delegate's own.

    Optuna proposes choices, each of which is timed for a moment in turns with the delegate's own.
    The best of them is then timed for `seconds`, and taken only where the whole 95 % interval of
    the gain lies above 1.

    Args:
        layer: The layer.
        trials: Choices to try.
        threads: Threads of the delegate.
        seconds: How long the deciding measurement takes.
        tried: Called after each trial.

    Returns:
        What was measured.
    """
    best = _search(layer, trials, threads, tried)
    sides = [_DEFAULT, None] if best == _DEFAULT else [_DEFAULT, None, best]
    times = time_choices(layer, sides, threads, seconds)
    chosen, column = _DEFAULT, 0
    ratios = times[:, 0] / times[:, -1]
    if best != _DEFAULT and median_interval([ratios])[0] > 1:
        chosen, column = best, -1
    return LayerTuning(
        names=layer.names,
        signature=layer.signature,
        default_kernel=layer.default_kernel,
        tuned=TunedLayer(chosen, gain=float(np.median(times[:, 1] / times[:, column]))),
        milliseconds=float(np.median(times[:, column])),
        improvement=float(np.median(times[:, 0] / times[:, column])),
    )


def _search(layer: Layer, trials: int, threads: int, tried: Callable[[], None]) -> Choices:
    """Returns the choices that look best after a short look at each."""
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=_SEED)
    )
    space: dict[str, BaseDistribution] = {
        "kernel": CategoricalDistribution(("", *layer.kernels)),
        "block_bytes": CategoricalDistribution(_BLOCK_BYTES),
    }
    for block_bytes in _BLOCK_BYTES[1:]:
        study.enqueue_trial({"kernel": "", "block_bytes": block_bytes})
    gains = {_DEFAULT: 1.0}
    for _ in range(trials):
        trial = study.ask(space)
        choices = Choices(**trial.params)
        if choices not in gains:
            times = time_choices(layer, [_DEFAULT, choices], threads, seconds=0.0)
            gains[choices] = float(np.median(times[:, 0] / times[:, 1]))
        study.tell(trial, gains[choices])
        tried()
    return max(gains, key=gains.__getitem__)
