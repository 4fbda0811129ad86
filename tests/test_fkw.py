import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pconv.lite import fkw
from tf_pconv.lite.pattern_weights import ALL_PATTERNS, POINTWISE_PATTERNS, PatternWeights
from tf_pconv.lite.recognition import recognize_patterns

HEADER = 28
PATTERN_1, PATTERN_2 = 0b000_010_111, 0b000_111_010


def figure():
    """The layer of the figure in docs/fkw.md: its pattern in each kernel, 0 where removed."""
    return np.array([[0, 2, 0, 1], [2, 0, 1, 0], [0, 2, 2, 2], [0, 2, 0, 2]])


def figure_dense():
    masks = np.array([0, PATTERN_1, PATTERN_2])[figure()]
    kept = masks[:, None, :] >> np.arange(9)[None, :, None] & 1
    values = np.arange(1, kept.size + 1, dtype=np.float32).reshape(kept.shape)
    return (kept * values).reshape(4, 3, 3, 4).astype(np.float32)


class TestFigure:
    """The arrays that docs/fkw.md prints, found from the dense weights and read from the bytes."""

    def test_sections(self):
        dense = figure_dense()
        data = fkw.encode(recognize_patterns(dense))
        at = HEADER
        sections = {}
        for name, dtype, count in [
            ("pattern", "<u2", 2),
            ("reorder", "u1", 4),
            ("offset", "<u4", 5),
            ("stride", "<u2", 12),
            ("index", "u1", 9),
            ("weight", "<f4", 36),
        ]:
            sections[name] = np.frombuffer(data, dtype, count, at)
            at += sections[name].nbytes
        assert at == len(data)
        assert sections["pattern"].tolist() == [PATTERN_1, PATTERN_2]
        assert sections["offset"].tolist() == [0, 2, 4, 6, 9]
        assert sections["reorder"].tolist() == [0, 1, 3, 2]
        assert sections["index"].tolist() == [3, 1, 2, 0, 1, 3, 1, 2, 3]
        assert sections["stride"].tolist() == [0, 1, 2, 0, 1, 2, 0, 0, 2, 0, 0, 3]
        # The first stored kernel: filter 0, channel 3, pattern 1.
        taps = [tap for tap in range(9) if PATTERN_1 >> tap & 1]
        assert sections["weight"][:4].tolist() == dense.reshape(4, 9, 4)[0, taps, 3].tolist()

    def test_header(self):
        data = fkw.encode(recognize_patterns(figure_dense()))
        assert struct.unpack_from("<4sHBBIIBBHHHI", data) == (
            b"FKW1",
            1,
            0,
            4,
            4,
            4,
            3,
            3,
            1,
            2,
            0,
            9,
        )

    def test_round_trip(self):
        dense = figure_dense()
        assert np.array_equal(fkw.decode(fkw.encode(recognize_patterns(dense))).to_dense(), dense)


@st.composite
def weights(draw):
    """Pattern weights of any structure that the format allows, in any order of storage."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    filters = draw(st.sampled_from([1, 2, 3, 5, 8, 17, 64, 256, 257]))
    channels = draw(st.sampled_from([1, 2, 7, 64, 255, 256, 257, 300]))
    group_size = draw(st.sampled_from([1, 2, 3, 4, 8, 16, 256]))
    kernel_size = draw(st.sampled_from([1, 3]))
    entries = 1 if kernel_size == 1 else 4
    masks = POINTWISE_PATTERNS if kernel_size == 1 else ALL_PATTERNS
    patterns = draw(st.integers(1, min(len(masks), 126 if filters < 64 else 8)))
    int8 = draw(st.booleans())
    groups = -(-filters // group_size)
    lengths = rng.integers(0, min(channels, 12) + 1, groups)
    kernel_groups = np.repeat(np.arange(groups), lengths)
    kernel_patterns = rng.integers(0, patterns, lengths.sum())
    kernel_patterns = kernel_patterns[np.lexsort((kernel_patterns, kernel_groups))]
    chosen = [rng.choice(channels, length, replace=False) for length in lengths]
    group_filters = np.minimum(group_size, filters - group_size * np.arange(groups))
    count = entries * int((lengths * group_filters).sum())
    return PatternWeights(
        filters=filters,
        channels=channels,
        group_size=group_size,
        patterns=rng.permutation(masks)[:patterns],
        filter_order=rng.permutation(filters).astype(np.int32),
        group_begin=np.append(0, np.cumsum(lengths)),
        kernel_channels=np.concatenate([*chosen, np.empty(0)]).astype(np.int32),
        kernel_patterns=kernel_patterns.astype(np.int32),
        values=rng.integers(-128, 128, count).astype(np.int8)
        if int8
        else rng.normal(size=count).astype(np.float32),
        scales=rng.uniform(1e-6, 1, filters).astype(np.float32) if int8 else None,
        kernel_size=kernel_size,
    )


class TestRoundTrip:
    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(weights())
    def test_every_field_survives(self, original):
        data = fkw.encode(original)
        decoded = fkw.decode(data)
        for name in vars(original):
            before, after = getattr(original, name), getattr(decoded, name)
            assert (before is None) == (after is None)
            assert np.array_equal(before, after), name
        assert fkw.encode(decoded) == data

    @settings(max_examples=30, deadline=None, derandomize=True)
    @given(weights())
    def test_dense_form_holds_the_same_values(self, original):
        dense = original.to_dense()
        assert dense.shape == original.dense_shape
        assert np.count_nonzero(dense) == np.count_nonzero(original.values)
        structure = {
            name: value
            for name, value in vars(original).items()
            if name not in ("filters", "channels", "kernel_size", "values")
        }
        again = PatternWeights.from_dense(dense, **structure)
        assert np.array_equal(again.values, original.values)

    @pytest.mark.parametrize(
        ("filters", "channels", "index_bytes"),
        [(256, 256, 1 + 1), (257, 256, 2 + 1), (256, 257, 3)],
    )
    def test_indices_take_a_byte_where_they_fit(self, filters, channels, index_bytes):
        dense = np.zeros((filters, 3, 3, channels), np.float32)
        dense[:, 0, :, 0] = dense[:, 1, 1, 0] = 1.0
        weights = recognize_patterns(dense)
        groups, kernels = weights.groups, len(weights.kernel_channels)
        index_of_filter, index_of_channel = 1 + (filters > 256), 1 + (channels > 256)
        assert index_of_filter + index_of_channel == index_bytes
        assert len(fkw.encode(weights)) == (
            HEADER + 2 + index_of_filter * filters + 4 * (groups + 1) + 4 * groups
            + index_of_channel * kernels + 16 * filters
        )  # fmt: skip

    def test_as_many_channels_as_counts_can_say(self):
        dense = np.zeros((1, 3, 3, 65535), np.float32)
        dense[:, 0, 0] = dense[:, 1, 1] = 1.0
        decoded = fkw.decode(fkw.encode(recognize_patterns(dense)))
        assert np.array_equal(decoded.to_dense(), dense)


def small(int8=False):
    dense = figure_dense()
    if int8:
        return fkw.encode(
            recognize_patterns((dense % 127).astype(np.int8), np.full(4, 0.5, np.float32))
        )
    return fkw.encode(recognize_patterns(dense))


def changed(data, at, value, form="<B"):
    data = bytearray(data)
    struct.pack_into(form, data, at, value)
    return bytes(data)


# Where the sections of the figure's file start.
PATTERN, REORDER, OFFSET, STRIDE, INDEX, WEIGHT = 28, 32, 36, 56, 80, 89


class TestRules:
    """Each rule of docs/fkw.md, broken."""

    @pytest.mark.parametrize(
        ("at", "value", "form", "sentence"),
        [
            (0, b"FKW2", "4s", "starts with b'FKW1', but this starts with b'FKW2'"),
            (4, 2, "<H", "version is 2; accepted: 1"),
            (6, 2, "<B", "value_type is 2; accepted: 0 to 1"),
            (7, 3, "<B", "entries is 3; accepted: 4"),
            (8, 0, "<I", "filters is 0; accepted: 1 to 65,535"),
            (8, 65536, "<I", "filters is 65,536; accepted: 1 to 65,535"),
            (12, 65536, "<I", "channels is 65,536; accepted: 1 to 65,535"),
            (16, 5, "<B", "kernel_height is 5; accepted: 1 or 3"),
            (17, 1, "<B", "kernel_width is 1; accepted: 3"),
            (18, 257, "<H", "group_size is 257; accepted: 1 to 256"),
            (20, 127, "<H", "patterns is 127; accepted: 1 to 126"),
            (22, 1, "<H", "reserved is 1; accepted: 0"),
            (24, 10, "<I", "rise from 0 to the 10 kernels"),
            (PATTERN, 0b111, "<H", "mask 0x007; accepted: masks with four"),
            (PATTERN, 0x217, "<H", "mask 0x217"),
            (PATTERN, PATTERN_2, "<H", "same mask twice"),
            (REORDER, 1, "<B", "reorder must name each output channel 0 to 3 once"),
            (REORDER, 4, "<B", "reorder"),
            (OFFSET, 1, "<I", "offset must rise from 0"),
            (OFFSET + 4, 5, "<I", "offset must rise"),
            (OFFSET + 16, 8, "<I", "to the 9 kernels"),
            (STRIDE, 1, "<H", "stride must rise from 0"),
            (STRIDE + 2, 3, "<H", "stride"),
            (STRIDE + 4, 1, "<H", "stride"),
            (INDEX, 4, "<B", "input channel 4; accepted: 0 to 3"),
            (INDEX, 1, "<B", "channel twice in one group"),
        ],
    )
    def test_header_and_indices(self, at, value, form, sentence):
        with pytest.raises(ValueError, match="FKW") as caught:
            fkw.decode(changed(small(), at, value, form))
        assert sentence in str(caught.value)

    @pytest.mark.parametrize("int8", [False, True])
    def test_truncation_at_every_byte(self, int8):
        data = small(int8)
        for length in range(len(data)):
            with pytest.raises(ValueError, match="FKW"):
                fkw.decode(data[:length])

    def test_wrong_weight_count(self):
        data = small()
        with pytest.raises(ValueError, match="weight must hold 36 values of 4 bytes, but only 140"):
            fkw.decode(data[:-4])
        with pytest.raises(ValueError, match="237 bytes long, but its header implies 233"):
            fkw.decode(data + bytes(4))

    @pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
    def test_scales(self, scale):
        data = small(int8=True)
        with pytest.raises(ValueError, match="scale must hold finite scales above zero"):
            fkw.decode(changed(data, len(data) - 4, scale, "<f"))

    @pytest.mark.parametrize("at", [8, 12])
    def test_the_largest_counts_are_in_range(self, at):
        with pytest.raises(ValueError, match=r"truncated|must rise"):
            fkw.decode(changed(small(), at, 65535, "<I"))

    def test_huge_counts_do_not_allocate(self):
        with pytest.raises(ValueError, match="truncated"):
            fkw.decode(changed(small(), 24, 2**32 - 1, "<I"))

    def test_any_changed_byte_is_refused_or_read(self, rng):
        data = small(int8=True)
        for at in rng.integers(0, len(data), 300):
            broken = changed(data, int(at), int(rng.integers(256)))
            with contextlib.suppress(ValueError):
                decoded = fkw.decode(broken)
                assert decoded.to_dense().shape == (decoded.filters, 3, 3, decoded.channels)

    def test_encode_refuses_what_it_could_not_read(self):
        weights = fkw.decode(small())
        unsorted = PatternWeights(
            **{**vars(weights), "kernel_patterns": 1 - weights.kernel_patterns}
        )
        with pytest.raises(ValueError, match="sorted by pattern"):
            fkw.encode(unsorted)
        few = PatternWeights(**{**vars(weights), "values": weights.values[:-4]})
        with pytest.raises(ValueError, match="weight must hold 36"):
            fkw.encode(few)
        double = PatternWeights(**{**vars(weights), "values": weights.values.astype(np.float64)})
        with pytest.raises(ValueError, match="float32 or int8 values, not float64"):
            fkw.encode(double)
