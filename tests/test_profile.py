"""Profiles divide the time of a model among its layers, their phases and the runtime."""

import json

import numpy as np
import pytest
import tensorflow as tf
from delegated_models import INTERPRETERS, convert, pattern_kernel, residual
from tflite_models import Conv, chain, pattern_weights

import tf_pconv
from tf_pconv import benchmark, cli
from tf_pconv.benchmark import roofline
from tf_pconv.benchmark.peaks import measure_peaks
from tf_pconv.benchmark.profile import RuntimeTime, measure_profile
from tf_pconv.lite import flatbuffer

CHANNELS = 16


def model(rng, *kinds, side=12):
    """A chain of float32 convolutions, packed and dense; only `pattern` ones can be packed."""
    convs = []
    for kind in kinds:
        weights = rng.normal(size=(CHANNELS, 3, 3, CHANNELS)).astype(np.float32)
        if kind == "pattern":
            weights = pattern_weights(rng, CHANNELS, CHANNELS, 4, kernels=4)
        convs.append(Conv(weights))
    dense = chain(*convs, side=side).serialize()
    return tf_pconv.lite.pack(dense, verify=False, min_speedup=0).model, dense


@pytest.fixture
def mixed(rng):
    return model(rng, "dense", "pattern", "pattern", "dense", "dense", "pattern")


def phases(layer):
    return layer.pack_ms + layer.multiply_ms + layer.store_ms


def test_parts_come_in_the_order_in_which_they_run(mixed):
    profile = measure_profile(*mixed, {"seconds": 0.0})
    kinds = [
        part.operators if isinstance(part, RuntimeTime) else part.operator for part in profile.parts
    ]
    conv = ("CONV_2D",)
    assert kinds == [conv, "PConv2D", "PConv2D", 2 * conv, "PConv2D", ()]
    assert len({layer.name for layer in profile.layers}) == 3


@pytest.mark.parametrize("threads", [1, 2])
def test_parts_add_up(mixed, threads):
    profile = measure_profile(*mixed, {"seconds": 0.1, "threads": threads})
    assert profile.runs >= 10
    total = sum(part.ms for part in profile.parts)
    # What regions spend between their layers belongs to none of them.
    assert total <= 1.001 * profile.ms
    assert all(part.ms > 0 for part in profile.parts)
    assert all(0 < phases(layer) <= 1.001 * layer.ms for layer in profile.layers)


def test_layers_are_described(rng):
    (layer,) = measure_profile(*model(rng, "pattern", side=9), {"seconds": 0.0}).layers
    assert layer.kernel.startswith("f32-pconv-g4-")
    assert layer.input_shape == layer.output_shape == (1, 9, 9, CHANNELS)
    weights = CHANNELS * 4 * 4  # filters, kernels of each, weights of a pattern
    assert layer.operations.dense == 81 * 9 * CHANNELS**2
    assert layer.operations.executed == 81 * weights
    assert layer.bytes == 4 * (2 * 81 * CHANNELS + weights)


def test_additions_and_poolings_are_layers_that_multiply_nothing(rng, capsys, tmp_path):
    file = tmp_path / "residual.tflite"
    file.write_bytes(convert(rng, residual(rng), (1, 12, 12, 8), pattern_format="fkw"))
    dense = tf_pconv.lite.unpack(file.read_bytes())
    profile = measure_profile(file.read_bytes(), dense, {"seconds": 0.0})
    kinds = [layer.operator for layer in profile.layers]
    assert kinds == ["PConv2D", "PConv2D", "ADD", "MAX_POOL_2D", "PConv2D"]
    for layer in profile.layers:
        assert layer.name
        assert (layer.operations.executed > 0) == (layer.operator == "PConv2D")
    add, pool = profile.layers[2:4]
    assert add.bytes == 3 * 4 * 12 * 12 * 64
    assert pool.bytes == 4 * (12 * 12 + 6 * 6) * 64
    cli.main(["bench", "--model", str(file), "--profile", "--seconds", "0"])
    rows = [line for line in capsys.readouterr().out.splitlines() if "all 5 layers" in line]
    assert "%" in rows[0].split()[-2:]


def test_averages_are_layers_that_multiply_nothing(rng):
    kernel = pattern_kernel(rng, 8, 64, 4)

    def function(x):
        x = tf.nn.conv2d(x, kernel, 1, "SAME")
        return tf.reduce_mean(tf.nn.avg_pool2d(x, 3, 2, "SAME"), (1, 2))

    dense = convert(rng, function, (1, 12, 12, 8))
    packed = convert(rng, function, (1, 12, 12, 8), pattern_format="fkw")
    conv, pool, mean = measure_profile(packed, dense, {"seconds": 0.0}).layers
    assert (pool.operator, mean.operator) == ("AVERAGE_POOL_2D", "MEAN")
    assert conv.operations.executed > 0
    assert pool.operations.executed == mean.operations.executed == 0
    assert pool.bytes == 4 * (12 * 12 + 6 * 6) * 64
    assert (mean.output_shape, mean.bytes) == ((1, 1, 1, 64), 4 * (6 * 6 + 1) * 64)


def test_a_dense_file_that_the_delegate_takes_executes_no_zeros():
    case = benchmark.LayerCase(64, 64, 24)
    subject = benchmark.Subject.from_layer(case, packed=False)
    comparison = benchmark.compare(subject, profile=True, seconds=0.0)
    (layer,) = comparison.profile.layers
    assert layer.operator == "CONV_2D"
    assert layer.operations.executed < comparison.operations.executed == layer.operations.dense


def test_the_named_kernel_is_profiled(rng):
    settings = {"seconds": 0.0, "kernel": "reference"}
    (layer,) = measure_profile(*model(rng, "pattern"), settings).layers
    assert layer.kernel == "reference"
    assert (layer.pack_ms, layer.store_ms) == (0, 0) < (layer.multiply_ms,) * 2


def test_a_model_of_which_nothing_is_delegated_is_all_runtime(rng):
    (part,) = measure_profile(*model(rng, "dense", "dense"), {"seconds": 0.0}).parts
    assert part.operators == ("CONV_2D", "CONV_2D")


def test_models_with_several_graphs_are_refused(rng):
    packed, dense = model(rng, "pattern")
    parsed = flatbuffer.parse(packed)
    parsed.subgraphs *= 2
    with pytest.raises(ValueError, match="2 graphs"):
        measure_profile(flatbuffer.serialize(parsed), dense, {})


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_the_delegate_writes_its_profile_when_it_goes(rng, tmp_path, interpreter):
    path = tmp_path / "profile.json"
    delegate = tf_pconv.load_delegate({"profile": path})
    make, _ = INTERPRETERS[interpreter]
    opened = make(model_content=model(rng, "pattern")[0], experimental_delegates=[delegate])
    opened.allocate_tensors()
    for _ in range(3):
        opened.invoke()
    del opened, delegate
    (region,) = json.loads(path.read_text())["regions"]
    assert region["runs"] == 2
    (layer,) = region["layers"]
    assert 0 < layer["ns"] <= region["end_ns"] - region["begin_ns"]


def test_bench_prints_and_writes_the_profile(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    path = tmp_path / "bench.json"
    layer = ["--layer", "16,16,6", "--chain", "2", "--seconds", "0"]
    assert cli.main(["bench", *layer, "--profile", "--json", str(path)]) == 0
    (result,) = json.loads(path.read_text())["results"]
    layers = [part for part in result["profile"]["parts"] if "kernel" in part]
    shown = capsys.readouterr().out
    assert len(layers) == 2
    assert all(each["name"] in shown and each["kernel"] in shown for each in layers)
    assert "all 2 layers" in shown


@pytest.mark.parametrize("width", [80, 120, 140])
def test_the_table_fits(width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    assert cli.main(["bench", "--layer", "16,16,6", "--seconds", "0", "--profile"]) == 0
    table = capsys.readouterr().out
    assert max(map(len, table.splitlines())) <= width
    assert "…" not in table


@pytest.fixture(scope="module")
def profiled():
    return benchmark.benchmark_layer(
        benchmark.LayerCase(32, 32, 12, chain=3), seconds=0.0, profile=True
    )


def test_peaks_are_those_of_the_kernels(profiled):
    peaks = profiled.peaks
    assert set(peaks.multiply_adds) == set(profiled.kernels)
    assert min([*peaks.multiply_adds.values(), *peaks.reads.values()]) > 1e8
    assert 0 < profiled.share_of_peak < 1
    assert profiled.executed_rate < profiled.dense_rate


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_comparisons_name_the_kernels_that_run(dtype):
    case = benchmark.LayerCase(32, 32, 7, dtype)
    comparison = benchmark.benchmark_layer(case, seconds=0.0, profile=True)
    assert {layer.kernel for layer in comparison.profile.layers} == set(comparison.kernels)


def test_what_is_not_known_has_no_peak():
    peaks = measure_peaks(["reference", "", "qs8-", "f32-pconv-g1-p64-nosuch"])
    assert peaks.multiply_adds == {}


def test_roofline_has_layers_and_roofs(profiled, tmp_path):
    path = tmp_path / "roofline.svg"
    roofline.plot_roofline([profiled], path, title="a processor")
    figure = roofline.plot_roofline([profiled])
    (axes,) = figure.axes
    assert sum(len(layers.get_offsets()) for layers in axes.collections) == 3
    texts = [text.get_text() for text in axes.texts]
    assert any(text.startswith("int8 ") and text.endswith(" G/s ") for text in texts)
    assert any("from " in text and text.endswith(" GB/s") for text in texts)
    assert {layer.name for layer in profiled.profile.layers} & set(texts)
    assert path.read_text().startswith("<?xml")


def test_bench_draws_a_roofline_of_1x1_layers(tmp_path, capsys):
    path = tmp_path / "roofline.png"
    layer = ["--layer", "32,48,6", "--kernel-size", "1", "--seconds", "0"]
    assert cli.main(["bench", *layer, "--roofline", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    shown = capsys.readouterr().out
    assert "32,48,6 1x1 int8" in shown
    assert "qs8-pointwise-" in shown


def test_comparisons_are_not_profiled_unasked():
    assert benchmark.benchmark_layer(benchmark.LayerCase(16, 16, 6), seconds=0.0).profile is None
