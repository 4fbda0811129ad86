"""Profiles divide the time of a model among its layers, their phases and the runtime."""

import json

import numpy as np
import pytest
from delegated_models import INTERPRETERS
from tflite_models import Conv, chain, pattern_weights

import tf_pconv
from tf_pconv import benchmark, cli
from tf_pconv.benchmark.profile import RuntimeTime, measure_profile
from tf_pconv.lite import flatbuffer

CHANNELS = 16


def model(rng, *kinds, side=12):
    """A chain of float32 convolutions: `pattern`, packed, or `dense`, which stay dense."""
    convs = []
    for kind in kinds:
        weights = rng.normal(size=(CHANNELS, 3, 3, CHANNELS)).astype(np.float32)
        if kind == "pattern":
            weights = pattern_weights(rng, CHANNELS, CHANNELS, 4, kernels=4)
        convs.append(Conv(weights))
    dense = chain(*convs, side=side).serialize()
    return tf_pconv.lite.pack(dense, verify=False, min_speedup=0).model


@pytest.fixture
def mixed(rng):
    return model(rng, "dense", "pattern", "pattern", "dense", "dense", "pattern")


def phases(layer):
    return layer.pack_ms + layer.multiply_ms + layer.store_ms


def test_parts_come_in_the_order_in_which_they_run(mixed):
    profile = measure_profile(mixed, {"seconds": 0.0})
    kinds = [
        part.operators if isinstance(part, RuntimeTime) else part.operator for part in profile.parts
    ]
    conv = ("CONV_2D",)
    assert kinds == [conv, "PConv2D", "PConv2D", 2 * conv, "PConv2D", ()]
    assert len({layer.name for layer in profile.layers}) == 3


@pytest.mark.parametrize("threads", [1, 2])
def test_parts_add_up(mixed, threads):
    profile = measure_profile(mixed, {"seconds": 0.1, "threads": threads})
    assert profile.runs >= 10
    total = sum(part.ms for part in profile.parts)
    # What regions spend between their layers belongs to none of them.
    assert total <= 1.001 * profile.ms
    assert all(part.ms > 0 for part in profile.parts)
    assert all(0 < phases(layer) <= 1.001 * layer.ms for layer in profile.layers)


def test_layers_are_described(rng):
    (layer,) = measure_profile(model(rng, "pattern", side=9), {"seconds": 0.0}).layers
    assert layer.kernel.startswith("f32-pconv-g4-")
    assert layer.input_shape == layer.output_shape == (1, 9, 9, CHANNELS)


def test_the_named_kernel_is_profiled(rng):
    settings = {"seconds": 0.0, "kernel": "reference"}
    (layer,) = measure_profile(model(rng, "pattern"), settings).layers
    assert layer.kernel == "reference"
    assert (layer.pack_ms, layer.store_ms) == (0, 0) < (layer.multiply_ms,) * 2


def test_a_model_of_which_nothing_is_delegated_is_all_runtime(rng):
    (part,) = measure_profile(model(rng, "dense", "dense"), {"seconds": 0.0}).parts
    assert part.operators == ("CONV_2D", "CONV_2D")


def test_models_with_several_graphs_are_refused(rng):
    parsed = flatbuffer.parse(model(rng, "pattern"))
    parsed.subgraphs *= 2
    with pytest.raises(ValueError, match="2 graphs"):
        measure_profile(flatbuffer.serialize(parsed), {})


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_the_delegate_writes_its_profile_when_it_goes(rng, tmp_path, interpreter):
    path = tmp_path / "profile.json"
    delegate = tf_pconv.load_delegate({"profile": path})
    make, _ = INTERPRETERS[interpreter]
    opened = make(model_content=model(rng, "pattern"), experimental_delegates=[delegate])
    opened.allocate_tensors()
    for _ in range(3):
        opened.invoke()
    del opened, delegate
    (region,) = json.loads(path.read_text())["regions"]
    assert region["runs"] == 2
    (layer,) = region["layers"]
    assert 0 < layer["ns"] <= region["end_ns"] - region["begin_ns"]


def test_bench_prints_and_writes_the_profile(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    path = tmp_path / "bench.json"
    layer = ["--layer", "16,16,6", "--chain", "2", "--seconds", "0"]
    assert cli.main(["bench", *layer, "--profile", "--json", str(path)]) == 0
    (result,) = json.loads(path.read_text())["results"]
    layers = [part for part in result["profile"]["parts"] if "kernel" in part]
    shown = capsys.readouterr().out
    assert len(layers) == 2
    assert all(each["name"] in shown and each["kernel"] in shown for each in layers)
    assert "all 2 layers" in shown


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits(width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    assert cli.main(["bench", "--layer", "16,16,6", "--seconds", "0", "--profile"]) == 0
    table = capsys.readouterr().out
    assert max(map(len, table.splitlines())) <= width
    assert "…" not in table


def test_comparisons_are_not_profiled_unasked():
    assert benchmark.benchmark_layer(benchmark.LayerCase(16, 16, 6), seconds=0.0).profile is None
