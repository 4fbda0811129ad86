"""1x1 convolutions of which whole kernels are removed: recognition, packing and the delegate."""

import numpy as np
import pytest
import tensorflow as tf
from delegated_models import (
    DELEGATED,
    Conv,
    assert_agrees,
    convert,
    open_delegated,
    open_reference,
    random_input,
    run,
)
from tflite_models import connected, quantize

from tf_pconv.lite import fkw, inspect, pack, unpack
from tf_pconv.lite.connectivity import recognize_connectivity
from tf_pconv.lite.recognition import NoPatternsError


def kernel(rng, channels, filters, group_size, kept):
    """The same in Keras' order, (1, 1, in, out)."""
    return connected(rng, filters, channels, group_size, kept).transpose(1, 2, 3, 0)


class TestRecognition:
    @pytest.mark.parametrize(
        ("filters", "channels", "group_size"),
        [(32, 64, 16), (40, 96, 8), (64, 200, 4), (30, 64, 4), (64, 65, 2), (48, 64, 1)],
    )
    @pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
    def test_finds_groups_and_keeps_every_weight(self, rng, filters, channels, group_size, int8):
        dense = connected(rng, filters, channels, group_size, channels // 4)
        scales = None
        if int8:
            dense, scales = quantize(dense)
        weights = recognize_connectivity(dense, scales)
        assert weights.group_size == group_size
        assert weights.kernel_size == weights.entries == 1
        assert np.array_equal(weights.to_dense(), dense)
        lengths = np.diff(weights.group_begin)
        assert np.all(np.diff(lengths[: filters // group_size]) >= 0)
        decoded = fkw.decode(fkw.encode(weights))
        assert np.array_equal(decoded.to_dense(), dense)

    def test_refuses_what_keeps_more_than_half(self, rng):
        recognize_connectivity(connected(rng, 8, 32, 4, 16))
        with pytest.raises(NoPatternsError, match="only 47 % of the weights are zero"):
            recognize_connectivity(connected(rng, 8, 32, 4, 17))

    def test_refuses_zeros(self):
        with pytest.raises(NoPatternsError, match="all weights are zero"):
            recognize_connectivity(np.zeros((4, 1, 1, 4), np.float32))


class TestDelegate:
    @pytest.mark.parametrize("packed", [False, True], ids=["dense", "packed"])
    @pytest.mark.parametrize(
        ("channels", "filters", "group_size", "side", "stride"),
        [(64, 48, 4, 9, 1), (33, 20, 1, 7, 2), (96, 24, 8, 14, 1), (160, 64, 16, 6, 2),
         (12, 7, 2, 5, 1)],
    )  # fmt: skip
    @pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
    def test_agrees_with_reference(
        self, rng, capfd, channels, filters, group_size, side, stride, int8, packed
    ):
        conv = Conv(
            kernel(rng, channels, filters, group_size, channels // 3),
            stride,
            activation=tf.nn.relu6,
            bias=rng.normal(size=filters),
        )
        model = convert(
            rng,
            conv,
            (1, side, side, channels),
            int8=int8,
            pattern_format="fkw" if packed else "dense",
        )
        x = random_input(rng, model, (1, side, side, channels))
        actual = run(open_delegated(model), x)
        assert DELEGATED.findall(capfd.readouterr().err)[-1][0] == "1"
        assert_agrees(actual, run(open_reference(model), x))


class TestPacking:
    @pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
    def test_packs_verifies_and_unpacks(self, rng, int8):
        conv = Conv(kernel(rng, 64, 32, 4, 16), bias=rng.normal(size=32))
        model = convert(rng, conv, (1, 8, 8, 64), int8=int8)
        result = pack(model, min_speedup=0)
        (row,) = result.report.packed
        assert (row.shape, row.group_size, row.patterns) == ((32, 1, 1, 64), 4, 1)
        assert row.stored_bytes < row.dense_bytes / 2
        x = random_input(rng, model, (1, 8, 8, 64))
        again = unpack(result.model)
        assert np.array_equal(run(open_reference(again), x), run(open_reference(model), x))
        assert inspect(again).convolutions[0].shape == (32, 1, 1, 64)
