"""Pooling and means in the delegate's regions, against TFLite's builtin operators."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from delegated_models import (
    DELEGATED,
    Conv,
    assert_agrees,
    convert,
    delegated,
    open_delegated,
    open_reference,
    pattern_kernel,
    random_input,
    run,
)
from keras import layers

CHANNELS = 64


def conv(rng, channels=CHANNELS, filters=CHANNELS):
    return Conv(pattern_kernel(rng, channels, filters, 4), activation=tf.nn.relu)


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize(
    ("pool", "side", "stride", "padding"),
    [
        (tf.nn.max_pool2d, 2, 2, "VALID"),
        (tf.nn.max_pool2d, 3, 2, "SAME"),
        (tf.nn.avg_pool2d, 2, 2, "VALID"),  # DenseNet
        (tf.nn.avg_pool2d, 3, 2, "SAME"),
        (tf.nn.avg_pool2d, 3, 3, "VALID"),
        (tf.nn.avg_pool2d, 5, 2, "SAME"),
        (tf.nn.avg_pool2d, 7, 1, "VALID"),  # of nearly the whole image
        (tf.nn.avg_pool2d, 8, 8, "SAME"),
    ],
)
def test_a_pooling_behind_a_convolution(rng, capfd, pool, side, stride, padding, int8):
    first = conv(rng, channels=8)
    model = convert(rng, lambda x: pool(first(x), side, stride, padding), (1, 7, 9, 8), int8=int8)
    reference, interpreter = open_reference(model), open_delegated(model)
    assert delegated(capfd) == (2, 2, 1)
    for shape in [(1, 7, 9, 8), (3, 10, 8, 8)]:
        x = random_input(rng, model, shape)
        assert_agrees(run(interpreter, x), run(reference, x))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_a_branch_of_inception(rng, capfd, int8, threads):
    first, last = conv(rng, channels=8), conv(rng)

    def branch(x):
        return last(tf.nn.avg_pool2d(first(x), 3, 1, "SAME"))

    shape = (2, 9, 7, 8)
    model = convert(rng, branch, shape, int8=int8)
    x = random_input(rng, model, shape)
    actual = run(open_delegated(model, num_threads=threads), x)
    assert delegated(capfd) == (3, 3, 1)
    assert_agrees(actual, run(open_reference(model), x))


def test_an_average_of_the_size_of_its_input_wants_a_reader(rng, capfd):
    first = conv(rng, channels=8)
    model = convert(rng, lambda x: tf.nn.avg_pool2d(first(x), 3, 1, "SAME"), (1, 6, 6, 8))
    open_delegated(model)
    error = capfd.readouterr().err
    assert DELEGATED.search(error).groups() == ("1", "2", "1")
    assert "AVERAGE_POOL_2D node 1 stays with the runtime: no node that is taken reads it" in error


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_model_that_ends_in_a_mean(rng, capfd, keepdims, int8, threads):
    first = conv(rng, channels=8, filters=300)
    mean = layers.GlobalAveragePooling2D(keepdims=keepdims)
    model = convert(rng, lambda x: mean(first(x)), (1, 7, 6, 8), int8=int8)
    # The reference kernel of int8 means rounds its factor to a few bits.
    builtin = Interpreter(model_content=model) if int8 else open_reference(model)
    interpreter = open_delegated(model, num_threads=threads)
    assert delegated(capfd) == (2, 2, 1)
    for shape in [(1, 7, 6, 8), (3, 8, 8, 8)]:
        x = random_input(rng, model, shape)
        actual, expected = run(interpreter, x), run(builtin, x)
        assert actual.shape == expected.shape
        if int8:
            assert np.abs(actual.astype(int) - expected).max() <= 1
            assert np.mean(actual == expected) > 0.95
        else:
            np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_a_mean_between_layers(rng, capfd, int8):
    """As in squeeze and excitation."""
    first, last = conv(rng, channels=8), Conv(0.2 * pattern_kernel(rng, CHANNELS, CHANNELS, 4))

    def function(x):
        return last(tf.reduce_mean(first(x), (-2, 1), keepdims=True))

    model = convert(rng, function, (1, 7, 6, 8), int8=int8)
    x = random_input(rng, model, (1, 7, 6, 8))
    actual = run(open_delegated(model), x)
    assert delegated(capfd) == (3, 3, 1)
    expected = run(open_reference(model), x)
    if int8:
        assert np.abs(actual.astype(int) - expected).max() <= 2
    else:
        np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("axes", "reason"),
    [
        ((1,), "height or width is not averaged; accepted are both"),
        ((1, 2, 3), "axis 3 is averaged; accepted are 1 and 2"),
    ],
)
def test_other_means_stay_with_the_runtime(rng, capfd, axes, reason):
    first = conv(rng, channels=8)
    shape = (1, 7, 6, 8)
    model = convert(rng, lambda x: tf.reduce_mean(first(x), axes), shape)
    x = random_input(rng, model, shape)
    actual = run(open_delegated(model), x)
    assert f"MEAN node 1 stays with the runtime: {reason}" in capfd.readouterr().err
    np.testing.assert_allclose(actual, run(open_reference(model), x), atol=1e-5)
