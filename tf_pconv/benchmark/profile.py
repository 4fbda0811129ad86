"""Where the time of a model goes: its layers in the delegate, their phases, and the runtime."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tf_pconv.benchmark.contestants.litert import LiteRt
from tf_pconv.benchmark.operations import Operations, operations_by_output
from tf_pconv.benchmark.settings import Settings, complete
from tf_pconv.benchmark.timing import pinned
from tf_pconv.lite.convolutions import CONVOLUTIONS, DENSIFY, Graph
from tf_pconv.lite.delegation import open_delegated
from tf_pconv.lite.flatbuffer import items, parse, schema, text
from tf_pconv.lite.inspection import layer_names

_LEAST_RUNS = 10
_NO_WEIGHTS = Operations(dense=0, executed=0)


@dataclasses.dataclass(frozen=True)
class LayerTime:
    """What a layer takes in the delegate; times are milliseconds of one run.

    Phases are those of a thread, the mean of all. What they leave of `ms` is spent on waiting for
    other threads and on rows that move to the beginning of their buffer.

    Attributes:
        name: As in `inspect`; of an operator without weights that of its output.
        operator: `PConv2D`, `CONV_2D`, `ADD`...
        kernel: Name of the kernel.
        input_shape: NHWC.
        output_shape: NHWC.
        ms: All that it takes.
        pack_ms: Finding the inputs of tiles and packing them.
        multiply_ms: Multiplying; of int8 with the output stage: bias, requantisation, activation.
            Depthwise kernels store their outputs here as well, and operators without weights do
            everything here.
        store_ms: Storing outputs; of float32 with bias and activation.
        operations: Its multiply-adds.
        bytes: Of its inputs, its output and the weights that are not pruned, each once.
    """

    name: str
    operator: str
    kernel: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    ms: float
    pack_ms: float
    multiply_ms: float
    store_ms: float
    operations: Operations
    bytes: int


@dataclasses.dataclass(frozen=True)
class RuntimeTime:
    """What the runtime takes between layers of the delegate, its own work included.

    Attributes:
        operators: Kinds of the operators that it runs there, in the order of the file.
        ms: Milliseconds of one run.
    """

    operators: tuple[str, ...]
    ms: float


@dataclasses.dataclass(frozen=True)
class Profile:
    """Where the time of a model goes: means of many runs.

    Attributes:
        runs: How many; one before them, which finds the caches cold, does not count.
        ms: Milliseconds of one run, by the clock.
        parts: In the order in which they run.
    """

    runs: int
    ms: float
    parts: tuple[LayerTime | RuntimeTime, ...]

    @property
    def layers(self) -> tuple[LayerTime, ...]:
        """What runs in the delegate."""
        return tuple(part for part in self.parts if isinstance(part, LayerTime))

    @property
    def runtime_ms(self) -> float:
        """Milliseconds of one run outside the delegate."""
        return sum(part.ms for part in self.parts if isinstance(part, RuntimeTime))


def measure_profile(model: bytes, dense: bytes, settings: Settings) -> Profile:
    """Measures where the time of a `.tflite` goes when the delegate runs it.

    Args:
        model: The file's bytes.
        dense: The same weights, dense.
        settings: Kernel, threads, seconds and seed are heeded.

    Returns:
        The profile.

    Raises:
        ValueError: A model with several graphs, more threads than processors, or a kernel that is
            unknown or cannot run here.
    """
    chosen = complete(settings)
    graphs = parse(model)
    if len(graphs.subgraphs) != 1:
        raise ValueError(
            f"the model has {len(graphs.subgraphs)} graphs; the time of one with a single graph "
            "can be divided."
        )
    with tempfile.TemporaryDirectory(prefix="tf-pconv-") as folder, pinned(chosen["threads"]):
        path = pathlib.Path(folder) / "profile.json"
        begin, end, runs = _run(model, path, chosen)
        # The delegate is gone, and has written it.
        regions = json.loads(path.read_text(errors="replace"))["regions"]
    assert all(region["runs"] == runs for region in regions), "every run runs every region"
    regions.sort(key=lambda region: region["begin_ns"])
    graph = Graph(graphs, 0)
    between = _operators_between(graph, regions)
    parts = _parts(_layers(graph, parse(dense), regions), between, regions, begin, end)
    return Profile(runs, (end - begin) / 1e6, tuple(parts))


def _run(model: bytes, path: pathlib.Path, settings: Settings) -> tuple[float, float, int]:
    """Runs the model; returns the means of when runs began and ended, and how many did."""
    options = {"kernel": settings["kernel"], "profile": str(path)}
    interpreter, _ = open_delegated(model, options, settings["threads"], required=False)
    contestant = LiteRt(interpreter)
    contestant.set_inputs(contestant.random_inputs(settings["seed"]))
    contestant.invoke()
    # The delegate's clock is that of `perf_counter`.
    begins: list[int] = []
    ends: list[int] = []
    stop = time.perf_counter() + settings["seconds"]
    while len(begins) < _LEAST_RUNS or time.perf_counter() < stop:
        begins.append(time.perf_counter_ns())
        contestant.invoke()
        ends.append(time.perf_counter_ns())
    first = begins[0]
    begin, end = (first + float(np.mean(np.subtract(times, first))) for times in (begins, ends))
    return begin, end, len(begins)


def _layers(graph: Graph, dense: Any, regions: Sequence[dict[str, Any]]) -> dict[int, LayerTime]:
    """Returns the layers of regions by their nodes."""
    entries = [layer for region in regions for layer in region["layers"]]
    counts = operations_by_output(dense, [(0, entry["output"]) for entry in entries])
    names = iter(
        layer_names([_weights_name(graph, each["node"]) for each in entries if _has_weights(each)])
    )
    return {
        entry["node"]: _layer(next(names), graph, entry, counts[0, entry["output"]])
        if _has_weights(entry)
        else _layer(entry["name"], graph, entry, _NO_WEIGHTS)
        for entry in entries
    }


def _has_weights(entry: Mapping[str, Any]) -> bool:
    return entry["operator"] in CONVOLUTIONS


def _layer(name: str, graph: Graph, entry: Mapping[str, Any], operations: Operations) -> LayerTime:
    source, output = tuple(entry["input_shape"]), tuple(entry["output_shape"])
    if _has_weights(entry):
        values_read = math.prod(source) + operations.executed // math.prod(output[:3])
    else:
        values_read = _values_of_inputs(graph, entry)
    return LayerTime(
        name=name,
        operator=entry["operator"],
        kernel=entry["kernel"],
        input_shape=source,
        output_shape=output,
        ms=entry["ns"] / 1e6,
        pack_ms=entry["pack_ns"] / 1e6,
        multiply_ms=entry["multiply_ns"] / 1e6,
        store_ms=entry["store_ns"] / 1e6,
        operations=operations,
        bytes=_item_bytes(graph, entry) * (values_read + math.prod(output)),
    )


def _values_of_inputs(graph: Graph, entry: Mapping[str, Any]) -> int:
    tensors = [graph.tensor(tensor) for tensor in items(graph.operators[entry["node"]].inputs)]
    # Without axes and widths of borders.
    activations = (t for t in tensors if t.type == graph.tensor(entry["output"]).type)
    return sum(math.prod(map(int, items(tensor.shape))) for tensor in activations)


def _item_bytes(graph: Graph, entry: Mapping[str, Any]) -> int:
    return 4 if graph.tensor(entry["output"]).type == schema().TensorType.FLOAT32 else 1


def _parts(
    layers: Mapping[int, LayerTime],
    between: Sequence[tuple[str, ...]],
    regions: Sequence[dict[str, Any]],
    begin: float,
    end: float,
) -> Iterator[LayerTime | RuntimeTime]:
    """Yields what runs from `begin` to `end`, in nanoseconds of the clock."""
    for operators, region in zip(between, regions, strict=False):
        yield RuntimeTime(operators, (region["begin_ns"] - begin) / 1e6)
        yield from (layers[entry["node"]] for entry in region["layers"])
        begin = region["end_ns"]
    yield RuntimeTime(between[-1], (end - begin) / 1e6)


def _weights_name(graph: Graph, node: int) -> str:
    weights = int(graph.operators[node].inputs[1])
    maker = graph.maker.get(weights)
    if maker is not None:
        weights = int(graph.operators[maker].inputs[0])
    return text(graph.tensor(weights).name)


def _operators_between(graph: Graph, regions: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Returns what the runtime runs before each region, and behind the last.

    It runs an operator as early as its inputs allow.
    """
    region_of = {
        layer["node"]: place for place, region in enumerate(regions) for layer in region["layers"]
    }
    between: list[list[str]] = [[] for _ in range(len(regions) + 1)]
    ready = [0] * len(graph.operators)  # the place from which on the outputs are there
    for node, operator in enumerate(graph.operators):
        makers = (graph.maker.get(int(tensor)) for tensor in items(operator.inputs))
        place = max((ready[maker] for maker in makers if maker is not None), default=0)
        if node in region_of:
            ready[node] = region_of[node] + 1
        else:
            ready[node] = place
            if graph.kinds[node] != DENSIFY:
                between[place].append(graph.kinds[node])
    return [tuple(kinds) for kinds in between]
