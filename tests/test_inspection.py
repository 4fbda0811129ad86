import contextlib
import json

import numpy as np
import pytest
from tflite_models import Conv, DepthwiseCase, ModelBuilder, chain, pattern_weights, quantize

import tf_pconv
from tf_pconv.lite import inspect, pack
from tf_pconv.lite.inspection import format_bytes, layer_names


@pytest.fixture
def mixed(rng):
    """Convolutions of every kind that a report tells apart."""
    dense = rng.normal(size=(8, 3, 3, 4)).astype(np.float32)
    return chain(
        Conv(dense),
        Conv(pattern_weights(rng, 16, 8, 4), stride=2),
        Conv(rng.normal(size=(8, 1, 1, 16)).astype(np.float32)),
        side=16,
    )


class TestData:
    def test_a_dense_file(self, mixed):
        model = mixed.serialize()
        report = inspect(model)
        assert report.file_bytes == len(model)
        assert report.unpacked_bytes is None
        assert [row.name for row in report.convolutions] == ["conv0", "conv1", "conv2"]
        assert [row.delegate for row in report.convolutions] == ["never", "where faster", "never"]
        assert [row.reason for row in report.convolutions] == [
            "only 0 % of the weights are zero",
            "",
            "only 0 % of the weights are zero",
        ]
        row = report.convolutions[1]
        assert (row.operator, row.type, row.shape) == ("CONV_2D", "float32", (16, 3, 3, 8))
        assert (row.stride, row.group_size, row.patterns) == ((2, 2), 4, row.patterns)
        assert row.dense_bytes == row.stored_bytes == 4 * 16 * 9 * 8
        assert row.sparsity == pytest.approx(1 - 2 * 4 / (8 * 9))

    def test_a_packed_file(self, mixed):
        result = pack(mixed.serialize(), verify=False, min_speedup=0)
        report = inspect(result.model)
        assert report.convolutions == result.report.convolutions
        assert report.file_bytes == len(result.model)
        (row,) = report.packed
        assert (row.operator, row.delegate, row.group_size) == ("PConv2D", "always", 4)
        assert row.dense_bytes == 4 * 16 * 9 * 8
        assert row.stored_bytes < row.dense_bytes / 4
        assert row.sparsity == pytest.approx(1 - 2 * 4 / (8 * 9))

    def test_int8(self, rng):
        conv = Conv(*quantize(pattern_weights(rng, 16, 8, 4)))
        (row,) = inspect(chain(conv).serialize()).convolutions
        assert (row.type, row.dense_bytes, row.group_size) == ("int8", 16 * 9 * 8, 4)

    @pytest.mark.parametrize(
        ("conv", "reason"),
        [
            (DepthwiseCase(16), ""),
            (DepthwiseCase(16, stride=2, padding="VALID"), ""),
            (DepthwiseCase(8, dtype="float32"), ""),
            (DepthwiseCase(7, dtype="float32"), "depthwise convolution of 7 channels"),
            (DepthwiseCase(15), "depthwise convolution of 15 channels"),
            (DepthwiseCase(16, multiplier=2), "depth multiplier"),
            (DepthwiseCase(16, kernel=5), ""),
            (DepthwiseCase(8, dtype="float32", kernel=5, stride=2), ""),
            (DepthwiseCase(16, kernel=7), "depthwise 7x7 kernels"),
            (DepthwiseCase(16, dilation=2), "dilation 2x2"),
            (DepthwiseCase(16, stride=3), "stride 3x3"),
        ],
        ids=str,
    )
    def test_depthwise(self, rng, conv, reason):
        model = conv.build(rng)
        (row,) = inspect(model).convolutions
        assert row.operator == "DEPTHWISE_CONV_2D"
        assert (row.delegate, row.reason) == ("never" if reason else "where faster", reason)
        assert (row.group_size, row.patterns) == (None, None)
        assert pack(model).model == model

    def test_damaged_fkw_is_reported(self, rng):
        packed = bytearray(
            pack(
                chain(Conv(pattern_weights(rng, 8, 4))).serialize(), verify=False, min_speedup=0
            ).model
        )
        packed[packed.index(b"FKW1") + 16] = 5
        (row,) = inspect(bytes(packed)).convolutions
        assert (row.operator, row.delegate) == ("PConv2D", "never")
        assert row.reason == "FKW header field kernel_height is 5; accepted: 1 or 3."

    def test_plain_data(self, mixed):
        data = json.loads(json.dumps(inspect(mixed.serialize()).to_dict()))
        assert data["convolutions"][1]["group_size"] == 4

    def test_no_convolutions(self):
        builder = ModelBuilder()
        source = builder.activation("input", [1, 4])
        output = builder.activation("output", [1, 4])
        builder.operator("ABS", [source], [output])
        builder.graph.inputs, builder.graph.outputs = [source], [output]
        report = inspect(builder.serialize())
        assert report.convolutions == ()
        assert "0 of 0 layers" in str(report)

    def test_a_path(self, mixed, tmp_path):
        path = tmp_path / "model.tflite"
        path.write_bytes(mixed.serialize())
        assert inspect(path) == inspect(str(path)) == inspect(path.read_bytes())

    def test_not_a_model(self, tmp_path):
        path = tmp_path / "notes.txt"
        path.write_text("hello, world")
        with pytest.raises(ValueError, match="not a TensorFlow Lite file"):
            inspect(path)


class TestDelegateAgrees:
    """What a report says that the delegate can take is what it takes when asked to take all."""

    @pytest.mark.parametrize("int8", [False, True])
    @pytest.mark.parametrize(
        ("filters", "channels", "group_size", "options"),
        [
            (8, 6, 1, {}),
            (30, 17, 4, {"stride": 2, "padding": "VALID", "activation": "RELU"}),
            (33, 20, 16, {"activation": "RELU6"}),
            (8, 6, 2, {"dilation": 2}),
            (8, 6, 2, {"stride": 3}),
            (8, 6, 2, {"activation": "TANH"}),
            (8, 6, None, {}),
            (16, 8, None, {}),
            (16, 8, None, {"stride": 3}),
            (16, 8, None, {"dilation": 2}),
            (15, 8, None, {}),
            (16, 9, None, {}),
        ],
    )
    def test_on_one_convolution(self, rng, int8, filters, channels, group_size, options):
        from ai_edge_litert.interpreter import Interpreter

        settings = {"min_speedup": 0, "require_delegation": True, "log_level": "none"}
        try:
            delegate = tf_pconv.load_delegate(settings)
        except FileNotFoundError as error:
            pytest.skip(str(error))
        weights = (
            rng.normal(size=(filters, 3, 3, channels)).astype(np.float32)
            if group_size is None
            else pattern_weights(rng, filters, channels, group_size)
        )
        conv = Conv(*(quantize(weights) if int8 else (weights, None)), **options)
        model = chain(conv, side=12).serialize()
        (row,) = inspect(model).convolutions
        expectation = (
            pytest.raises(RuntimeError, match="none of 1 nodes can be delegated")
            if row.delegate == "never"
            else contextlib.nullcontext()
        )
        with expectation:
            Interpreter(model_content=model, experimental_delegates=[delegate]).allocate_tensors()


class TestTable:
    def test_dense(self, mixed, monkeypatch):
        monkeypatch.setenv("COLUMNS", "120")
        text = str(inspect(mixed.serialize()))
        assert text.splitlines()[0].startswith("1 of 3 layers follow patterns, 0 are packed")
        row = next(line for line in text.splitlines() if "conv1" in line)
        for word in (
            "CONV_2D",
            "float32",
            "16x3x3x8 /2",
            " 4 ",
            "88.9 %",
            "4.61 kB",
            "where faster",
        ):
            assert word in row
        assert "never: only 0 %" in text

    def test_packed(self, mixed, monkeypatch):
        monkeypatch.setenv("COLUMNS", "120")
        lines = str(pack(mixed.serialize(), verify=False, min_speedup=0).report).splitlines()
        assert lines[0].startswith("1 of 3 layers packed, ")
        assert " -> " in lines[0]
        assert any("PConv2D" in line and "always" in line for line in lines)

    @pytest.mark.parametrize("width", [80, 120])
    def test_plain_text_fits_the_terminal(self, mixed, monkeypatch, width):
        monkeypatch.setenv("COLUMNS", str(width))
        text = str(inspect(mixed.serialize()))
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) <= width
        for word in ("conv1", "16x3x3x8 /2", "88.9 %", "where faster"):
            assert word in text

    def test_layers_are_named_after_their_weights(self):
        names = [
            "vgg_1/conv/convolution;vgg_1/relu/Relu",
            "vgg_1/a/b_1/depthwise",
            "vgg_1/c/Conv2D",
        ]
        assert layer_names(names) == ["conv", "a/b_1", "c"]

    @pytest.mark.parametrize("names", [["m/a/convolution", "m/a/Conv2D"], ["weights", "weights_1"]])
    def test_names_stay_whole_where_short_ones_would_not_tell_layers_apart(self, names):
        assert layer_names(names) == names


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (12345, "12.3 kB")]
)
def test_format_bytes(count, text):
    assert format_bytes(count) == text
