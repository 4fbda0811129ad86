"""Engines of the benchmark compute what the `.tflite` says; those that are missing are listed."""

import dataclasses
import importlib.util

import keras
import numpy as np
import pytest

from tf_pconv import benchmark, lite
from tf_pconv.benchmark import contestants, exactness
from tf_pconv.benchmark.contestants import ENGINES, EngineError, graph, litert, ncnn_model
from tf_pconv.benchmark.layer_case import DTYPES, LayerCase, build_layer
from tf_pconv.benchmark.operations import count_operations
from tf_pconv.lite import model_builder
from tf_pconv.lite.full_integer import request_int8

SMALL = LayerCase(16, 24, 8, "int8", group_size=4)

IN_PROCESS = [
    name
    for name, engine in ENGINES.items()
    if "engine_python" not in engine.options and not engine.slow
]

TOLERANCES = {"fp32": 1e-3, "bf16": 0.2, "int8": 2}
"""As a share of the largest output (Winograd rounds) or in units of quantisation."""


def convert(model, dtype, sample):
    converter = lite.TFLiteConverter.from_keras_model(model)
    converter.pattern_format = "dense"
    if dtype == "int8":
        request_int8(converter, lambda: iter([[sample]]))
    return converter.convert()


def every_operator(head):
    """Every operator that is translated, with odd sides, strides and all activations."""
    inputs = keras.Input((9, 9, 3), batch_size=1)
    x = keras.layers.ZeroPadding2D(1)(inputs)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(x)
    y = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu6")(x)
    x = keras.layers.Add()([x, keras.layers.Conv2D(8, 1)(y)])
    x = keras.layers.ReLU()(x)
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    x = keras.layers.ZeroPadding2D(((1, 0), (0, 1)))(x)
    x = keras.layers.MaxPooling2D(2, strides=1)(x)
    x = keras.layers.Add()([x, keras.layers.ZeroPadding2D(1)(keras.layers.MaxPooling2D(3)(x))])
    x = keras.layers.MaxPooling2D(2, strides=1, padding="same")(x)
    x = keras.layers.Dense(6, activation="relu")(head()(x))
    return keras.Model(inputs, keras.layers.Dense(6)(x))


def quantized(sample, contestant):
    scale, zero_point = contestant._inputs[0]["quantization"]
    return np.clip(np.round(sample / scale) + zero_point, -128, 127).astype(np.int8)


def run(contestant, inputs):
    contestant.set_inputs(inputs)
    contestant.prepare()
    contestant.invoke()
    return contestant.outputs()


@pytest.mark.parametrize("head", [keras.layers.Flatten, keras.layers.GlobalAveragePooling2D])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in IN_PROCESS if ENGINES[name].dense])
def test_engine_computes_what_tflite_computes(name, dtype, head, rng):
    engine = ENGINES[name]
    if not engine.installed:
        pytest.skip(f"{name} is not installed")
    if engine.reads(dtype) != dtype:
        pytest.skip(f"{name} reads {engine.types} only")
    if (name, dtype) == ("openvino", "int8"):
        pytest.skip("OpenVINO reads the file itself; what it makes of this one is far off")
    if (name, dtype) == ("ncnn", "int8"):
        pytest.skip("ncnn quantises activations its own way, see below")
    model = every_operator(head)
    sample = rng.normal(size=model.input_shape).astype(np.float32)
    model = convert(model, dtype, sample)
    reference = litert.open_reference(model)
    inputs = [quantized(sample, reference) if dtype == "int8" else sample]
    contestant = engine.open(model, 1)
    (expected,), (output,) = run(reference, inputs), run(contestant, inputs)
    assert (output.shape, output.dtype) == (expected.shape, expected.dtype)
    assert output.std() > 0
    unit = 1 if dtype == "int8" else np.abs(expected).max()
    difference = np.abs(output.astype(np.float64) - expected).max() / unit
    assert difference <= TOLERANCES[contestant.numbers]
    # Inputs are still there for the next run.
    contestant.prepare()
    contestant.invoke()
    np.testing.assert_array_equal(contestant.outputs()[0], output)


@pytest.mark.parametrize("head", [keras.layers.Flatten, keras.layers.GlobalAveragePooling2D])
def test_ncnn_computes_int8_with_half_the_steps(head, rng):
    if not ENGINES["ncnn"].installed:
        pytest.skip("ncnn is not installed")
    model = every_operator(head)
    sample = rng.normal(size=model.input_shape).astype(np.float32)
    model = convert(model, "int8", sample)
    reference = litert.open_reference(model)
    inputs = [quantized(sample, reference)]
    contestant = ENGINES["ncnn"].open(model, 1)
    (expected,), (output,) = run(reference, inputs), run(contestant, inputs)
    assert (output.shape, output.dtype) == (expected.shape, np.int8)
    assert np.corrcoef(output.ravel(), expected.ravel())[0, 1] > 0.95
    assert contestant.numbers == "int8"
    assert not exactness.is_exact("ncnn")


def quantized_pair(rng, zero_point):
    """Two int8 convolutions with a RELU between them."""
    weights, scales = model_builder.quantize_weights(rng.normal(size=(6, 3, 3, 5)))
    more, more_scales = model_builder.quantize_weights(rng.normal(size=(5, 1, 1, 6)))
    first = model_builder.Conv(weights, scales, np.arange(6, dtype=np.int32), (0.5, zero_point))
    second = model_builder.Conv(more, more_scales, np.zeros(5, np.int32), (0.25, 3))
    return model_builder.chain(first, second, side=4, quantization=(0.125, 0)).serialize()


def test_ncnn_weights_are_those_of_the_tflite(rng):
    model = graph.read_graph(quantized_pair(rng, -128))
    writer = ncnn_model.NcnnWriter(model)
    description, content = writer.serialize()
    first, second = model.operators
    # What stands between convolutions, and before and behind them, passes as int8.
    assert writer.integers == {first.source, first.output, second.output}
    assert [line.split()[-1] for line in description.splitlines()[3:]] == ["8=101", "8=101"]
    tag, weights, rest = content[:4], content[4:274], content[276:]
    assert tag == bytes.fromhex("384b0d00")
    assert content[274:276] == bytes(2)
    values = first.inputs[1].constant
    np.testing.assert_array_equal(
        np.frombuffer(weights, np.int8), values.transpose(0, 3, 1, 2).ravel()
    )
    scales = first.inputs[1].scales
    numbers = np.frombuffer(rest[:56], np.float32)
    np.testing.assert_allclose(numbers[:6], np.arange(6) * scales * 0.125, rtol=1e-6)  # bias
    np.testing.assert_allclose(numbers[6:12], 1 / scales, rtol=1e-6)
    # Without zero points, 127 steps must reach what 255 steps of 0.5 reach behind a RELU.
    np.testing.assert_allclose(numbers[12:], [1 / 0.125, 127 / (255 * 0.5)], rtol=1e-6)


def test_ncnn_int8_is_float32_between_other_layers(rng):
    model = every_operator(keras.layers.Flatten)
    sample = rng.normal(size=model.input_shape).astype(np.float32)
    translated = graph.read_graph(convert(model, "int8", sample))
    first, depthwise, *_ = translated.operators
    integers = ncnn_model.NcnnWriter(translated).integers
    assert integers == {first.source, depthwise.output}  # a sum reads what the first one writes


@pytest.mark.parametrize("name", [name for name in IN_PROCESS if "int8" in ENGINES[name].types])
def test_int8_convolution_is_that_of_tflite(name):
    if not ENGINES[name].installed:
        pytest.skip(f"{name} is not installed")
    comparison = benchmark.benchmark_layer(SMALL, [name], seconds=0.0)
    assert comparison.rivals[0].largest_difference <= 1


def test_delegate_beside_itself_is_as_fast():
    comparison = benchmark.benchmark_layer(SMALL, ["delegate"], seconds=0.3)
    (rival,) = comparison.rivals
    assert (rival.engine, rival.numbers, rival.exact) == ("delegate", "int8", True)
    assert rival.largest_difference == comparison.largest_difference
    assert 0.5 < rival.speedup < 2


def test_engines_of_one_thread_keep_to_it(monkeypatch):
    threads = {}

    def recorded(engine):
        def open_and_record(model, number, **options):
            threads.setdefault(engine.name, set()).add(number)
            return engine.open(model, number, **options)

        return dataclasses.replace(engine, open=open_and_record)

    names = ["delegate-1-thread", "xnnpack", "xnnpack-1-thread"]
    for name in names:
        monkeypatch.setitem(ENGINES, name, recorded(ENGINES[name]))
    comparison = benchmark.benchmark_layer(SMALL, names, threads=2, seconds=0.0)
    assert [rival.engine for rival in comparison.rivals] == names
    assert comparison.threads == 2
    assert threads["delegate-1-thread"] == threads["xnnpack-1-thread"] == {1}
    assert 2 in threads["xnnpack"]


def test_engine_of_another_type_reads_a_file_of_its_own():
    comparison = benchmark.benchmark_layer(SMALL, ["xnnpack", "xnnpack-fp32"], seconds=0.0)
    assert [rival.numbers for rival in comparison.rivals] == ["int8", "fp32"]
    assert [rival.exact for rival in comparison.rivals] == [True, None]
    assert comparison.against("xnnpack-fp32").largest_difference is None
    assert comparison.fastest("int8").engine == "xnnpack"
    with pytest.raises(KeyError, match="mnn"):
        comparison.against("mnn")


def test_file_without_a_twin_of_another_type_says_so():
    dense = build_layer(SMALL)
    subject = benchmark.Subject.from_files("layer", dense, dense)
    comparison = benchmark.compare(subject, ["xnnpack-fp32"], required=False, seconds=0.0)
    assert comparison.rivals == ()
    (absentee,) = comparison.absentees
    assert absentee.reason == "reads float32 files, but layer is int8."


def test_engine_that_is_not_installed_is_listed(monkeypatch):
    missing = dataclasses.replace(ENGINES["mnn"], modules=("no_such_module",))
    monkeypatch.setitem(contestants.ENGINES, "mnn", missing)
    comparison = benchmark.benchmark_layer(SMALL, ["mnn", "xnnpack"], seconds=0.0)
    assert [rival.engine for rival in comparison.rivals] == ["xnnpack"]
    (absentee,) = comparison.absentees
    assert absentee.engine == "mnn"
    assert "pip install 'tf-pconv[bench]'" in absentee.reason


def test_engine_that_fails_is_listed(monkeypatch):
    def fail(model, threads):
        raise OSError("no such  instruction")

    failing = dataclasses.replace(ENGINES["xnnpack"], open=fail)
    monkeypatch.setitem(contestants.ENGINES, "xnnpack", failing)
    (absentee,) = benchmark.benchmark_layer(SMALL, seconds=0.0).absentees
    assert absentee.reason.startswith("xnnpack ")
    assert absentee.reason.endswith(": no such instruction")


def test_unknown_engine_is_refused():
    with pytest.raises(ValueError, match=r"engine must be all or one of xnnpack, .*'tflite'"):
        benchmark.benchmark_layer(SMALL, ["tflite"], seconds=0.0)


def test_all_stands_for_engines_of_the_same_type():
    integers = [engine.name for engine in contestants.selected(["all", "xnnpack"], "int8")]
    assert integers == ["xnnpack", "onnxruntime", "onnxruntime-u8s8", "openvino", "ncnn"]
    floats = [engine.name for engine in contestants.selected(["all"], "float32")]
    assert floats == ["xnnpack", "onnxruntime", "openvino", "openvino-default", "mnn", "ncnn"]


def test_padding_that_a_window_can_do_is_its_own(rng):
    model = every_operator(keras.layers.Flatten)
    operators = graph.read_graph(convert(model, "float32", None)).operators
    assert [operator.kind for operator in operators].count("PAD") == 1  # in front of a sum
    convolution, *_ = operators
    assert convolution.pads((3, 3)) == (1, 1, 1, 1)
    pooling = next(operator for operator in operators if operator.kind == "MAX_POOL_2D")
    assert pooling.pads((2, 2)) == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("activation", "pixels", "kinds"),
    [
        ("relu", 1, ["CONV_2D", "MAX_POOL_2D"]),
        (None, 1, ["CONV_2D", "PAD", "MAX_POOL_2D"]),  # zeros may be the maximum
        ("relu", 2, ["CONV_2D", "PAD", "MAX_POOL_2D"]),  # windows of nothing but padding
    ],
)
def test_padding_of_a_maximum_must_not_change_it(activation, pixels, kinds):
    layers = [
        keras.Input((6, 6, 3), batch_size=1),
        keras.layers.Conv2D(4, 1, activation=activation),
        keras.layers.ZeroPadding2D(pixels),
        keras.layers.MaxPooling2D(2),
    ]
    operators = graph.read_graph(convert(keras.Sequential(layers), "float32", None)).operators
    assert [operator.kind for operator in operators] == kinds


def test_operator_that_is_not_translated_is_named(rng):
    model = keras.Sequential([keras.Input((4, 4, 3), batch_size=1), keras.layers.Softmax()])
    translated = graph.read_graph(convert(model, "float32", None))
    with pytest.raises(EngineError, match="the operator SOFTMAX is not translated to ncnn"):
        ncnn_model.NcnnWriter(translated)


def test_arithmetic_that_saturates_is_not_exact(monkeypatch):
    class Saturating(litert.LiteRt):
        def outputs(self):
            return [np.minimum(output, 100) for output in super().outputs()]

    def open_saturating(model, threads):
        return Saturating(litert.open_xnnpack(model, threads)._interpreter)

    assert exactness.is_exact("xnnpack")
    saturating = dataclasses.replace(ENGINES["xnnpack"], open=open_saturating)
    monkeypatch.setitem(contestants.ENGINES, "saturating", saturating)
    assert not exactness.is_exact("saturating")


def test_operations_of_packed_convolutions_are_those_of_their_weights(rng):
    dense = build_layer(LayerCase(32, 32, 8, "float32", compression=8.0))
    counted = count_operations(lite.pack(dense, verify=False).model, dense)
    assert counted.dense == 64 * 9 * 32 * 32
    assert counted.executed == 64 * 32 * 9 * 4  # 9 of 32 kernels, of 4 weights each
    assert count_operations(dense, dense).executed == counted.dense


def test_operations_count_every_layer_with_weights(rng):
    model = keras.Sequential(
        [
            keras.Input((4, 4, 8), batch_size=1),
            keras.layers.DepthwiseConv2D(3, padding="same"),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )
    dense = convert(model, "float32", None)
    assert count_operations(dense, dense).dense == 16 * 9 * 8 + 128 * 10


def test_dense_file_can_be_run_by_the_delegate(rng):
    packed = benchmark.benchmark_layer(SMALL, seconds=0.0)
    dense = benchmark.benchmark_layer(SMALL, packed=False, seconds=0.0)
    assert dense.delegate_bytes == dense.dense_bytes > packed.delegate_bytes
    assert dense.operations.dense == packed.operations.dense


@pytest.mark.skipif(importlib.util.find_spec("onnx") is None, reason="onnx is not installed")
def test_activation_that_the_range_does_not_imply_is_written(rng):
    import onnx

    from tf_pconv.benchmark.contestants import onnx_model

    weights, scales = model_builder.quantize_weights(rng.normal(size=(4, 3, 3, 4)))
    bias = np.zeros(4, np.int32)

    def kinds(zero_point):
        conv = model_builder.Conv(weights, scales, bias, (0.1, zero_point), activation="RELU")
        model = model_builder.chain(conv, side=4, quantization=(0.1, 0)).serialize()
        made = onnx.load_from_string(onnx_model.OnnxWriter(graph.read_graph(model)).serialize())
        return [node.op_type for node in made.graph.node]

    assert "Relu" not in kinds(-128)
    assert "Relu" in kinds(0)
