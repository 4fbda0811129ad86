"""Masks: exact counts, the most energy, and the same on every backend."""

import hashlib
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from tf_pconv.patterns import PatternLibrary, get_library
from tf_pconv.projection import check_finite, kept_kernels, project

SCP8 = get_library("scp8")
quick = settings(max_examples=25, deadline=None)


def masks_of(kernel, **arguments):
    arguments = {"library": SCP8, "kernels": None} | arguments
    return ops.convert_to_numpy(project(kernel, **arguments))


def energy(kernel, mask):
    return float((np.float64(kernel) ** 2 * mask).sum())


def gaussian(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@st.composite
def layers(draw, most_channels=9, most_filters=11):
    """A 3x3 kernel, a number of kernels, a group size and an order; many equal and zero weights."""
    shape = (3, 3, draw(st.integers(1, most_channels)), draw(st.integers(1, most_filters)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kernel = rng.integers(-3, 4, size=shape).astype(np.float32)
    if draw(st.booleans()):
        kernel += gaussian(*shape, seed=1)
    order = rng.permutation(shape[3]).astype(np.int32)
    return kernel, draw(st.integers(1, shape[2])), draw(st.sampled_from([1, 2, 3, 4])), order


def groups_of(order, group_size):
    return [order[start : start + group_size] for start in range(0, len(order), group_size)]


class TestCounts:
    @quick
    @given(layers())
    def test_four_weights_in_exactly_k_kernels_of_every_filter(self, layer):
        kernel, kernels, group_size, order = layer
        mask = masks_of(kernel, kernels=kernels, group_size=group_size, order=order)
        assert mask.shape == kernel.shape
        assert mask.dtype == kernel.dtype
        entries = mask.sum(axis=(0, 1))
        assert set(np.unique(entries)) <= {0, 4}
        np.testing.assert_array_equal((entries > 0).sum(axis=0), kernels)

    @quick
    @given(layers())
    def test_every_kept_kernel_follows_a_pattern_of_the_library(self, layer):
        kernel, kernels, group_size, order = layer
        mask = masks_of(kernel, kernels=kernels, group_size=group_size, order=order)
        allowed = {pattern.tobytes() for pattern in SCP8.to_array()} | {bytes(9)}
        found = {one.tobytes() for one in mask.transpose(2, 3, 0, 1).reshape(-1, 9).astype("u1")}
        assert found <= allowed

    @quick
    @given(layers())
    def test_filters_of_a_group_share_their_mask(self, layer):
        kernel, kernels, group_size, order = layer
        for balance in ("filter", "layer"):
            mask = masks_of(
                kernel, kernels=kernels, group_size=group_size, order=order, balance=balance
            )
            for group in groups_of(order, group_size):
                assert (mask[..., group] == mask[..., group[:1]]).all()

    @quick
    @given(layers())
    def test_counts_hold_in_the_layout_of_tflite(self, layer):
        kernel, kernels, group_size, order = layer
        mask = masks_of(kernel, kernels=kernels, group_size=group_size, order=order)
        for filter_mask in mask.transpose(3, 0, 1, 2):
            entries = filter_mask.reshape(9, -1).sum(axis=0)
            assert sorted(entries)[-kernels:] == [4] * kernels
            assert entries.sum() == 4 * kernels

    @quick
    @given(layers())
    def test_balance_by_layer_keeps_the_same_total_and_one_kernel_per_group(self, layer):
        kernel, kernels, group_size, order = layer
        mask = masks_of(
            kernel, kernels=kernels, group_size=group_size, order=order, balance="layer"
        )
        leaders = [group[0] for group in groups_of(order, group_size)]
        kept = (mask.sum(axis=(0, 1)) > 0).sum(axis=0)[leaders]
        assert kept.sum() == kernels * len(leaders)
        assert kept.min() >= 1

    @quick
    @given(layers(), st.floats(0, 1))
    def test_a_fraction_of_the_kept_kernels_follows_patterns(self, layer, fraction):
        kernel, kernels, group_size, order = layer
        mask = masks_of(
            kernel, kernels=kernels, group_size=group_size, order=order, pattern_fraction=fraction
        )
        entries = mask.sum(axis=(0, 1))
        following = int(np.floor(np.float32(kernels) * np.float32(fraction) + 0.5))
        np.testing.assert_array_equal((entries == 4).sum(axis=0), following)
        np.testing.assert_array_equal((entries == 9).sum(axis=0), kernels - following)


class TestMostEnergy:
    @staticmethod
    def held(kernel, group):
        """What the best pattern of each kernel holds for the group, by brute force: (channels,)."""
        weights = np.float64(kernel[..., group]) ** 2
        return [
            max((pattern[..., None] * weights[:, :, channel]).sum() for pattern in SCP8.to_array())
            for channel in range(kernel.shape[2])
        ]

    @quick
    @given(layers(5, 6))
    def test_per_filter(self, layer):
        kernel, kernels, group_size, order = layer
        mask = masks_of(kernel, kernels=kernels, group_size=group_size, order=order)
        best = sum(
            max(map(sum, itertools.combinations(self.held(kernel, group), kernels)))
            for group in groups_of(order, group_size)
        )
        assert energy(kernel, mask) == pytest.approx(best, rel=1e-5)

    @quick
    @given(layers(4, 3))
    def test_per_layer(self, layer):
        kernel, kernels, group_size, order = layer
        mask = masks_of(
            kernel, kernels=kernels, group_size=group_size, order=order, balance="layer"
        )
        groups = groups_of(order, group_size)
        held = [self.held(kernel, group) for group in groups]
        places = itertools.product(range(len(groups)), range(kernel.shape[2]))
        best = max(
            sum(held[group][channel] for group, channel in chosen)
            for chosen in itertools.combinations(list(places), kernels * len(groups))
            if len({group for group, _ in chosen}) == len(groups)
        )
        assert energy(kernel, mask) == pytest.approx(best, rel=1e-5)

    @quick
    @given(layers(5, 4), st.floats(0, 1))
    def test_those_kernels_follow_a_pattern_that_lose_least(self, layer, fraction):
        kernel, _, group_size, order = layer
        mask = masks_of(kernel, group_size=group_size, order=order, pattern_fraction=fraction)
        following = int((mask.sum(axis=(0, 1)) == 4).sum(axis=0)[0])
        lost = 0.0
        for group in groups_of(order, group_size):
            total = (np.float64(kernel[..., group]) ** 2).sum(axis=(0, 1, 3))
            lost += sum(sorted(total - self.held(kernel, group))[:following])
        assert energy(kernel, 1 - mask) == pytest.approx(lost, rel=1e-4, abs=1e-4)

    def test_projecting_twice_changes_nothing(self):
        kernel = gaussian(3, 3, 16, 10)
        arguments = {"kernels": 5, "group_size": 4, "balance": "layer"}
        mask = masks_of(kernel, **arguments)
        np.testing.assert_array_equal(masks_of(kernel * mask, **arguments), mask)


class TestSymmetry:
    @pytest.mark.parametrize("balance", ["filter", "layer"])
    def test_filters_may_come_in_any_order(self, balance):
        kernel, order = gaussian(3, 3, 8, 14), np.random.default_rng(1).permutation(14)
        shuffle = np.random.default_rng(2).permutation(14)
        arguments = {"kernels": 3, "group_size": 4, "balance": balance}
        mask = masks_of(kernel, order=order, **arguments)
        moved = masks_of(kernel[..., shuffle], order=np.argsort(shuffle)[order], **arguments)
        np.testing.assert_array_equal(moved, mask[..., shuffle])

    @pytest.mark.parametrize("balance", ["filter", "layer"])
    def test_channels_may_come_in_any_order(self, balance):
        kernel, shuffle = gaussian(3, 3, 8, 6), np.random.default_rng(2).permutation(8)
        arguments = {"kernels": 3, "group_size": 2, "balance": balance}
        mask = masks_of(kernel, **arguments)
        moved = masks_of(kernel[:, :, shuffle], **arguments)
        np.testing.assert_array_equal(moved, mask[:, :, shuffle])

    def test_the_sign_and_scale_of_weights_do_not_matter(self):
        kernel = gaussian(3, 3, 8, 6)
        mask = masks_of(kernel, kernels=3)
        np.testing.assert_array_equal(masks_of(-kernel * 2**20, kernels=3), mask)

    def test_equal_weights_keep_the_first_pattern_and_the_first_kernels(self):
        for weight in (0, 1):
            mask = masks_of(np.full((3, 3, 4, 2), weight, np.float32), kernels=2, group_size=2)
            expected = np.zeros_like(mask)
            expected[:, :, :2] = SCP8.to_array()[0][:, :, None, None]
            np.testing.assert_array_equal(mask, expected)


class TestKindsOfLayers:
    def test_without_a_library_connectivity_only(self):
        for shape in [(1, 1, 12, 8), (5, 5, 12, 8), (3, 3, 12, 8)]:
            mask = masks_of(gaussian(*shape), library=None, kernels=3, group_size=4)
            entries = mask.sum(axis=(0, 1))
            assert set(np.unique(entries)) == {0, shape[0] * shape[1]}
            np.testing.assert_array_equal((entries > 0).sum(axis=0), 3)

    def test_depthwise_patterns_only(self):
        kernel = gaussian(3, 3, 12, 2)
        np.testing.assert_array_equal(masks_of(kernel).sum(axis=(0, 1)), 4)

    def test_without_constraints_everything_is_kept(self):
        assert (masks_of(gaussian(3, 3, 2, 2), library=None) == 1).all()

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
    def test_other_float_types_give_masks_of_their_type(self, dtype):
        kernel = ops.cast(gaussian(3, 3, 8, 4), dtype)
        mask = project(kernel, library=SCP8, kernels=3)
        assert mask.dtype == kernel.dtype
        reference = masks_of(ops.convert_to_numpy(ops.cast(kernel, "float32")), kernels=3)
        np.testing.assert_array_equal(ops.convert_to_numpy(ops.cast(mask, "float32")), reference)

    def test_half_precision_energy_does_not_overflow(self):
        kernel = np.float16(300) * gaussian(3, 3, 8, 4).astype(np.float16)
        mask = masks_of(kernel, kernels=3)
        np.testing.assert_array_equal(mask, masks_of(kernel.astype(np.float32), kernels=3))


class TestCompiled:
    def test_inside_a_tf_function_with_tensors_for_what_a_schedule_moves(self):
        import tensorflow as tf

        kernel, order = gaussian(3, 3, 16, 10), np.arange(10)[::-1]

        @tf.function
        def compiled(kernel, order, kernels, fraction):
            return project(
                kernel,
                library=SCP8,
                kernels=kernels,
                group_size=4,
                order=order,
                balance="layer",
                pattern_fraction=fraction,
            )

        for kernels, fraction in [(5, 1.0), (9, 0.4)]:
            mask = compiled(kernel, order, tf.constant(kernels), tf.constant(fraction))
            eager = masks_of(
                kernel,
                kernels=kernels,
                group_size=4,
                order=order,
                balance="layer",
                pattern_fraction=fraction,
            )
            np.testing.assert_array_equal(mask, eager)
        assert compiled.experimental_get_tracing_count() == 1

    def test_jax_gives_the_same_masks(self):
        script = os.path.abspath(__file__)
        environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(sys.path)}
        output = subprocess.run(
            [sys.executable, script], env=environment, capture_output=True, text=True, check=False
        )
        assert output.stdout.split() == ["jax", digest_of_masks()], output.stderr


def digest_of_masks():
    """A digest of the masks of one kernel under each balance."""
    kernel, order = gaussian(3, 3, 16, 10), np.arange(10)[::-1].copy()
    digest = hashlib.sha256()
    for balance, fraction, size in [("filter", 0.3, 1), ("layer", 1.0, 4)]:
        arguments = {"balance": balance, "pattern_fraction": fraction, "group_size": size}
        digest.update(masks_of(kernel, kernels=5, order=order, **arguments).tobytes())
    return digest.hexdigest()


class TestKeptKernels:
    @pytest.mark.parametrize(
        ("arguments", "kernels"),
        [
            ((256, (3, 3), 4, 8.0), 72),
            ((64, (3, 3), 4, 8.0), 18),
            ((3, (3, 3), 4, 8.0), 1),
            ((1, (3, 3), 4, 100.0), 1),
            ((64, (3, 3), 4, 2.25), 64),
            ((64, (3, 3), 4, 1.0), 64),
            ((64, (1, 1), 1, 8.0), 8),
            ((64, (5, 5), 25, 3.0), 21),
        ],
    )
    def test_formula(self, arguments, kernels):
        assert kept_kernels(*arguments) == kernels

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((0, (3, 3), 4, 8.0), "in_channels 0"),
            ((8, (3, 3), 10, 8.0), "entries 10"),
            ((8, (3, 3), 4, 0.5), r"at least 1; received 0\.5"),
            ((8, (3, 3), 4, float("nan")), "received nan"),
        ],
    )
    def test_refuses(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            kept_kernels(*arguments)


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ((3, 3, 4), {}, r"shape \(kh, kw, in, out\); received \(3, 3, 4\)"),
        ((5, 5, 4, 4), {}, "Patterns are for 3x3 kernels"),
        ((3, 3, 4, 4), {"kernels": 5}, "keeps 1 to 4 of its 4 kernels; received kernels 5"),
        ((3, 3, 4, 4), {"kernels": 0}, "received kernels 0"),
        ((3, 3, 4, 4), {"group_size": 0}, "group_size is at least 1"),
        ((3, 3, 4, 4), {"balance": "model"}, "'filter' or 'layer'; received 'model'"),
        ((3, 3, 4, 4), {"pattern_fraction": 1.1}, "from 0 to 1"),
    ],
)
def test_arguments_out_of_range_are_refused(shape, arguments, message):
    with pytest.raises(ValueError, match=message):
        masks_of(np.ones(shape, np.float32), **arguments)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_named(bad):
    kernel = gaussian(3, 3, 2, 2)
    check_finite(kernel, "conv1/kernel")
    kernel[0, 0, 1, :] = bad
    with pytest.raises(ValueError, match="'conv1/kernel' has 2 of 36 weights that are NaN or inf"):
        check_finite(kernel, "conv1/kernel")


def test_a_library_of_one_pattern_is_enough():
    library = PatternLibrary("one", (0b000_111_010,))
    mask = masks_of(gaussian(3, 3, 4, 4), library=library)
    np.testing.assert_array_equal(mask[..., 0, 0], library.to_array()[0])


if __name__ == "__main__":
    import keras

    print(keras.backend.backend(), digest_of_masks())
