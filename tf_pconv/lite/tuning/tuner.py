"""Tunes the convolutions of a model, one after another."""

from __future__ import annotations

import os
import pathlib

from tf_pconv.lite.flatbuffer import load
from tf_pconv.lite.tuning.layers import Layer, find_layers
from tf_pconv.lite.tuning.report import LayerTuning, TuningReport
from tf_pconv.lite.tuning.search import require_optimizer, tune_layer
from tf_pconv.lite.tuning.tuning_file import read_tunings, tuning_path, write_tunings


def tune(
    model: bytes | str | os.PathLike,
    output: str | os.PathLike | None = None,
    *,
    trials: int = 40,
    seconds: float = 2.0,
    threads: int = 1,
    again: bool = False,
    show_progress: bool = True,
) -> TuningReport:
    """Measures how each convolution of a model runs fastest on this processor.

    For each convolution that differs from those before, Optuna proposes kernels and block sizes,
    which are timed in turns with what the delegate chooses by itself; that stays unless the best
    proposal is faster with 95 % confidence. The gain over dense XNNPACK is measured as well. Both
    go into the tuning file after each convolution, so that after an interruption the next call
    goes on where this one ended. The delegate uses the file where it is named:
    `tf_pconv.load_delegate({"tuning": path})`.

    Args:
        model: The bytes of a `.tflite`, packed or not, or its path.
        output: The tuning file. What it holds of other layers and processors stays. Default:
            `tuning_path()`.
        trials: Proposals for each convolution, at least 1.
        seconds: How long the measurement takes that decides on each convolution, at least 0.
        threads: Threads of the delegate, at most the processors. Each number is tuned by itself.
        again: Whether convolutions that the file knows are measured again.
        show_progress: Whether a bar on the standard error shows how far it is.

    Returns:
        What was measured; `print` shows a table.

    Raises:
        ValueError: Not a readable TFLite file, a malformed tuning file, or an argument out of
            range.
        OSError: The tuning file cannot be read or written.
        ImportError: Optuna is not installed.
        FileNotFoundError: No delegate library.

    Example:
        >>> report = tf_pconv.lite.tune("model.tflite")
        >>> print(report)
        >>> delegate = tf_pconv.load_delegate({"tuning": tf_pconv.lite.tuning_path()})
    """
    if trials < 1:
        raise ValueError(f"trials must be at least 1, but is {trials}.")
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"seconds must be a finite number, at least 0, but is {seconds}.")
    if threads < 1:
        raise ValueError(f"threads must be at least 1, but is {threads}.")
    require_optimizer()
    path = tuning_path() if output is None else pathlib.Path(output)
    tunings = read_tunings(path)
    layers, reasons = find_layers(load(model), threads)
    results = []
    with _Progress(len(layers), trials, enabled=show_progress) as progress:
        for layer in layers:
            progress.start(layer)
            known = tunings.setdefault(layer.processor, {})
            if again or layer.signature not in known:
                result = tune_layer(layer, trials, threads, seconds, progress.advance)
                known[layer.signature] = result.tuned
                write_tunings(path, tunings)
            else:
                result = LayerTuning(
                    layer.names, layer.signature, layer.default_kernel, known[layer.signature]
                )
            results.append(result)
            progress.finish()
    return TuningReport(path, tuple(results), reasons)


class _Progress:
    """A bar on the standard error that counts layers and trials.

    It is drawn only when told: opening an interpreter diverts the standard error for a moment.
    """

    def __init__(self, layers: int, trials: int, enabled: bool):
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._trials = trials
        self._done = 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("trials"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            auto_refresh=False,
            disable=not enabled,
        )
        self._task = self._progress.add_task("", total=layers * trials)

    def __enter__(self) -> _Progress:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def start(self, layer: Layer) -> None:
        self._progress.update(self._task, description=layer.names[0], refresh=True)

    def advance(self) -> None:
        self._progress.update(self._task, advance=1, refresh=True)

    def finish(self) -> None:
        """Ends a layer, also one that needed no trials."""
        self._done += self._trials
        self._progress.update(self._task, completed=self._done, refresh=True)
