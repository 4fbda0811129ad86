import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tflite_models import pattern_weights, quantize

from tf_pconv.lite import fkw
from tf_pconv.lite.pattern_weights import MASK_SIZE
from tf_pconv.lite.recognition import GROUP_OVERHEAD, NoPatternsError, recognize_patterns

FILTERS, CHANNELS = 48, 24


def filters_of_groups(weights):
    return [
        set(weights.filter_order[begin : begin + weights.group_size].tolist())
        for begin in range(0, weights.filters, weights.group_size)
    ]


class TestGroups:
    @pytest.mark.parametrize("group_size", [1, 2, 4, 8, 16])
    @pytest.mark.parametrize("filters", [48, 47, 33])
    def test_scattered_groups_are_found(self, rng, group_size, filters):
        dense = pattern_weights(rng, filters, CHANNELS, group_size)
        weights = recognize_patterns(dense)
        assert weights.group_size == group_size
        assert np.array_equal(weights.to_dense(), dense)

    @pytest.mark.parametrize("group_size", [1, 2, 4, 8, 16])
    def test_quantisation_does_not_hide_groups(self, rng, group_size):
        dense = pattern_weights(rng, FILTERS, CHANNELS, group_size)
        # One large weight a filter makes the scale coarse, so that small weights become zero.
        dense *= np.exp(rng.normal(size=dense.shape))
        quantized, scales = quantize(dense)
        assert np.count_nonzero(quantized) < np.count_nonzero(dense)
        weights = recognize_patterns(quantized, scales)
        assert weights.group_size == group_size
        assert np.array_equal(weights.to_dense(), quantized)
        assert np.array_equal(weights.scales, scales)

    def test_groups_are_those_of_training(self, rng):
        dense = pattern_weights(rng, 16, CHANNELS, 4)
        masks = [(dense[f] != 0).tobytes() for f in range(16)]
        for group in filters_of_groups(recognize_patterns(dense)):
            assert len({masks[f] for f in group}) == 1

    def test_a_filter_of_zeros_finds_a_place(self, rng):
        dense = pattern_weights(rng, FILTERS, CHANNELS, 4)
        dense[5] = 0
        weights = recognize_patterns(dense)
        assert weights.group_size == 4
        assert np.array_equal(weights.to_dense(), dense)

    def test_groups_that_would_store_much_more_are_refused(self, rng):
        dense = np.zeros((4, 3, 3, 8), np.float32)
        for f in range(4):  # Different channels: any two filters fit one mask, at twice the cost.
            dense[f, 0, :, 2 * f] = dense[f, 1, 1, 2 * f + 1] = 1
        assert recognize_patterns(dense).group_size == 1

    def test_a_layer_smaller_than_a_group(self, rng):
        weights = recognize_patterns(pattern_weights(rng, 3, 8, 4))
        assert weights.group_size == 4
        assert weights.groups == 1

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(st.integers(0, 2**32 - 1), st.booleans())
    def test_any_weights_of_four_a_kernel(self, seed, int8):
        rng = np.random.default_rng(seed)
        filters, channels = rng.integers(1, 40, 2)
        keep = rng.random((filters, channels)) < rng.uniform(0.1, 1)
        count = rng.integers(0, 5, (filters, channels)) * keep
        rank = rng.random((filters, 9, channels)).argsort(axis=1)
        dense = (rank < count[:, None]).astype(np.float32) * rng.integers(1, 100, rank.shape)
        dense = dense.reshape(filters, 3, 3, channels).astype(np.int8 if int8 else np.float32)
        scales = np.full(filters, 0.1, np.float32) if int8 else None
        if not dense.any():
            return
        weights = recognize_patterns(dense, scales)
        assert np.array_equal(weights.to_dense(), dense)
        assert np.array_equal(fkw.decode(fkw.encode(weights)).to_dense(), dense)
        alone = np.count_nonzero(dense.any(axis=(1, 2)))
        assert len(weights.values) // 4 <= (1 + GROUP_OVERHEAD) * alone


class TestPatterns:
    def test_only_the_patterns_in_use(self, rng):
        weights = recognize_patterns(pattern_weights(rng, 32, 32, patterns=6))
        assert len(weights.patterns) == 6
        assert (MASK_SIZE[weights.patterns] == 4).all()
        assert (np.diff(weights.patterns.astype(int)) > 0).all()

    def test_smaller_kernels_use_a_pattern_that_is_there(self):
        dense = np.zeros((2, 3, 3, 4), np.float32)
        dense[:, 1, :, :3] = dense[:, 0, 1, :3] = 1  # Three kernels of one pattern...
        dense[:, 1, 1, 3] = 1  # ...and one that keeps a single weight of it.
        assert recognize_patterns(dense).patterns.tolist() == [0b000_111_010]

    def test_few_patterns_cover_kernels_of_two_weights(self):
        dense = np.zeros((1, 3, 3, 3), np.float32)
        for channel, taps in enumerate([(0, 1), (1, 2), (0, 3)]):
            dense[0].reshape(9, 3)[list(taps), channel] = 1
        weights = recognize_patterns(dense)
        assert len(weights.patterns) == 1  # 0, 1, 2 and 3
        assert np.array_equal(weights.to_dense(), dense)

    def test_missing_weights_are_stored_as_zeros(self):
        dense = np.zeros((1, 3, 3, 1), np.int8)
        dense[0, 1, 1, 0] = 7
        weights = recognize_patterns(dense, np.ones(1, np.float32))
        assert sorted(weights.values.tolist()) == [0, 0, 0, 7]

    def test_storage_order(self, rng):
        weights = recognize_patterns(pattern_weights(rng, 33, 16, 4))
        lengths = np.diff(weights.group_begin)
        assert (np.diff(lengths[:-1]) >= 0).all()  # The short group stays last.
        for group in range(weights.groups):
            part = slice(*weights.group_begin[group : group + 2])
            kernels = list(
                zip(weights.kernel_patterns[part], weights.kernel_channels[part], strict=True)
            )
            assert kernels == sorted(kernels)


class TestReasons:
    def test_dense_weights(self, rng):
        dense = rng.normal(size=(8, 3, 3, 8)).astype(np.float32)
        dense[:, 0, 0] = 0
        with pytest.raises(NoPatternsError, match=r"^only 11 % of the weights are zero$"):
            recognize_patterns(dense)

    def test_some_kernels_keep_more(self, rng):
        dense = pattern_weights(rng, 32, 32, 4)
        dense[3, :, :, [1, 2, 5]] = 1
        with pytest.raises(NoPatternsError, match=r"^3 of 1,024 kernels keep more than 4 weights$"):
            recognize_patterns(dense)

    def test_zeros(self):
        with pytest.raises(NoPatternsError, match=r"^all weights are zero$"):
            recognize_patterns(np.zeros((8, 3, 3, 8), np.float32))
