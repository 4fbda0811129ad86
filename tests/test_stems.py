"""Stems, the dense convolutions of few channels that networks begin with, in the delegate."""

import numpy as np
import pytest
import tensorflow as tf
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
    without_activation,
)

import tf_pconv


def dense_kernel(rng, height, width, channels, filters):
    return rng.normal(size=(height, width, channels, filters)).astype("float32")


def check(rng, model, shape):
    """Compares the delegate with the reference kernels."""
    x = random_input(rng, model, shape)
    sums = run(open_reference(without_activation(model)), x)
    assert_agrees(run(open_delegated(model), x), run(open_reference(model), x), sums)


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize(
    ("height", "width", "channels", "filters", "stride", "padding"),
    [
        (3, 3, 3, 16, 1, "SAME"),
        (3, 3, 3, 32, 2, "SAME"),
        (7, 7, 3, 64, 2, "SAME"),
        (3, 3, 1, 24, 2, "VALID"),
        (10, 4, 1, 64, 2, "SAME"),
        (4, 4, 3, 96, 4, "VALID"),
        (5, 1, 8, 40, 3, "SAME"),
        (1, 1, 4, 17, 1, "VALID"),
    ],
)
def test_they_agree_with_the_runtime(
    rng, capfd, height, width, channels, filters, stride, padding, int8
):
    kernel = dense_kernel(rng, height, width, channels, filters)
    conv = Conv(kernel, stride, padding, tf.nn.relu6, rng.normal(size=filters).astype("float32"))
    model = convert(rng, conv, (1, 21, 26, channels), int8=int8)
    check(rng, model, (1, 21, 26, channels))
    assert delegated(capfd) == (1, 1, 1)
    check(rng, model, (2, 13, 33, channels))  # resized


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_a_region_begins_at_the_image(rng, capfd, int8):
    """As in ResNet-50: a border, the stem, another border, max pooling, a convolution."""
    stem = Conv(dense_kernel(rng, 7, 7, 3, 64), 2, "VALID", tf.nn.relu)
    last = Conv(pattern_kernel(rng, 64, 16, 4))

    def function(x):
        x = stem(tf.pad(x, [[0, 0], [3, 3], [3, 3], [0, 0]]))
        x = tf.nn.max_pool2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, 2, "VALID")
        return last(x)

    model = convert(rng, function, (1, 32, 32, 3), int8=int8)
    x = random_input(rng, model, (1, 32, 32, 3))
    actual = run(open_delegated(model), x)
    assert delegated(capfd) == (5, 5, 1)
    expected = run(open_reference(model), x)
    if int8:
        assert np.abs(actual.astype(int) - expected).max() <= 2
        assert np.mean(actual == expected) >= 0.99
    else:
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_scaling_of_the_image_is_part_of_the_region(rng, capfd):
    stem = Conv(dense_kernel(rng, 3, 3, 3, 16), 2)
    model = convert(rng, lambda x: stem(x * 2.0 + 0.5), (1, 20, 20, 3), int8=True)
    x = random_input(rng, model, (1, 20, 20, 3))
    actual = run(open_delegated(model), x)
    assert delegated(capfd) == (3, 3, 1)
    assert np.abs(actual.astype(int) - run(open_reference(model), x)).max() <= 2


def test_wide_dense_convolutions_stay_with_the_runtime(rng, capfd):
    model = convert(rng, Conv(dense_kernel(rng, 3, 3, 9, 16)), (1, 8, 8, 9), int8=True)
    open_delegated(model)
    log = capfd.readouterr().err
    assert "keeps 9 weights, a pattern keeps 4" in log
    assert DELEGATED.findall(log)[-1][0] == "0"


def test_they_are_taken_where_they_pay(rng, capfd):
    """int8 stems are always faster than XNNPACK's, but for tiny images."""
    conv = Conv(dense_kernel(rng, 7, 7, 3, 64), 2)
    model = convert(rng, conv, (1, 64, 64, 3), int8=True)
    open_delegated(model, {"min_speedup": "1.1"})
    assert delegated(capfd)[0] == 1
    tiny = convert(rng, Conv(dense_kernel(rng, 1, 1, 3, 16)), (1, 2, 2, 3), int8=True)
    open_delegated(tiny, {"min_speedup": "1.1"})
    assert "below min_speedup" in capfd.readouterr().err


def test_reports_know_them_and_packing_leaves_them(rng):
    model = convert(rng, Conv(dense_kernel(rng, 7, 7, 3, 64), 2), (1, 64, 64, 3), int8=True)
    (row,) = tf_pconv.lite.inspect(model).convolutions
    assert (row.delegate, row.reason, row.patterns) == ("where faster", "", None)
    assert tf_pconv.lite.pack(model, min_speedup=0).model == model
