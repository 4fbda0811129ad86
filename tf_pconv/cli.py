"""The command line `tf-pconv`: plan, prune, convert, inspect and time models.

Exit codes: 0 done; 1 the work failed; 2 the command line is wrong. Whatever can be checked is
checked before any work, and output files appear complete or not at all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pathlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags
from rich.console import Console

if TYPE_CHECKING:
    import tf_pconv

PROGRAM = "tf-pconv"


class UsageError(Exception):
    """The command line is wrong."""


@dataclasses.dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: Its name.
        argument: What its positional argument stands for; empty where it takes none.
        summary: One line.
        description: What it does, in full.
        examples: Command lines without the program's name.
        define: Defines its flags.
        run: Does the work.
    """

    name: str
    argument: str
    summary: str
    description: str
    examples: tuple[str, ...]
    define: Callable[[flags.FlagValues], None]
    run: Callable[[flags.FlagValues, str], None]

    def help(self, values: flags.FlagValues) -> str:
        """Returns what `--help` shows."""
        argument = f" {self.argument}" if self.argument else ""
        examples = "\n".join(f"  {PROGRAM} {self.name} {line}" for line in self.examples)
        return (
            f"Usage: {PROGRAM} {self.name}{argument} [flags]\n\n{self.description}\n\n"
            f"Examples:\n{examples}\n\nFlags (an underscore may be written as a hyphen):"
            f"{values.get_help(include_special_flags=False).partition(':')[2]}"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line and returns its exit code.

    Args:
        argv: Arguments without the program's name; None: those of the process.

    Returns:
        0, 1 (the work failed) or 2 (the command line is wrong).
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        _run(arguments)
    except (UsageError, flags.Error) as error:
        return _fail(error, 2)
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        return _fail(error, 1)
    return 0


def _fail(error: Exception, code: int) -> int:
    print(f"{PROGRAM}: {error}", file=sys.stderr)
    return code


def _run(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("help", "--help", "-h", "-help"):
        print(_overview())
        return
    if arguments[0] == "--version":
        import importlib.metadata

        print(f"{PROGRAM} {importlib.metadata.version('tf-pconv')}")
        return
    command = COMMANDS.get(arguments[0])
    if command is None:
        raise UsageError(
            f"there is no command {arguments[0]!r}; the commands are {', '.join(COMMANDS)}."
        )
    values = flags.FlagValues()
    command.define(values)
    if {"--help", "-h", "-help"} & set(arguments):
        print(command.help(values))
        return
    positional = values([PROGRAM, *map(_with_underscores, arguments[1:])])[1:]
    expected = 1 if command.argument else 0
    if len(positional) != expected:
        raise UsageError(
            f"{command.name} takes {command.argument or 'no argument'}, but received "
            f"{' '.join(positional) or 'none'}. See: {PROGRAM} {command.name} --help"
        )
    command.run(values, positional[0] if positional else "")


def _with_underscores(argument: str) -> str:
    """Returns a flag in the spelling of its definition: `--group-size=4` is `--group_size=4`."""
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value


def _overview() -> str:
    lines = "\n".join(f"  {command.name:<9}{command.summary}" for command in COMMANDS.values())
    return (
        f"Usage: {PROGRAM} COMMAND ...\n\n"
        "Pattern pruning for Keras, and fast inference with it.\n\n"
        f"{lines}\n\nHelp on one command, with examples: {PROGRAM} COMMAND --help"
    )


# Files


def _existing(path: str, *suffixes: str) -> pathlib.Path:
    """Returns the path of an input, once it is known to be there and of an accepted kind."""
    found = pathlib.Path(path)
    if not found.exists():
        raise UsageError(f"{path}: there is no such file.")
    if found.suffix not in suffixes:
        raise UsageError(f"{path}: a file that ends in {' or '.join(suffixes)} is needed.")
    return found


def _define_output(values: flags.FlagValues, what: str) -> None:
    flags.DEFINE_string("output", None, f"{what} to write.", short_name="o", flag_values=values)
    _define_overwrite(values)


def _define_overwrite(values: flags.FlagValues) -> None:
    flags.DEFINE_bool("overwrite", False, "Replace outputs that exist.", flag_values=values)


def _required_output(values: flags.FlagValues, suffix: str) -> pathlib.Path:
    if not values.output:
        raise UsageError(f"no output was named; add --output FILE{suffix}")
    return _new_output(values.output, values.overwrite, suffix)


def _new_output(name: str, overwrite: bool, *suffixes: str) -> pathlib.Path:
    """Returns the path of an output, once it is known that it can be written."""
    path = pathlib.Path(name)
    folder = path.absolute().parent
    if path.suffix not in suffixes:
        raise UsageError(f"{path}: the name of the output must end in {' or '.join(suffixes)}.")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; add --overwrite to replace it, or name another output.")
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder; make it first.")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{folder}: the folder cannot be written to.")
    return path


@contextlib.contextmanager
def _written_whole(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a path in a folder beside `path`; what is written there moves to `path` in one step."""
    with tempfile.TemporaryDirectory(prefix=".tf-pconv-", dir=path.absolute().parent) as folder:
        temporary = pathlib.Path(folder) / path.name
        yield temporary
        temporary.replace(path)


@contextlib.contextmanager
def _step(text: str) -> Iterator[None]:
    """Shows on standard error what is going on."""
    with Console(stderr=True).status(text):
        yield


def _load_keras_model(path: pathlib.Path) -> Any:
    import keras

    # Registers the classes that a pruned model is made of.
    import tf_pconv  # noqa: F401

    with _step(f"Loading {path}"):
        return keras.saving.load_model(path)


# plan and prune


def _define_config(values: flags.FlagValues) -> None:
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


def _config(values: flags.FlagValues, **fields: Any) -> tf_pconv.PatternConfig:
    import tf_pconv

    return tf_pconv.PatternConfig(
        library=values.library,
        compression=values.compression,
        group_size=values.group_size,
        balance=values.balance,
        rules=tuple(tf_pconv.LayerRule(name, skip=True) for name in values.skip),
        **fields,
    )


def _run_plan(values: flags.FlagValues, argument: str) -> None:
    path = _existing(argument, ".keras")
    config = _config(values)
    import tf_pconv

    print(tf_pconv.plan(_load_keras_model(path), config))


def _define_prune(values: flags.FlagValues) -> None:
    _define_config(values)
    _define_output(values, "The pruned .keras file")


def _run_prune(values: flags.FlagValues, argument: str) -> None:
    path = _existing(argument, ".keras")
    output = _required_output(values, ".keras")
    from tf_pconv import schedules

    config = _config(values, schedule=schedules.ConstantSparsity(0, 0))
    import tf_pconv

    model = _load_keras_model(path)
    print(tf_pconv.plan(model, config))
    with _step("Pruning"):
        pruned = tf_pconv.prune_patterns(model, config)
        tf_pconv.update_pattern_step(pruned)
        stripped = tf_pconv.strip_pruning(pruned)
    with _written_whole(output) as temporary:
        stripped.save(temporary)
    print(
        f"Wrote {output}. One-shot pruning costs accuracy: measure it, and fine-tune with "
        "tf_pconv.prune_patterns and fit() to win it back."
    )


# convert and inspect


def _define_convert(values: flags.FlagValues) -> None:
    _define_output(values, "The .tflite file")
    flags.DEFINE_enum(
        "quantize", "none", ["none", "int8"], "Numbers of the .tflite.", flag_values=values
    )
    flags.DEFINE_string(
        "calibration",
        None,
        "For int8: an .npz with typical inputs, samples first: one array, or one for each input, "
        "by its name.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "calibration_samples", 200, "Samples to read at most.", 1, flag_values=values
    )
    flags.DEFINE_enum(
        "pattern_format",
        "fkw",
        ["fkw", "sparse", "dense"],
        "fkw: packed, needs the delegate; sparse: TensorFlow Lite's own; dense: as they are.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "verify", True, "Compare every packed convolution with the dense one.", flag_values=values
    )


def _run_convert(values: flags.FlagValues, argument: str) -> None:
    path = _existing(argument, ".keras", ".tflite")
    output = _required_output(values, ".tflite")
    if (values.quantize == "int8") != (values.calibration is not None):
        raise UsageError(
            "--quantize int8 and --calibration FILE.npz go together: full-integer quantisation "
            "needs typical inputs, and nothing else does."
        )
    content = _repack(path, values) if path.suffix == ".tflite" else _convert_keras(path, values)
    with _written_whole(output) as temporary:
        temporary.write_bytes(content)
    print(f"Wrote {output}, {len(content):,} bytes.")


def _repack(path: pathlib.Path, values: flags.FlagValues) -> bytes:
    """Packs or unpacks a `.tflite`."""
    from tf_pconv import lite

    if values.quantize != "none":
        raise UsageError(f"{path} is quantized already or not at all; --quantize needs a .keras.")
    if values.pattern_format == "sparse":
        raise UsageError("a .tflite can be packed (fkw) or unpacked (dense), but not made sparse.")
    if values.pattern_format == "dense":
        return lite.unpack(path)
    with _step("Packing"):
        result = lite.pack(path, verify=values.verify)
    print(result.report)
    return result.model


def _convert_keras(path: pathlib.Path, values: flags.FlagValues) -> bytes:
    calibration = _existing(values.calibration, ".npz") if values.calibration else None
    model = _load_keras_model(path)
    from tf_pconv import lite

    converter = lite.TFLiteConverter.from_keras_model(model)
    converter.pattern_format = values.pattern_format
    converter.verify = values.verify
    if calibration is not None:
        _quantize(converter, model, calibration, values.calibration_samples)
    content = converter.convert()
    print(converter.report)
    return content


def _quantize(converter: Any, model: Any, calibration: pathlib.Path, samples: int) -> None:
    """Asks for full-integer int8, inputs and outputs included."""
    import tensorflow as tf

    inputs = _calibration_inputs(model, calibration, samples)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [values[i : i + 1] for values in inputs] for i in range(len(inputs[0]))
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8


def _calibration_inputs(model: Any, path: pathlib.Path, samples: int) -> list[Any]:
    """Returns one float32 array for each input of the model, checked against its shape."""
    import numpy as np

    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if len(model.inputs) == 1 and len(arrays) == 1:
        named = [(model.inputs[0], *arrays.values())]
    else:
        missing = [tensor.name for tensor in model.inputs if tensor.name not in arrays]
        if missing:
            raise ValueError(
                f"{path} has no array for the input {missing[0]!r}; it has "
                f"{', '.join(arrays) or 'none'}. Name each array after its input."
            )
        named = [(tensor, arrays[tensor.name]) for tensor in model.inputs]
    for tensor, values in named:
        shape = tuple(tensor.shape[1:])
        fits = values.ndim == len(shape) + 1 and all(
            wanted in (None, found) for wanted, found in zip(shape, values.shape[1:], strict=True)
        )
        if not fits or len(values) == 0:
            raise ValueError(
                f"{path}: the input {tensor.name!r} takes samples of shape {shape}, but the array "
                f"has the shape {values.shape} (samples first)."
            )
    return [values[:samples].astype(np.float32) for _, values in named]


def _run_inspect(values: flags.FlagValues, argument: str) -> None:
    del values
    path = _existing(argument, ".tflite")
    from tf_pconv import lite

    print(lite.inspect(path))


# bench


def _define_bench(values: flags.FlagValues) -> None:
    flags.DEFINE_multi_string(
        "layer",
        [],
        "CHANNELS,FILTERS,SIDE of a 3x3 convolution; may be repeated, and so may --dtype and "
        "--group_size: every combination is timed.",
        flag_values=values,
    )
    flags.DEFINE_string("model", None, "A .tflite to time instead.", flag_values=values)
    flags.DEFINE_multi_enum(
        "dtype", ["int8"], ["int8", "fp32"], "Numbers of the layer.", flag_values=values
    )
    flags.DEFINE_multi_integer(
        "group_size", [4], "Filters that share patterns and connectivity.", 1, flag_values=values
    )
    flags.DEFINE_float(
        "compression", 8.0, "Weights before over weights after.", 1.0, flag_values=values
    )
    flags.DEFINE_integer("stride", 1, "1 or 2.", 1, 2, flag_values=values)
    flags.DEFINE_string("library", "scp8", "Pattern library.", flag_values=values)
    flags.DEFINE_string(
        "kernel", "", "Kernel by name; empty: the delegate chooses.", flag_values=values
    )
    flags.DEFINE_integer("threads", 1, "Threads of either side.", 1, flag_values=values)
    flags.DEFINE_float("seconds", 5.0, "Time of each measurement.", 0.0, flag_values=values)
    flags.DEFINE_integer("seed", 0, "Seed of weights and inputs.", flag_values=values)
    flags.DEFINE_string(
        "json", None, "File for all figures; - is the standard output.", flag_values=values
    )
    flags.DEFINE_string("plot", None, "Picture of the speed-ups (.png, .svg).", flag_values=values)
    _define_overwrite(values)


def _run_bench(values: flags.FlagValues, argument: str) -> None:
    del argument
    if bool(values.layer) == bool(values.model):
        raise UsageError("name either --layer CHANNELS,FILTERS,SIDE or --model FILE.tflite.")
    json_file = (
        values.json and values.json != "-" and _new_output(values.json, values.overwrite, ".json")
    )
    plot_file = values.plot and _new_output(values.plot, values.overwrite, ".png", ".svg")
    from tf_pconv.lite import benchmark, benchmark_report

    settings = {
        "kernel": values.kernel,
        "threads": values.threads,
        "seconds": values.seconds,
        "seed": values.seed,
    }
    runs: list[tuple[str, Callable[[], benchmark.Comparison]]] = []
    if values.model:
        path = _existing(values.model, ".tflite")
        runs.append((path.name, functools.partial(benchmark.benchmark_model, path, **settings)))
    for case in _layer_cases(values):
        runs.append((case.name, functools.partial(benchmark.benchmark_layer, case, **settings)))
    comparisons = []
    for number, (name, run) in enumerate(runs, 1):
        with _step(f"{number} of {len(runs)}: {name}"):
            comparisons.append(run())
    machine = benchmark.describe_machine()
    document = benchmark_report.to_json(machine, comparisons)
    if plot_file:
        benchmark_report.plot_speedups(comparisons, plot_file, machine["processor"])
    if json_file:
        json_file.write_text(document)
    if values.json == "-":
        print(document, end="")
        return
    benchmark_report.print_results(comparisons, machine)


def _layer_cases(values: flags.FlagValues) -> list[Any]:
    """Returns every combination of --layer, --dtype and --group_size."""
    from tf_pconv.lite import benchmark

    cases = []
    for layer in values.layer:
        sizes = layer.split(",")
        if len(sizes) != 3 or not all(size.strip().isdecimal() for size in sizes):
            raise UsageError(
                f"--layer {layer}: three whole numbers CHANNELS,FILTERS,SIDE are needed, "
                "such as 256,256,56."
            )
        channels, filters, side = map(int, sizes)
        cases += [
            benchmark.LayerCase(
                channels,
                filters,
                side,
                dtype={"fp32": "float32"}.get(dtype, dtype),
                group_size=group_size,
                compression=values.compression,
                stride=values.stride,
                library=values.library,
            )
            for dtype in values.dtype
            for group_size in values.group_size
        ]
    return cases


COMMANDS = {
    command.name: command
    for command in (
        Command(
            name="plan",
            argument="MODEL.keras",
            summary="Show what pruning would do to each layer",
            description=(
                "Shows each layer of a Keras model: what will be done, the weights kept, whether\n"
                "the delegate will accelerate it, and the reason where not. Writes nothing."
            ),
            examples=("model.keras", "model.keras --group-size 1 --compression 6"),
            define=_define_config,
            run=_run_plan,
        ),
        Command(
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
        ),
        Command(
            name="convert",
            argument="MODEL",
            summary="Convert a pruned model to a .tflite with packed patterns",
            description=(
                "Converts a .keras model to a .tflite in which convolutions that follow patterns\n"
                "are packed for the delegate, and reports what was packed. A .tflite is packed\n"
                "as it is, or unpacked with --pattern_format dense."
            ),
            examples=(
                "pruned.keras -o model.tflite",
                "pruned.keras -o model.tflite --quantize int8 --calibration inputs.npz",
                "exported.tflite -o packed.tflite",
            ),
            define=_define_convert,
            run=_run_convert,
        ),
        Command(
            name="inspect",
            argument="MODEL.tflite",
            summary="Show which convolutions of a .tflite follow patterns",
            description=(
                "Shows the convolutions of any .tflite: which follow patterns, their group size,\n"
                "sparsity and bytes, and what the delegate will take."
            ),
            examples=("model.tflite",),
            define=lambda values: None,
            run=_run_inspect,
        ),
        Command(
            name="bench",
            argument="",
            summary="Time layers or a model against dense XNNPACK",
            description=(
                "Times pattern convolutions in the delegate against the same weights, dense, in\n"
                "XNNPACK: whole interpreter runs, in turns, in one process."
            ),
            examples=(
                "--layer 256,256,56 --dtype int8 --group-size 4 --compression 8",
                "--layer 64,64,56 --layer 128,128,28 --dtype int8 --dtype fp32 --json bench.json",
                "--model model.tflite --threads 2",
            ),
            define=_define_bench,
            run=_run_bench,
        ),
    )
}


if __name__ == "__main__":
    sys.exit(main())
