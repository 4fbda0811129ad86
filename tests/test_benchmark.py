"""Benchmarks measure what they say, and refuse what they cannot."""

import dataclasses
import json
import os

import keras
import numpy as np
import pytest

from tf_pconv import benchmark, lite
from tf_pconv.benchmark import (
    contestants,
    footprint,
    network_models,
    pictures,
    report,
    suites,
    timing,
)
from tf_pconv.benchmark.contestants import litert
from tf_pconv.benchmark.layer_case import DTYPES, LayerCase, build_layer
from tf_pconv.benchmark.machine import describe_machine
from tf_pconv.benchmark.network_case import NetworkCase
from tf_pconv.lite import delegation, model_builder

SMALL = LayerCase(16, 24, 8, "int8", group_size=4)


@pytest.fixture(scope="module")
def comparison():
    return benchmark.benchmark_layer(SMALL, seconds=0.1)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"channels": 0}, "channels of a layer must be at least 1, but is 0"),
        ({"group_size": 0}, "group_size of a layer must be at least 1, but is 0"),
        ({"dtype": "float16"}, "dtype must be one of float32, int8, but is 'float16'"),
        ({"stride": 3}, "stride must be 1 or 2, but is 3"),
        ({"kernel_size": 5}, "kernel_size must be 1 or 3, but is 5"),
        ({"compression": 0.5}, "compression must be at least 1, but is 0.5"),
        ({"chain": 0}, "chain of a layer must be at least 1, but is 0"),
        ({"chain": 2, "filters": 16}, "8 channels, 16 filters and stride 1"),
        ({"chain": 2, "stride": 2}, "8 channels, 8 filters and stride 2"),
    ],
)
def test_case_out_of_range_is_refused(fields, complaint):
    with pytest.raises(ValueError, match=complaint):
        LayerCase(**{"channels": 8, "filters": 8, "side": 8, **fields})


@pytest.mark.parametrize("dtype", DTYPES)
def test_built_layer_follows_patterns_in_scattered_groups(dtype):
    case = LayerCase(32, 32, 8, dtype, group_size=4)
    (convolution,) = lite.pack(build_layer(case), verify=False, min_speedup=0).report.convolutions
    assert convolution.packed
    assert convolution.group_size == 4
    assert convolution.type == dtype
    # 9 of 32 kernels of 4 weights; quantisation may add zeros.
    assert convolution.sparsity >= 1 - 9 * 4 / (32 * 9)


@pytest.mark.parametrize("dtype", DTYPES)
def test_built_1x1_layer_follows_connectivity(dtype):
    case = LayerCase(32, 32, 8, dtype, group_size=4, kernel_size=1)
    (convolution,) = lite.pack(build_layer(case), verify=False, min_speedup=0).report.convolutions
    assert convolution.packed
    assert (convolution.shape, convolution.group_size) == ((32, 1, 1, 32), 4)
    assert convolution.sparsity >= 1 - 4 / 32
    assert case.name == f"32,32,8 1x1 {dtype} group 4 8x"


def test_layer_is_delegated_and_agrees(comparison):
    assert (comparison.delegated, comparison.nodes) == (1, 1)
    assert len(comparison.kernels) == 1
    assert comparison.largest_difference <= 1
    assert comparison.equal_share > 0.99
    assert comparison.delegate_bytes < comparison.dense_bytes


def test_times_and_speedup_are_of_one_measurement(comparison):
    assert comparison.rounds >= 5
    rival = comparison.against("xnnpack")
    assert rival.speedup_low <= rival.speedup <= rival.speedup_high
    assert rival.speedup == pytest.approx(rival.ms / comparison.delegate_ms, rel=0.5)


def test_contestants_are_loaded_several_times_in_both_orders(monkeypatch):
    opened = []

    def watch(engine):
        def opener(*arguments, **options):
            opened.append(engine.name)
            return engine.open(*arguments, **options)

        return dataclasses.replace(engine, open=opener)

    for name in ("xnnpack", "delegate"):
        monkeypatch.setitem(contestants.ENGINES, name, watch(contestants.ENGINES[name]))
    comparison = benchmark.benchmark_layer(SMALL, seconds=0.0, loads=2)
    assert comparison.loads == 2
    assert opened[-4:] == ["delegate", "xnnpack", "xnnpack", "delegate"]


def test_interval_covers_what_changes_from_load_to_load():
    steady = [np.full(10, 1.0), np.full(10, 1.0)]
    moved = [np.full(10, 0.97), np.full(10, 1.03)]
    assert timing.median_interval(steady) == (1.0, 1.0)
    assert timing.median_interval(moved) == (0.97, 1.03)


def test_no_load_is_refused():
    with pytest.raises(ValueError, match="loads must be at least 1, but is 0"):
        benchmark.benchmark_layer(SMALL, seconds=0.0, loads=0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_activations_of_a_chain_neither_fade_nor_saturate(dtype):
    case = LayerCase(32, 32, 8, dtype, chain=3)
    contestant = litert.open_xnnpack(build_layer(case), 1)
    contestant.set_inputs(contestant.random_inputs(seed=1))
    contestant.invoke()
    detail = contestant._outputs[0]
    output = contestant.outputs()[0].astype(np.float32)
    if dtype == "int8":
        scale, zero_point = detail["quantization"]
        assert np.mean(output == 127) < 0.02
        output = scale * (output - zero_point)
    # RELU leaves half of the energy of a layer of variance 2.
    assert 0.3 < np.mean(output**2) < 3


@pytest.mark.parametrize("dtype", DTYPES)
def test_chain_is_delegated_and_agrees(dtype):
    comparison = benchmark.benchmark_layer(LayerCase(16, 16, 8, dtype, chain=3), seconds=0.0)
    assert (comparison.delegated, comparison.nodes) == (3, 3)
    assert comparison.name.startswith("3 x 16,16,8")


def test_float_layer_agrees():
    comparison = benchmark.benchmark_layer(LayerCase(8, 8, 9, "float32", 1, stride=2), seconds=0.0)
    assert comparison.largest_difference <= 1e-5


def test_kernel_can_be_chosen():
    comparison = benchmark.benchmark_layer(SMALL, kernel="reference", seconds=0.0)
    assert comparison.kernels == ("reference",)


def test_unknown_kernel_is_refused():
    with pytest.raises(ValueError, match="option kernel is 'no_such_kernel'"):
        benchmark.benchmark_layer(SMALL, kernel="no_such_kernel", seconds=0.0)


def test_more_threads_than_processors_are_refused():
    with pytest.raises(ValueError, match="threads must be at most"):
        benchmark.benchmark_layer(SMALL, threads=10_000, seconds=0.0)


def test_packed_model_is_timed_against_its_unpacked_form(tmp_path):
    dense = build_layer(SMALL)
    path = tmp_path / "packed.tflite"
    path.write_bytes(lite.pack(dense, verify=False, min_speedup=0).model)
    comparison = benchmark.benchmark_model(path, seconds=0.0)
    assert comparison.name == "packed.tflite"
    assert comparison.delegated == 1
    assert comparison.delegate_bytes == path.stat().st_size


def test_model_of_which_nothing_is_delegated_is_an_error():
    model = keras.Sequential([keras.Input((8, 8, 16)), keras.layers.Conv2D(16, 3)])
    converter = lite.TFLiteConverter.from_keras_model(model)
    converter.pattern_format = "dense"
    with pytest.raises((RuntimeError, ValueError), match="deleg"):
        delegation.open_delegated(converter.convert())


def test_standard_error_works_after_it_was_captured(capfd):
    delegation.open_delegated(lite.pack(build_layer(SMALL), verify=False, min_speedup=0).model)
    captured = capfd.readouterr().err
    assert "nodes delegated" not in captured
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_the_runtime_alone_is_silent(capfd):
    delegation.open_alone(build_layer(SMALL)).invoke()
    assert capfd.readouterr() == ("", "")


def small_network():
    inputs = keras.Input((8, 8, 3), batch_size=1)
    x = network_models._relu(network_models._convolution(inputs, 64))
    x = network_models._residual(network_models._residual(x, 64), 96)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(10)(x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_network_is_timed_and_kept_for_the_next_time(dtype, tmp_path, monkeypatch):
    monkeypatch.setitem(network_models.NETWORKS, "resnet18-32", small_network)
    case = NetworkCase("resnet18-32", dtype, group_size=2, compression=4.0)
    first = benchmark.benchmark_network(case, cache=tmp_path, seconds=0.0)
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_mtime_ns
    second = benchmark.benchmark_network(case, cache=tmp_path, seconds=0.0)
    assert kept.stat().st_mtime_ns == written
    assert first.case == second.case == case
    # Those of the first block at least: smaller maps need not pay.
    assert first.delegated >= 2
    assert first.largest_difference <= (5 if dtype == "int8" else 1e-4)


@pytest.mark.parametrize(("name", "convolutions"), [("vgg16-32", 13), ("resnet18-32", 20)])
def test_networks_have_their_convolutions(name, convolutions):
    model = network_models.NETWORKS[name]()
    found = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(found) == convolutions
    assert model.output.shape == (1, 10)


def test_settled_activations_neither_fade_nor_explode(rng):
    model = small_network()
    samples = rng.normal(size=(4, 8, 8, 3)).astype(np.float32)
    network_models.settle(model, samples, rng)
    assert 0.1 < np.std(model.predict(samples[:1], verbose=0)) < 10


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"network": "lenet"}, "network must be one of vgg16-32, .*, but is 'lenet'"),
        ({"dtype": "float16"}, "dtype must be one of float32, int8, but is 'float16'"),
        ({"group_size": 0}, "group_size must be at least 1, but is 0"),
        ({"compression": 0.5}, "compression must be at least 1, but is 0.5"),
    ],
)
def test_network_out_of_range_is_refused(fields, complaint):
    with pytest.raises(ValueError, match=complaint):
        NetworkCase(**{"network": "vgg16-32", **fields})


def test_model_of_which_nothing_is_delegated_can_be_timed(rng):
    weights = rng.normal(size=(8, 3, 3, 8)).astype(np.float32)
    conv = model_builder.Conv(weights, bias=np.zeros(8, np.float32))
    model = model_builder.chain(conv, side=8).serialize()
    subject = benchmark.Subject.from_files("dense", model, model)
    comparison = benchmark.compare(subject, required=False, seconds=0.0)
    assert (comparison.delegated, comparison.nodes) == (0, 1)
    assert comparison.kernels == ()


def test_suite_has_the_layers_of_patdnn():
    cases = suites.patdnn_cases(["int8"], [4, 1])
    assert len(cases) == 18
    assert (cases[5].name, cases[5].label) == ("L6 256,256,56 int8 group 4 8x", "L6")
    chains = suites.patdnn_cases(["int8"], [4], chain=4)
    assert [case.label for case in chains] == ["L2", "L4", "L6", "L8", "L9"]


def test_suite_of_networks_has_their_compressions():
    cases = suites.network_cases()
    assert [case.compression for case in cases] == [8.0, 8.0, 8.0, 4.4, 3.0]
    (dense,) = suites.network_cases(["vgg16"], compressions=[1.0])
    assert dense.name == "vgg16 int8 dense"


def test_summary_is_the_geometric_mean_and_the_worst_without_the_first_layer(comparison):
    def measured(label, speedup):
        case = dataclasses.replace(SMALL, label=label)
        rival = dataclasses.replace(comparison.against("xnnpack"), speedup=speedup)
        return dataclasses.replace(comparison, case=case, rivals=(rival,))

    (line,) = report.summaries([measured("L1", 0.1), measured("L2", 2), measured("L3", 8)])
    assert line.startswith(
        "int8 group 4 8x, over xnnpack (int8): geometric mean of 2 4.00x, worst 2.00x (L2 "
    )


def test_json_holds_machine_and_every_field(comparison):
    machine = describe_machine()
    document = json.loads(report.to_json(machine, [comparison]))
    assert document["machine"] == machine
    assert document["results"][0]["delegate_ms"] == comparison.delegate_ms
    assert {"processor", "date", "tensorflow", "ai-edge-litert"} <= set(document["machine"])


def test_picture_is_written(comparison, tmp_path):
    path = tmp_path / "bars.png"
    pictures.plot_speedups([comparison], path, title="speed-ups")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_interval_of_the_median_covers_it():
    values = np.random.default_rng(0).normal(3.0, 0.1, 101)
    low, high = timing.median_interval([values])
    assert low < np.median(values) < high
    assert high - low < 0.1


def test_load_time_and_memory_are_those_of_fresh_processes(capsys):
    comparison = benchmark.benchmark_layer(SMALL, seconds=0.0, memory=True)
    sides = (comparison.delegate_footprint, comparison.dense_footprint)
    assert all(side.load_ms > 0 and side.peak_bytes >= side.running_bytes > 0 for side in sides)
    report.print_results([comparison], describe_machine())
    assert "Loading and memory" in capsys.readouterr().out


def test_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match="failed; it said: ValueError"):
        footprint.measure_footprint(b"no model", delegated=False, settings={})
