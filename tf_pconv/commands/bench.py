"""`tf-pconv bench`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np
from absl import flags

from tf_pconv.benchmark import comparison, contestants, network_case, pictures, report, suites
from tf_pconv.benchmark.layer_case import LayerCase
from tf_pconv.benchmark.machine import describe_machine
from tf_pconv.benchmark.results import Comparison
from tf_pconv.benchmark.roofline import plot_roofline
from tf_pconv.benchmark.settings import Settings
from tf_pconv.commands.command import Command, UsageError, uses_keras
from tf_pconv.commands.files import define_overwrite, existing, new_output, written_whole
from tf_pconv.progress import step


def _define_bench(values: flags.FlagValues) -> None:
    flags.DEFINE_multi_string(
        "layer",
        [],
        "CHANNELS,FILTERS,SIDE of a convolution; may be repeated, and so may --dtype and "
        "--group_size: every combination is timed.",
        flag_values=values,
    )
    flags.DEFINE_string("model", None, "A .tflite to time instead.", flag_values=values)
    flags.DEFINE_multi_enum(
        "network",
        [],
        list(network_case.NAMES),
        "A network with random weights to time instead; may be repeated.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "suite",
        None,
        ["patdnn", "networks"],
        "patdnn: the nine layers of PatDNN (with --chain those with as many filters as "
        "channels); networks: all networks.",
        flag_values=values,
    )
    flags.DEFINE_multi_enum(
        "engine",
        [contestants.DEFAULT],
        [contestants.ALL, *contestants.ENGINES],
        "Engine to compare with, on the same weights, dense; may be repeated. all: every engine "
        "that reads files of the same type and needs no tuning; delegate: the delegate's own file "
        "a second time, which shows how noisy the machine is.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "engine_python",
        "",
        "Python of an environment with DeepSparse, which cannot share this one.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "pack",
        True,
        "Pack what follows patterns; --nopack loads the delegate for the dense file instead.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "chain", 1, "Equal layers in one model, with RELU behind each.", 1, flag_values=values
    )
    flags.DEFINE_string(
        "cache", None, "Folder that keeps converted networks for the next time.", flag_values=values
    )
    flags.DEFINE_multi_enum(
        "dtype", ["int8"], ["int8", "fp32"], "Numbers of the layer.", flag_values=values
    )
    flags.DEFINE_multi_integer(
        "group_size", [4], "Filters that share patterns and connectivity.", 1, flag_values=values
    )
    flags.DEFINE_multi_float(
        "compression",
        [],
        "Weights before over weights after; may be repeated, and --plot then draws speed against "
        "it. Default: 8 for layers, for each network its own; 1 leaves a network dense.",
        1.0,
        flag_values=values,
    )
    flags.DEFINE_integer("stride", 1, "1 or 2.", 1, 2, flag_values=values)
    flags.DEFINE_enum(
        "kernel_size",
        "3",
        ["1", "3"],
        "Side of the kernels of --layer: 3, pruned to patterns, or 1, pruned to connectivity.",
        flag_values=values,
    )
    flags.DEFINE_string("library", "scp8", "Pattern library.", flag_values=values)
    flags.DEFINE_string(
        "kernel", "", "Kernel by name; empty: the delegate chooses.", flag_values=values
    )
    flags.DEFINE_integer("threads", 1, "Threads of each contestant.", 1, flag_values=values)
    flags.DEFINE_float("seconds", 5.0, "Time of each measurement.", 0.0, flag_values=values)
    flags.DEFINE_integer(
        "loads",
        3,
        "Times that all contestants are loaded afresh within a measurement: where tensors lie in "
        "memory moves times by some per cent.",
        1,
        flag_values=values,
    )
    flags.DEFINE_integer("seed", 0, "Seed of weights and inputs.", 0, flag_values=values)
    flags.DEFINE_bool(
        "memory",
        False,
        "Measure load time and memory as well, each in a process of its own.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "profile",
        False,
        "Measure as well where the time goes: layers and their phases, and the runtime.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "json", None, "File for all figures; - is the standard output.", flag_values=values
    )
    flags.DEFINE_string("plot", None, "Picture of the speed-ups (.png, .svg).", flag_values=values)
    flags.DEFINE_string(
        "roofline",
        None,
        "Picture of the layers under the limits of the processor (.png, .svg); profiles them.",
        flag_values=values,
    )
    define_overwrite(values)


@uses_keras
def _run_bench(values: flags.FlagValues, argument: str) -> None:
    del argument
    subjects = (values.layer, values.model, values.network, values.suite)
    if sum(map(bool, subjects)) != 1:
        raise UsageError(
            "name either --layer CHANNELS,FILTERS,SIDE, --suite NAME, --network NAME or "
            "--model FILE.tflite."
        )
    for name in ("seconds", "compression"):
        if not np.isfinite(values[name].value).all():
            raise UsageError(f"--{name} {values[name].value}: finite numbers are needed.")
    _refuse_unused(values)
    json_file = (
        values.json and values.json != "-" and new_output(values.json, values.overwrite, ".json")
    )
    plot_file = values.plot and new_output(values.plot, values.overwrite, ".png", ".svg")
    roofline_file = values.roofline and new_output(
        values.roofline, values.overwrite, ".png", ".svg"
    )
    if plot_file and roofline_file and plot_file.resolve() == roofline_file.resolve():
        raise UsageError(f"--plot and --roofline both name {plot_file}; name two files.")
    runs = list(_runs(values))
    comparisons = []
    for number, (name, run) in enumerate(runs, 1):
        with step(f"{number} of {len(runs)}: {name}"):
            comparisons.append(run())
    machine = describe_machine()
    document = report.to_json(machine, comparisons)
    if plot_file:
        with written_whole(plot_file) as temporary:
            plot = (
                pictures.plot_compressions
                if len(values.compression) > 1 and not values.model
                else pictures.plot_speedups
            )
            plot(comparisons, temporary, machine["processor"])
    if roofline_file:
        with written_whole(roofline_file) as temporary:
            plot_roofline(comparisons, temporary, machine["processor"])
    if json_file:
        with written_whole(json_file) as temporary:
            temporary.write_text(document)
    if values.json == "-":
        print(document, end="")
        return
    report.print_results(comparisons, machine)


def _refuse_unused(values: flags.FlagValues) -> None:
    """Refuses flags that say nothing about what is measured."""
    is_network = values.network or values.suite == "networks"
    if values.model or is_network:
        for name in ("chain", "kernel_size", "library", "stride"):
            if values[name].present:
                raise UsageError(f"--{name} is for --layer; leave it out, or name a --layer.")
    if values.model:
        for name in ("dtype", "group_size", "compression", "pack"):
            if values[name].present:
                raise UsageError(
                    f"--{name} is for layers and networks that are built here; --model is timed "
                    "as it is. Leave it out."
                )
    if values["cache"].present and not is_network:
        raise UsageError("--cache keeps networks; leave it out, or name a --network.")
    if values.engine_python and "deepsparse" not in values.engine:
        raise UsageError(
            f"--engine_python {values.engine_python} is for --engine deepsparse; add that, or "
            "leave it out."
        )


def _runs(values: flags.FlagValues) -> Iterator[tuple[str, Callable[[], Comparison]]]:
    """Yields the name of each measurement, and what makes it."""
    settings: Settings = {
        "kernel": values.kernel,
        "threads": values.threads,
        "seconds": values.seconds,
        "loads": values.loads,
        "seed": values.seed,
        "engine_python": values.engine_python,
        "memory": values.memory,
        "profile": values.profile or bool(values.roofline),
    }
    if values.model:
        path = existing(values.model, ".tflite")
        run = functools.partial(comparison.benchmark_model, path, values.engine)
        yield path.name, functools.partial(run, **settings)
    for layer in _layer_cases(values):
        run = functools.partial(comparison.benchmark_layer, layer, values.engine)
        yield layer.name, functools.partial(run, packed=values.pack, **settings)
    for network in _network_cases(values):
        run = functools.partial(
            comparison.benchmark_network, network, values.engine, values.cache, packed=values.pack
        )
        yield network.name, functools.partial(run, **settings)


def _layer_cases(values: flags.FlagValues) -> list[LayerCase]:
    """Returns every combination of layers, --dtype, --group_size and --compression."""
    compressions = values.compression or [suites.LAYER_COMPRESSION]
    if values.suite == "patdnn":
        if values.stride != 1:
            raise UsageError("the layers of --suite patdnn have stride 1; leave --stride out.")
        if values.kernel_size != "3":
            raise UsageError("the layers of --suite patdnn are 3x3; leave --kernel_size out.")
        return suites.patdnn_cases(
            _dtypes(values), values.group_size, compressions, values.library, values.chain
        )
    return [
        LayerCase(
            *_sizes(layer),
            dtype=dtype,
            group_size=group_size,
            compression=compression,
            stride=values.stride,
            kernel_size=int(values.kernel_size),
            library=values.library,
            chain=values.chain,
        )
        for layer in values.layer
        for dtype in _dtypes(values)
        for group_size in values.group_size
        for compression in compressions
    ]


def _network_cases(values: flags.FlagValues) -> list[network_case.NetworkCase]:
    """Returns every combination of networks, --dtype, --group_size and --compression."""
    names = suites.NETWORKS if values.suite == "networks" else values.network
    return suites.network_cases(names, _dtypes(values), values.group_size, values.compression)


def _sizes(layer: str) -> tuple[int, int, int]:
    sizes = layer.split(",")
    if len(sizes) != 3 or not all(size.strip().isdecimal() for size in sizes):
        raise UsageError(
            f"--layer {layer}: three whole numbers CHANNELS,FILTERS,SIDE are needed, "
            "such as 256,256,56."
        )
    channels, filters, side = map(int, sizes)
    return channels, filters, side


def _dtypes(values: flags.FlagValues) -> list[str]:
    return [{"fp32": "float32"}.get(dtype, dtype) for dtype in values.dtype]


COMMAND = Command(
    name="bench",
    argument="",
    summary="Time layers, networks or a model against dense engines",
    description=(
        "Times pattern convolutions in the delegate against the same weights, dense, in\n"
        "XNNPACK and other engines: whole runs, in turns, in one process."
    ),
    examples=(
        "--layer 256,256,56 --dtype int8 --group-size 4 --compression 8",
        "--layer 64,64,56 --layer 128,128,28 --dtype int8 --dtype fp32 --json bench.json",
        "--layer 256,1024,14 --kernel-size 1 --compression 4.4",
        "--suite patdnn --chain 4 --dtype int8 --dtype fp32",
        "--suite networks --cache networks --engine all",
        "--layer 256,256,56 --engine delegate",
        "--network resnet50 --cache networks --profile --roofline roofline.png",
        "--model model.tflite --threads 2",
    ),
    define=_define_bench,
    run=_run_bench,
)
