"""Filter groups: a permutation, nothing lost, and the groups that are there to be found."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from tf_pconv.grouping import group_filters
from tf_pconv.patterns import get_library
from tf_pconv.projection import project

SCP8 = get_library("scp8")


def kept_energy(kernel, order, **arguments):
    mask = ops.convert_to_numpy(project(kernel, order=order, **arguments))
    return float((np.float64(kernel) ** 2 * mask).sum())


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.integers(1, 19),
    st.sampled_from([1, 2, 3, 4, 8, 16]),
    st.sampled_from([None, SCP8]),
)
def test_a_permutation_that_keeps_no_less_than_neighbours_do(
    seed, channels, filters, group_size, library
):
    rng = np.random.default_rng(seed)
    kernel = rng.integers(-3, 4, size=(3, 3, channels, filters)).astype(np.float32)
    arguments = {"library": library, "kernels": int(rng.integers(1, channels + 1))}
    order = group_filters(kernel, group_size, **arguments)
    assert order.dtype == np.int32
    assert sorted(order) == list(range(filters))
    grouped = kept_energy(kernel, order, group_size=group_size, **arguments)
    assert grouped >= (1 - 1e-5) * kept_energy(kernel, None, group_size=group_size, **arguments)


@pytest.mark.parametrize("group_size", [2, 4, 8])
def test_filters_that_share_their_mask_are_found_again(group_size):
    rng, filters = np.random.default_rng(3), 32
    kernel = rng.normal(size=(3, 3, 24, filters)).astype(np.float32)
    arguments = {"library": SCP8, "kernels": 6, "group_size": group_size}
    planted = rng.permutation(filters).astype(np.int32)
    kernel *= ops.convert_to_numpy(project(kernel, order=planted, **arguments))
    arguments["order"] = group_filters(kernel, group_size, library=SCP8, kernels=6)
    mask = ops.convert_to_numpy(project(kernel, **arguments))
    assert (mask[kernel != 0] == 1).all()


def test_a_sample_of_many_channels_is_enough():
    rng, filters = np.random.default_rng(3), 32
    kernel = rng.normal(size=(1, 1, 9000, filters)).astype(np.float32)
    arguments = {"library": None, "kernels": 1100, "group_size": 4}
    planted = rng.permutation(filters).astype(np.int32)
    kernel *= ops.convert_to_numpy(project(kernel, order=planted, **arguments))
    order = group_filters(kernel, 4, kernels=1100)
    assert kept_energy(kernel, order, **arguments) == pytest.approx((kernel**2).sum())


def test_small_layers_come_within_one_percent_of_the_best_grouping():
    rng = np.random.default_rng(5)
    arguments = {"library": SCP8, "kernels": 2}
    for _ in range(5):
        kernel = rng.normal(size=(3, 3, 6, 6)).astype(np.float32)
        best = max(
            kept_energy(kernel, np.array(order, np.int32), group_size=2, **arguments)
            for order in itertools.permutations(range(6))
            if order[0] < order[1] and order[2] < order[3] and order[0] < order[2] < order[4]
            if order[4] < order[5]
        )
        order = group_filters(kernel, 2, **arguments)
        assert kept_energy(kernel, order, group_size=2, **arguments) >= 0.99 * best


def test_the_same_weights_give_the_same_order():
    kernel = np.random.default_rng(7).normal(size=(3, 3, 16, 40)).astype(np.float32)
    first = group_filters(kernel, 4, library=SCP8, kernels=5)
    np.testing.assert_array_equal(first, group_filters(kernel, 4, library=SCP8, kernels=5))


def test_single_filters_and_single_groups_stay_as_they_are():
    kernel = np.random.default_rng(7).normal(size=(3, 3, 4, 6)).astype(np.float32)
    for group_size in (1, 6, 16):
        assert group_filters(kernel, group_size, library=SCP8).tolist() == list(range(6))
    zeros = np.zeros((3, 3, 4, 6), np.float32)
    assert group_filters(zeros, 2, library=SCP8, kernels=1).tolist() == list(range(6))


def test_keras_variables_are_accepted():
    kernel = np.random.default_rng(7).normal(size=(1, 1, 4, 6)).astype(np.float32)
    order = group_filters(ops.convert_to_tensor(kernel), 2, kernels=2)
    np.testing.assert_array_equal(order, group_filters(kernel, 2, kernels=2))


@pytest.mark.parametrize(
    ("kernel", "arguments", "message"),
    [
        (np.full((3, 3, 2, 4), np.nan), {"group_size": 2}, "NaN or infinite"),
        (np.ones((3, 3, 2, 4)), {"group_size": 0}, "group_size is at least 1; received 0"),
        (np.ones((3, 3, 2, 4)), {"group_size": 2, "kernels": 3}, "received kernels 3"),
        (np.ones((3, 3, 2)), {"group_size": 2}, "received"),
    ],
)
def test_bad_arguments_are_refused(kernel, arguments, message):
    with pytest.raises(ValueError, match=message):
        group_filters(kernel, **arguments)
