"""The delegate inside the interpreters of LiteRT and TensorFlow."""

import re
import threading

import numpy as np
import pytest
import tensorflow as tf
from delegated_models import (
    DELEGATED,
    INTERPRETERS,
    Conv,
    assert_agrees,
    convert,
    delegated,
    joined,
    open_delegated,
    open_reference,
    pattern_kernel,
    random_input,
    residual,
    run,
    without_activation,
)
from tflite_models import DepthwiseCase, pattern_weights

import tf_pconv
from tf_pconv.lite import model_builder
from tf_pconv.lite.convolutions import Graph
from tf_pconv.lite.flatbuffer import parse

FORMATS = ["dense", "sparse", "fkw"]


@pytest.mark.parametrize("interpreter", INTERPRETERS)
@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize("pattern_format", FORMATS)
def test_every_format_runs_in_every_interpreter(rng, capfd, pattern_format, int8, interpreter):
    shape = (1, 9, 10, 12)
    conv = Conv(pattern_kernel(rng, 12, 16, 4), activation=tf.nn.relu, bias=rng.normal(size=16))
    model = convert(rng, conv, shape, int8=int8, pattern_format=pattern_format)
    x = random_input(rng, model, shape)
    actual = run(open_delegated(model, interpreter=interpreter), x)
    nodes = 2 if pattern_format == "sparse" else 1
    assert delegated(capfd) == (nodes, nodes, 1)
    assert_agrees(actual, run(open_reference(model, interpreter), x))


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize(
    ("side", "channels", "filters", "group_size", "stride", "padding", "activation"),
    [
        (1, 1, 1, 1, 1, "SAME", None),
        (3, 5, 7, 1, 1, "VALID", tf.nn.relu),
        (7, 33, 10, 4, 2, "SAME", tf.nn.relu6),
        (8, 16, 24, 8, 2, "VALID", None),
        (13, 17, 32, 16, 1, "SAME", tf.nn.relu),
        (16, 40, 18, 2, 1, "VALID", None),
    ],
)
def test_single_convolutions(
    rng, capfd, side, channels, filters, group_size, stride, padding, activation, int8
):
    kernel = pattern_kernel(rng, channels, filters, group_size, density=0.4)
    if not kernel.any():
        kernel[1, 1, 0, 0] = 1.0  # without any weight the converter folds the convolution away
    conv = Conv(kernel, stride, padding, activation, rng.normal(size=filters))
    shape = (1, side, side, channels)
    model = convert(rng, conv, shape, int8=int8)
    x = random_input(rng, model, shape)
    actual = run(open_delegated(model), x)
    assert delegated(capfd)[0] == 1
    sums = run(open_reference(without_activation(model)), x)
    assert_agrees(actual, run(open_reference(model), x), sums)


@pytest.mark.parametrize("packed", [False, True], ids=["dense", "packed"])
@pytest.mark.parametrize("group_size", [1, 4])
def test_halves_are_rounded_as_by_the_reference(rng, capfd, group_size, packed):
    """Scales that are powers of two put every other sum half-way between two outputs."""
    floats = pattern_weights(rng, 16, 12, group_size, kernels=3)
    weights = (np.sign(floats) * rng.integers(1, 4, floats.shape)).astype(np.int8)
    bias = rng.integers(-9, 10, 16, dtype=np.int32)
    conv = model_builder.Conv(weights, np.full(16, 0.5, np.float32), bias, (1.0, -5))
    model = model_builder.chain(conv, side=9, quantization=(1.0, 3)).serialize()
    if packed:
        model = tf_pconv.lite.pack(model, verify=False, min_speedup=0).model
    x = rng.integers(-20, 21, (1, 9, 9, 12), dtype=np.int8)
    actual = run(open_delegated(model), x)
    assert delegated(capfd)[0] == 1
    np.testing.assert_array_equal(actual, run(open_reference(model), x))


@pytest.mark.parametrize(
    "case",
    [
        DepthwiseCase(16, side=1),
        DepthwiseCase(17, side=9, activation="RELU"),
        DepthwiseCase(64, side=10, stride=2, activation="RELU6"),
        DepthwiseCase(100, side=7, padding="VALID"),
        DepthwiseCase(144, side=6, stride=2, padding="VALID", activation="RELU_N1_TO_1"),
        DepthwiseCase(16, side=1, kernel=5),
        DepthwiseCase(72, side=9, kernel=5, stride=2, activation="RELU6"),
        DepthwiseCase(100, side=7, kernel=5, padding="VALID"),
        DepthwiseCase(120, side=8, kernel=5, stride=2, padding="VALID", activation="RELU"),
        DepthwiseCase(8, side=5),  # too few channels for a kernel
        DepthwiseCase(7, side=5, dtype="float32"),  # too few as well
        DepthwiseCase(8, side=9, dtype="float32", activation="RELU6"),
        DepthwiseCase(24, side=10, dtype="float32", stride=2, activation="RELU"),
        DepthwiseCase(100, side=7, dtype="float32", padding="VALID"),
        DepthwiseCase(144, side=6, dtype="float32", stride=2, padding="VALID"),
        DepthwiseCase(8, side=3, dtype="float32", kernel=5),
        DepthwiseCase(24, side=10, dtype="float32", kernel=5, stride=2, activation="RELU"),
        DepthwiseCase(100, side=7, dtype="float32", kernel=5, padding="VALID"),
        DepthwiseCase(144, side=8, dtype="float32", kernel=5, stride=2, padding="VALID"),
    ],
    ids=str,
)
def test_depthwise_convolutions(rng, capfd, case):
    model = case.build(rng)
    reference, interpreter = open_reference(model), open_delegated(model)
    assert delegated(capfd) == (1, 1, 1)
    for batch, height, width in [(1, case.side, case.side), (2, case.side + 3, case.side + 4)]:
        x = random_input(rng, model, (batch, height, width, case.channels))
        assert_agrees(run(interpreter, x), run(reference, x))


@pytest.mark.parametrize("case", [DepthwiseCase(8, 32), DepthwiseCase(7, 32, "float32")], ids=str)
def test_a_depthwise_convolution_of_few_channels_stays_with_the_runtime(rng, capfd, case):
    delegate = tf_pconv.load_delegate()
    make, _ = INTERPRETERS["ai_edge_litert"]
    make(model_content=case.build(rng), experimental_delegates=[delegate])
    assert "DEPTHWISE_CONV_2D node 0 stays with the runtime" in capfd.readouterr().err


def test_relu_n1_to_1_is_fused(rng, capfd):
    def function(x):
        return tf.clip_by_value(Conv(pattern_kernel(rng, 6, 8))(x), -1.0, 1.0)

    shape = (1, 8, 8, 6)
    model = convert(rng, function, shape)
    x = random_input(rng, model, shape) * 3
    actual = run(open_delegated(model), x)
    assert delegated(capfd)[:2] == (1, 1), "the converter has not fused the activation"
    sums = run(open_reference(without_activation(model)), x)
    assert_agrees(actual, run(open_reference(model), x), sums)


def branches(rng):
    """Two regions around a tanh; the first has a branch, and its outputs leave it."""
    first = Conv(pattern_kernel(rng, 8, 16, 4), activation=tf.nn.relu)
    left = Conv(pattern_kernel(rng, 16, 16, 4), bias=rng.normal(size=16))
    right = Conv(pattern_kernel(rng, 16, 16, 1), activation=tf.nn.relu)
    last = Conv(pattern_kernel(rng, 16, 8, 2), stride=2)

    def function(x):
        x = first(x)
        return last(tf.tanh(left(x) + right(left(x))))

    return function


@pytest.mark.parametrize("pattern_format", FORMATS)
def test_regions_of_several_nodes(rng, capfd, pattern_format):
    shape = (1, 12, 12, 8)
    model = convert(rng, branches(rng), shape, pattern_format=pattern_format)
    x = random_input(rng, model, shape)
    actual = run(open_delegated(model), x)
    nodes, _, partitions = delegated(capfd)
    assert nodes == (8 if pattern_format == "sparse" else 4)
    assert partitions == 2
    np.testing.assert_allclose(actual, run(open_reference(model), x), atol=1e-4)


@pytest.mark.parametrize("block", [residual, joined])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("int8", "pattern_format"),
    [(False, "dense"), (False, "sparse"), (False, "fkw"), (True, "dense"), (True, "fkw")],
)
def test_what_lies_between_convolutions_runs_in_their_region(
    rng, capfd, int8, pattern_format, threads, block
):
    shape = (2, 15, 12, 8)
    model = convert(rng, block(rng), shape, int8=int8, pattern_format=pattern_format)
    x = random_input(rng, model, shape)
    actual = run(open_delegated(model, num_threads=threads), x)
    nodes, _, partitions = delegated(capfd)
    densify = 3 if pattern_format == "sparse" else 0
    assert (nodes, partitions) == (5 + densify, 1)
    expected = run(open_reference(model), x)
    if int8:
        # Each of up to four that round may differ by a unit, and the last adds up what comes in.
        assert np.abs(actual.astype(int) - expected).max() <= 4
        assert np.mean(actual == expected) > 0.9
    else:
        np.testing.assert_allclose(actual, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize(
    ("activation", "kinds"),
    [
        (tf.nn.leaky_relu, ["LEAKY_RELU"]),
        (tf.nn.sigmoid, ["LOGISTIC"]),
        (lambda x: x * tf.nn.relu6(x + 3) * (1 / 6), ["HARD_SWISH"]),
        (lambda x: tf.nn.relu(tf.pad(x, [[0, 0], [1, 0], [1, 0], [0, 0]])), ["PAD", "RELU"]),
    ],
    ids=["LEAKY_RELU", "LOGISTIC", "HARD_SWISH", "RELU"],
)
def test_activations_that_no_convolution_applies(rng, capfd, activation, kinds, int8):
    first = Conv(pattern_kernel(rng, 8, 32, 4))
    second = Conv(pattern_kernel(rng, 32, 8, 2))
    shape = (2, 7, 9, 8)
    model = convert(rng, lambda x: second(activation(first(x))), shape, int8=int8)
    assert Graph(parse(model), 0).kinds == ["CONV_2D", *kinds, "CONV_2D"]
    x = random_input(rng, model, shape)
    actual = run(open_delegated(model), x)
    expected = run(open_reference(model), x)
    nodes, _, partitions = delegated(capfd)
    assert (nodes, partitions) == (2 + len(kinds), 1)
    if int8:
        # The reference of LEAKY_RELU rounds differently, one value in four of the last.
        assert np.abs(actual.astype(int) - expected).max() <= 2
    else:
        np.testing.assert_allclose(actual, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_inputs_are_resized(rng, int8):
    conv = Conv(pattern_kernel(rng, 8, 16, 4), stride=2, bias=rng.normal(size=16))
    model = convert(rng, conv, (1, 9, 9, 8), int8=int8)
    reference, interpreter = open_reference(model), open_delegated(model)
    for shape in [(1, 9, 9, 8), (3, 14, 5, 8), (1, 1, 2, 8), (2, 9, 9, 8)]:
        x = random_input(rng, model, shape)
        assert_agrees(run(interpreter, x), run(reference, x))


def test_resizing_reaches_nodes_inside_a_region(rng, capfd):
    function = branches(rng)
    model = convert(rng, function, (1, 12, 12, 8))
    reference, interpreter = open_reference(model), open_delegated(model)
    for shape in [(1, 12, 12, 8), (2, 20, 8, 8), (1, 4, 4, 8)]:
        x = random_input(rng, model, shape)
        np.testing.assert_allclose(run(interpreter, x), run(reference, x), atol=1e-4)
    assert delegated(capfd)[0] == 4


@pytest.mark.parametrize("pattern_format", ["dense", "fkw"])
def test_shapes_that_only_a_run_decides(rng, capfd, pattern_format):
    first, second = (Conv(pattern_kernel(rng, 8, 8)) for _ in range(2))

    def function(x):
        side = tf.cast(x[0, 0, 0, 0], tf.int32)
        x = tf.ensure_shape(x[:, :side, :side], (1, None, None, 8))
        return second(first(x))

    model = convert(rng, function, (1, 12, 12, 8), pattern_format=pattern_format)
    reference, interpreter = open_reference(model), open_delegated(model)
    assert delegated(capfd)[0] == 2
    for side in (5, 9, 3):
        x = random_input(rng, model, (1, 12, 12, 8))
        x[0, 0, 0, 0] = side
        actual = run(interpreter, x)
        assert actual.shape == (1, side, side, 8)
        np.testing.assert_allclose(actual, run(reference, x), atol=1e-4)


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_a_few_rows_in_turn_give_the_same_as_whole_tensors(rng, int8):
    """Tensors larger than a cache; the images of a batch are computed as wholes."""
    shape = (1, 200, 180, 16)
    convs = [Conv(pattern_kernel(rng, 16, 16, 4, 0.2)) for _ in range(4)]

    def function(x):
        for conv in convs:
            x = conv(x)
        return x

    model = convert(rng, function, shape, int8=int8)
    x = random_input(rng, model, shape)
    for threads in (1, 2):
        interpreter = open_delegated(model, {"num_threads": threads})
        alone = run(interpreter, x).copy()
        twice = run(interpreter, np.concatenate([x, x]))
        np.testing.assert_array_equal(twice, np.concatenate([alone, alone]))


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_threads_do_not_change_the_result(rng, int8):
    conv = Conv(pattern_kernel(rng, 24, 32, 4))
    model = convert(rng, conv, (1, 19, 17, 24), int8=int8)
    x = random_input(rng, model, (2, 19, 17, 24))
    results = [
        run(open_delegated(model, options, **kwargs), x)
        for options, kwargs in [
            ({"num_threads": 1}, {}),
            ({"num_threads": 3}, {}),
            ({}, {"num_threads": 2}),
        ]
    ]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_the_interpreters_threads_are_the_default(rng, capfd):
    model = convert(rng, Conv(pattern_kernel(rng, 4, 4)), (1, 5, 5, 4))
    for options, kwargs, threads in [
        ({}, {}, 1),
        ({}, {"num_threads": 2}, 2),
        ({"num_threads": 3}, {"num_threads": 2}, 3),
    ]:
        open_delegated(model, {"log_level": "verbose", **options}, **kwargs)
        assert f"on {threads} threads" in capfd.readouterr().err


def test_interpreters_in_two_threads_may_share_a_delegate(rng):
    model = convert(rng, Conv(pattern_kernel(rng, 16, 16, 4)), (1, 16, 16, 16))
    delegate = tf_pconv.load_delegate({"num_threads": 2, "min_speedup": 0})
    make, _ = INTERPRETERS["ai_edge_litert"]
    x = [random_input(rng, model, (1, 16, 16, 16)) for _ in range(2)]
    expected = [run(open_reference(model), value) for value in x]
    results = [[], []]

    def work(i):
        interpreter = make(model_content=model, experimental_delegates=[delegate])
        results[i] = [run(interpreter, x[i]).copy() for _ in range(20)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(2):
        assert len(results[i]) == 20
        for result in results[i]:
            assert_agrees(result, expected[i])


def test_subgraphs_of_a_loop_are_delegated(rng, capfd):
    conv = Conv(pattern_kernel(rng, 8, 8, 4))

    def function(x):
        return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, conv(y)), (0, x))[1]

    shape = (1, 6, 6, 8)
    model = convert(rng, function, shape)
    x = random_input(rng, model, shape)
    actual = run(open_delegated(model), x)
    counts = [int(match[0]) for match in DELEGATED.findall(capfd.readouterr().err)]
    assert sum(counts) == 1
    assert_agrees(actual, run(open_reference(model), x))


def test_refused_convolutions_are_named_with_the_reason(rng, capfd):
    def function(x):
        x = Conv(pattern_kernel(rng, 4, 4))(x)
        x = Conv(rng.normal(size=(3, 3, 4, 4)).astype("float32"))(x)
        x = Conv(rng.normal(size=(1, 1, 4, 4)).astype("float32"))(x)
        return tf.nn.conv2d(x, pattern_kernel(rng, 4, 4), 1, "VALID", dilations=2)

    model = convert(rng, function, (1, 12, 12, 4))
    open_delegated(model)
    log = capfd.readouterr().err
    assert "CONV_2D node 1 stays with the runtime: the kernel of output channel 0" in log
    assert "CONV_2D node 2 stays with the runtime: 100 % of the weights are kept" in log
    assert "dilation is 2x2" in log
    assert "tf_pconv: 1 of" in log


@pytest.mark.parametrize("pattern_format", ["dense", "sparse"])
def test_what_does_not_pay_stays_with_the_runtime(rng, capfd, pattern_format):
    conv = Conv(pattern_kernel(rng, 8, 8))
    model = convert(rng, conv, (1, 8, 8, 8), pattern_format=pattern_format)
    x = random_input(rng, model, (1, 8, 8, 8))
    actual = run(open_delegated(model, {"min_speedup": 1000}), x)
    log = capfd.readouterr().err
    assert DELEGATED.findall(log)[0][0] == "0"
    assert "below min_speedup 1000" in log
    assert_agrees(actual, run(open_reference(model), x))


def test_packed_convolutions_are_always_taken(rng, capfd):
    conv = Conv(pattern_kernel(rng, 8, 8))
    model = convert(rng, conv, (1, 8, 8, 8), pattern_format="fkw")
    open_delegated(model, {"min_speedup": 1000}).allocate_tensors()
    assert delegated(capfd)[0] == 1


def test_require_delegation(rng):
    dense = rng.normal(size=(3, 3, 4, 4)).astype("float32")
    model = convert(rng, Conv(dense), (1, 8, 8, 4))
    with pytest.raises((RuntimeError, ValueError), match="none of 1 nodes can be delegated"):
        open_delegated(model, {"require_delegation": True})
    assert open_delegated(model, {"require_delegation": False}) is not None


def test_the_runtime_runs_the_other_types(rng, capfd):
    """Dynamic-range and float16 files are left to the runtime, with a reason."""
    conv = Conv(pattern_kernel(rng, 16, 16, 4))
    concrete = tf.function(conv).get_concrete_function(tf.TensorSpec((1, 8, 8, 16)))
    for types, reason in [([], "the weights are int8"), ([tf.float16], "not constant")]:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = types
        model = converter.convert()
        x = random_input(rng, model, (1, 8, 8, 16))
        assert run(open_delegated(model), x).shape == (1, 8, 8, 16)
        log = capfd.readouterr().err
        assert DELEGATED.findall(log)[0][0] == "0"
        assert reason in log


def test_a_forced_kernel_is_used(rng, capfd):
    model = convert(rng, Conv(pattern_kernel(rng, 8, 8)), (1, 8, 8, 8))
    x = random_input(rng, model, (1, 8, 8, 8))
    actual = run(open_delegated(model, {"kernel": "reference", "log_level": "verbose"}), x)
    assert "runs kernel reference" in capfd.readouterr().err
    assert_agrees(actual, run(open_reference(model), x))


def test_a_kernel_of_the_other_type_is_an_error_where_nothing_else_can_run(rng, capfd):
    conv = Conv(pattern_kernel(rng, 8, 8))
    shape = (1, 8, 8, 8)
    open_delegated(convert(rng, conv, shape, int8=True), {"log_level": "verbose"})
    kernel = re.search(r"runs kernel (\S+)", capfd.readouterr().err)[1]
    options = {"kernel": kernel}
    if kernel != "reference":
        with pytest.raises((RuntimeError, ValueError), match=f'PConv2D node 0.*"{kernel}"'):
            open_delegated(convert(rng, conv, shape, pattern_format="fkw"), options)
        open_delegated(convert(rng, conv, shape), options)
        assert delegated(capfd)[0] == 0


def test_the_log_can_be_silent(rng, capfd):
    model = convert(rng, Conv(pattern_kernel(rng, 8, 8)), (1, 8, 8, 8))
    capfd.readouterr()
    open_delegated(model, {"log_level": "none"})
    assert "tf_pconv" not in capfd.readouterr().err
