"""Fully-connected layers of which kernels are removed: recognition, packing and the delegate."""

import itertools
import warnings

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from delegated_models import (
    DELEGATED,
    assert_agrees,
    open_delegated,
    open_reference,
    random_input,
    run,
)
from tflite_models import QUANTIZATION, ModelBuilder, connected, quantize

from tf_pconv import lite
from tf_pconv.lite import flatbuffer
from tf_pconv.lite.model_builder import FullyConnected

INPUT = (0.04, -5)


def layer(rng, channels, filters, group_size=4, int8=False, per_channel=True, **options):
    """A layer that keeps a fifth of its weights."""
    dense = connected(rng, filters, channels, group_size, max(1, channels // 5))
    bias = rng.normal(size=filters).astype(np.float32)
    if not int8:
        return FullyConnected(dense.reshape(filters, channels), None, bias, **options)
    weights, scales = quantize(dense)
    if not per_channel:
        scales = scales.max(keepdims=True)
        weights = np.round(dense / scales).astype(np.int8)
    weights = weights.reshape(filters, channels)
    return FullyConnected(weights, scales, np.int32(50 * bias), QUANTIZATION, **options)


def build(*layers, shape):
    """Layers one after another, from an input of `shape`."""
    builder = ModelBuilder()
    quantization = None if layers[0].scales is None else INPUT
    tensor = builder.activation("input", shape, quantization)
    builder.graph.inputs = [tensor]
    for place, each in enumerate(layers):
        name = f"layer{place}"
        tensor = builder.fully_connected(tensor, each, name, builder.weights(each, name))
    builder.graph.outputs = [tensor]
    return builder


def pack(builder, **options):
    return lite.pack(builder.serialize(), min_speedup=0, **options)


def delegated_nodes(capfd):
    return int(DELEGATED.findall(capfd.readouterr().err)[-1][0])


class TestDelegate:
    @pytest.mark.parametrize("packed", [False, True], ids=["dense", "packed"])
    @pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
    @pytest.mark.parametrize(
        ("channels", "filters", "group_size"),
        [(7, 5, 1), (16, 16, 4), (129, 10, 2), (333, 48, 8), (640, 35, 16)],
    )
    @pytest.mark.parametrize("rows", [1, 2, 3, 17])
    def test_agrees_with_reference(
        self, rng, capfd, rows, channels, filters, group_size, int8, packed
    ):
        each = layer(rng, channels, filters, group_size, int8, activation="RELU6")
        builder = build(each, shape=[rows, channels])
        model = pack(builder, verify=False).model if packed else builder.serialize()
        x = random_input(rng, model, (rows, channels))
        actual = run(open_delegated(model), x)
        assert delegated_nodes(capfd) == 1
        assert_agrees(actual, run(open_reference(model), x))

    @pytest.mark.parametrize("packed", [False, True], ids=["dense", "packed"])
    @pytest.mark.parametrize(
        ("shape", "keep"), [((2, 5, 24), True), ((2, 3, 4, 24), True), ((2, 3, 4, 24), False)]
    )
    def test_dimensions_of_inputs_and_outputs(self, rng, capfd, shape, keep, packed):
        first = layer(rng, 24, 20, keep_dimensions=keep)
        builder = build(first, layer(rng, 20, 9, keep_dimensions=keep), shape=shape)
        model = pack(builder, verify=False).model if packed else builder.serialize()
        x = random_input(rng, model, shape)
        actual = run(open_delegated(model), x)
        assert delegated_nodes(capfd) == 2
        expected = run(open_reference(builder.serialize()), x)
        assert actual.shape == ((*shape[:-1], 9) if keep else (24, 9))
        assert_agrees(actual, expected)

    @pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
    def test_layers_share_a_region(self, rng, capfd, int8):
        layers = [layer(rng, 64, 48, int8=int8), layer(rng, 48, 48, int8=int8),
                  layer(rng, 48, 10, int8=int8)]  # fmt: skip
        model = pack(build(*layers, shape=[1, 64])).model
        x = random_input(rng, model, (1, 64))
        actual = run(open_delegated(model), x)
        assert DELEGATED.findall(capfd.readouterr().err)[-1] == ("3", "3", "1")
        # Every layer may be one off, and the next carries that on.
        expected = run(open_reference(model), x)
        np.testing.assert_allclose(actual, expected, atol=3 if int8 else 1e-4)

    def test_another_batch(self, rng):
        model = pack(build(layer(rng, 40, 12), shape=[1, 40])).model
        interpreter = open_delegated(model)
        for rows in (1, 20, 3, 1):
            x = random_input(rng, model, (rows, 40))
            assert_agrees(run(interpreter, x), run(open_reference(model), x))

    def test_one_scale_for_all_weights(self, rng, capfd):
        each = layer(rng, 100, 24, int8=True, per_channel=False)
        model = build(each, shape=[3, 100]).serialize()
        x = random_input(rng, model, (3, 100))
        for content in (model, lite.pack(model, min_speedup=0).model):
            actual = run(open_delegated(content), x)
            assert delegated_nodes(capfd) == 1
            assert_agrees(actual, run(open_reference(model), x))

    def test_threads(self, rng):
        for int8, rows in itertools.product((False, True), (1, 3, 40)):
            model = pack(build(layer(rng, 200, 70, int8=int8), shape=[rows, 200])).model
            x = random_input(rng, model, (rows, 200))
            alone = run(open_delegated(model, {"num_threads": 1}), x)
            together = run(open_delegated(model, {"num_threads": 3}), x)
            assert np.array_equal(alone, together)

    def test_sparse_encoding(self, rng, capfd, monkeypatch):
        keras = pytest.importorskip("keras")
        dense = keras.layers.Dense(64, use_bias=False)
        model = keras.Sequential([keras.Input((96,), batch_size=1), dense])
        kept = connected(rng, 64, 96, 4, 12).reshape(64, 96).T
        dense.set_weights([kept])
        converter = lite.TFLiteConverter.from_keras_model(model)
        converter.pattern_format = "sparse"
        content = converter.convert()
        (row,) = converter.report.convolutions
        assert (row.operator, row.delegate) == ("DENSIFY + FULLY_CONNECTED", "where faster")
        assert row.stored_bytes < row.dense_bytes / 2
        x = rng.normal(size=(1, 96)).astype(np.float32)
        actual = run(open_delegated(content), x)
        assert delegated_nodes(capfd) == 2
        assert_agrees(actual, x @ kept)
        result = lite.pack(content, min_speedup=0)
        assert [row.operator for row in result.report.convolutions] == ["PConv2D"]
        assert_agrees(run(open_delegated(result.model), x), x @ kept)


class TestPacking:
    @pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
    @pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU_N1_TO_1", "RELU6"])
    @pytest.mark.parametrize(
        ("shape", "keep"), [((1, 30), False), ((2, 3, 30), True), ((1, 1, 1, 30), False)]
    )
    def test_unpack_undoes_pack(self, rng, shape, keep, activation, int8):
        options = {"int8": int8, "activation": activation, "keep_dimensions": keep}
        builder = build(layer(rng, 30, 12, **options), layer(rng, 12, 7, **options), shape=shape)
        result = pack(builder)
        assert [row.packed for row in result.report.convolutions] == [True, True]
        assert lite.unpack(result.model) == builder.serialize()

    @hypothesis.settings(max_examples=25, deadline=None)
    @hypothesis.given(
        seed=st.integers(0, 2**32 - 1),
        channels=st.integers(2, 70),
        filters=st.integers(1, 40),
        group_size=st.sampled_from([1, 2, 4, 8, 16]),
        rank=st.integers(2, 4),
        int8=st.booleans(),
        per_channel=st.booleans(),
        bias=st.booleans(),
    )
    def test_any_layer_comes_back(
        self, seed, channels, filters, group_size, rank, int8, per_channel, bias
    ):
        rng = np.random.default_rng(seed)
        each = layer(rng, channels, filters, group_size, int8, per_channel)
        each.keep_dimensions = rank > 2
        if not bias:
            each.bias = None
        builder = build(each, shape=[1] * (rank - 1) + [channels])
        result = pack(builder, verify=False)
        (row,) = result.report.convolutions
        hypothesis.assume(not row.reason)  # All weights of a tiny layer may be zeros.
        assert row.packed
        assert row.shape == (filters, channels)
        assert lite.unpack(result.model) == builder.serialize()

    def test_a_packed_operator(self, rng):
        each = layer(rng, 30, 12, activation="RELU")
        parsed = flatbuffer.parse(pack(build(each, shape=[1, 30])).model)
        (operator,) = parsed.subgraphs[0].operators
        assert bytes(operator.customOptions) == bytes([1, 1, 1, 1, 1, 1, 1, 1])
        assert len(operator.inputs) == 3

    @pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
    def test_the_file_is_much_smaller(self, rng, int8):
        weights = connected(rng, 256, 512, 4, 64)
        scales = None
        if int8:
            weights, scales = quantize(weights)
        quantization = QUANTIZATION if int8 else None
        weights = weights.reshape(256, 512)
        each = FullyConnected(weights, scales, quantization=quantization)
        builder = build(each, shape=[1, 512])
        result = pack(builder, verify=False)
        assert len(result.model) < len(builder.serialize()) / (4.5 if int8 else 6.5)

    def test_verification_notices_a_difference(self, rng):
        builder = build(layer(rng, 64, 32, int8=True), shape=[4, 64])
        packed = flatbuffer.parse(pack(builder).model)
        (operator,) = packed.subgraphs[0].operators
        tensor = packed.subgraphs[0].tensors[operator.inputs[1]]
        data = packed.buffers[tensor.buffer].data.copy()
        data[-4 * 32 - 1] ^= 64  # the last weight
        packed.buffers[tensor.buffer].data = data
        with pytest.raises(lite.VerificationError, match="layer0"):
            lite.verify_packed(builder.serialize(), flatbuffer.serialize(packed))


class TestLeft:
    """What stays with the runtime, and why: Python and the delegate agree."""

    def check(self, builder, capfd, python, delegate):
        content = builder.serialize()
        with warnings.catch_warnings(record=True):
            (row,) = lite.pack(content, min_speedup=0).report.convolutions
        assert row.reason == python
        assert lite.inspect(content).convolutions[0].delegate == "never"
        open_delegated(content, {"log_level": "info"})
        log = capfd.readouterr().err
        assert f"FULLY_CONNECTED node 0 stays with the runtime: {delegate}" in log
        assert "0 of 1 nodes delegated" in log

    def test_dense_weights(self, rng, capfd):
        each = layer(rng, 20, 8)
        each.weights = rng.normal(size=(8, 20)).astype(np.float32)
        self.check(
            build(each, shape=[1, 20]),
            capfd,
            "only 0 % of the weights are zero",
            "100 % of the weights are kept; 1x1 convolutions and fully-connected layers are "
            "accelerated where at most half of them are",
        )

    def test_several_dimensions_become_channels(self, rng, capfd):
        builder = build(layer(rng, 24, 8), shape=[1, 24])
        builder.graph.tensors[0].shape = [1, 2, 12]
        self.check(
            builder,
            capfd,
            "several dimensions of its input become channels",
            "the last dimension of the input is 12, the weights have 24 channels",
        )

    def test_an_activation_that_is_not_known(self, rng, capfd):
        builder = build(layer(rng, 20, 8), shape=[1, 20])
        (operator,) = builder.graph.operators
        tanh = builder.fb.ActivationFunctionType.TANH
        operator.builtinOptions.fusedActivationFunction = tanh
        # The runtime cannot run it either: only what Python says is looked at.
        (row,) = lite.inspect(builder.serialize()).convolutions
        assert row.reason == "fused activation TANH"

    def test_shuffled_weights(self, rng):
        builder = build(layer(rng, 20, 8), shape=[1, 20])
        (operator,) = builder.graph.operators
        operator.builtinOptions.weightsFormat = 1
        (row,) = lite.inspect(builder.serialize()).convolutions
        assert row.reason == "weights of the format 1"

    def test_weights_of_another_type_than_the_input(self, rng, capfd):
        each = layer(rng, 20, 8, int8=True, per_channel=False)
        each.bias = None
        builder = build(each, shape=[1, 20])
        for tensor in (builder.graph.tensors[0], builder.graph.tensors[2]):
            tensor.type = builder.fb.TensorType.FLOAT32
            tensor.quantization = None
        self.check(
            builder,
            capfd,
            "dynamic-range quantisation (float32 with int8 weights)",
            "the weights are int8, the input is float32",
        )


def test_keras_layers_are_packed_and_run(rng, capfd):
    keras = pytest.importorskip("keras")
    inputs = keras.Input((6, 40))
    x = keras.layers.Dense(32, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(16)(x))
    for dense in model.layers[1:]:
        kept = connected(rng, dense.units, dense.kernel.shape[0], 4, 8)
        dense.kernel.assign(kept.reshape(kept.shape[0], -1).T)
    converter = lite.TFLiteConverter.from_keras_model(model)
    converter.min_speedup = 0
    content = converter.convert()
    assert len(converter.report.packed) == 2
    x = rng.normal(size=(3, 6, 40)).astype(np.float32)
    actual = run(open_delegated(content), x)
    assert delegated_nodes(capfd) >= 2
    expected = np.asarray(model(x))
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())
