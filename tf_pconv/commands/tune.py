"""`tf-pconv tune`."""

from __future__ import annotations

import math
import pathlib

from absl import flags

from tf_pconv import lite
from tf_pconv.commands.command import Command, UsageError
from tf_pconv.commands.files import existing


def _define_tune(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "output",
        None,
        "The tuning file; what it holds already stays. Default: tf_pconv/tuning.txt in "
        "$XDG_CACHE_HOME or ~/.cache.",
        short_name="o",
        flag_values=values,
    )
    flags.DEFINE_integer("trials", 40, "Choices to try for each layer.", 1, flag_values=values)
    flags.DEFINE_float(
        "seconds", 2.0, "Time of the measurement that decides on a layer.", 0.0, flag_values=values
    )
    flags.DEFINE_integer("threads", 1, "Threads of the delegate.", 1, flag_values=values)
    flags.DEFINE_bool("again", False, "Measure what the file knows already.", flag_values=values)


def _run_tune(values: flags.FlagValues, argument: str) -> None:
    model = existing(argument, ".tflite")
    if not math.isfinite(values.seconds):
        raise UsageError(f"--seconds {values.seconds}: a finite number is needed.")
    output = lite.tuning_path() if values.output is None else pathlib.Path(values.output)
    if output.is_dir():
        raise UsageError(f"{output} is a folder; name a file.")
    if values.output is not None and not output.absolute().parent.is_dir():
        raise UsageError(f"{output.parent}: there is no such folder; make it first.")
    try:
        report = lite.tune(
            model,
            output,
            trials=values.trials,
            seconds=values.seconds,
            threads=values.threads,
            again=values.again,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted; {output} keeps the layers that were finished, and the same command "
            "goes on from there."
        ) from None
    print(report)
    print(f'\nThe delegate uses it with the option tuning: load_delegate({{"tuning": "{output}"}})')


COMMAND = Command(
    name="tune",
    argument="MODEL.tflite",
    summary="Find how each layer runs fastest on this processor",
    description=(
        "Times each convolution that the delegate takes with other kernels and block sizes\n"
        "than its own, and keeps what is faster in a tuning file. Ctrl-C keeps what is\n"
        "finished; the same command then goes on."
    ),
    examples=(
        "model.tflite",
        "model.tflite --threads 2 --output tuning.txt",
        "model.tflite --trials 100 --seconds 5 --again",
    ),
    define=_define_tune,
    run=_run_tune,
)
