import copy
import re
from ctypes.util import find_library

import numpy as np
import pytest
from tflite_models import Conv, ModelBuilder, assert_same_model, chain, pattern_weights, quantize

from tf_pconv import runtime
from tf_pconv.lite import PackResult, fkw, flatbuffer, pack, pconv2d, unpack


def float_conv(rng, filters=8, channels=6, **options):
    return Conv(pattern_weights(rng, filters, channels, 2), **options)


def int8_conv(rng, filters=8, channels=6, **options):
    return Conv(*quantize(pattern_weights(rng, filters, channels, 2)), **options)


def pack_quietly(model):
    """Packs without the delegate; `test_verification` runs what comes out."""
    return pack(model, verify=False, min_speedup=0)


def reasons(builder):
    return [row.reason for row in pack_quietly(builder.serialize()).report.convolutions]


class TestRoundTrip:
    @pytest.mark.parametrize("conv", [float_conv, int8_conv])
    @pytest.mark.parametrize("padding", ["SAME", "VALID"])
    @pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU_N1_TO_1", "RELU6"])
    @pytest.mark.parametrize("stride", [1, 2])
    def test_unpack_undoes_pack(self, rng, conv, padding, activation, stride):
        options = {"padding": padding, "activation": activation, "stride": stride}
        model = chain(conv(rng, **options), conv(rng, channels=8)).serialize()
        result = pack_quietly(model)
        assert isinstance(result, PackResult)
        assert [row.packed for row in result.report.convolutions] == [True, True]
        assert unpack(result.model) == model

    @pytest.mark.parametrize("conv", [float_conv, int8_conv])
    def test_a_packed_operator(self, rng, conv):
        conv = conv(rng, stride=2, padding="VALID", activation="RELU6")
        parsed = flatbuffer.parse(pack_quietly(chain(conv).serialize()).model)
        (graph,) = parsed.subgraphs
        (operator,) = graph.operators
        (code,) = parsed.operatorCodes
        assert (code.customCode, code.version) == (b"PConv2D", 1)
        assert bytes(operator.customOptions) == bytes([1, 1, 2, 2, 1, 1, 3, 0])
        assert len(operator.inputs) == 3
        tensor = graph.tensors[operator.inputs[1]]
        data = parsed.buffers[tensor.buffer].data
        assert tensor.name == b"conv0"
        assert tensor.type == flatbuffer.schema().TensorType.UINT8
        assert list(tensor.shape) == [len(data)]
        assert np.array_equal(fkw.decode(data).to_dense(), conv.weights)

    def test_paths(self, rng, tmp_path):
        path = tmp_path / "model.tflite"
        path.write_bytes(chain(float_conv(rng)).serialize())
        packed = tmp_path / "packed.tflite"
        packed.write_bytes(pack_quietly(path).model)
        assert unpack(packed) == unpack(str(packed)) == path.read_bytes()

    def test_pack_twice(self, rng):
        packed = pack_quietly(chain(float_conv(rng)).serialize())
        again = pack_quietly(packed.model)
        assert again.model == packed.model
        assert again.report.convolutions == packed.report.convolutions

    def test_nothing_to_do_returns_the_same_bytes(self, rng):
        model = chain(Conv(rng.normal(size=(4, 3, 3, 4)).astype(np.float32))).serialize()
        assert pack_quietly(model).model == model
        assert unpack(model) == model

    def test_negative_zeros_come_back_as_zeros(self, rng):
        conv = float_conv(rng)
        conv.weights = np.where(conv.weights == 0, np.float32(-0.0), conv.weights)
        parsed = flatbuffer.parse(unpack(pack_quietly(chain(conv).serialize()).model))
        (index,) = {int(op.inputs[1]) for op in parsed.subgraphs[0].operators}
        data = parsed.buffers[parsed.subgraphs[0].tensors[index].buffer].data
        assert data.tobytes() == (conv.weights + 0.0).tobytes()


class TestSharing:
    def test_weights_of_two_convolutions(self, rng):
        builder, conv = ModelBuilder(), float_conv(rng, channels=8)
        source = builder.activation("input", [1, 8, 8, 8])
        weights = builder.weights(conv, "shared")
        first = builder.convolution(source, conv, "first", weights)
        second = builder.convolution(first, conv, "second", weights)
        builder.graph.inputs, builder.graph.outputs = [source], [second]
        model = builder.serialize()
        result = pack_quietly(model)
        assert [row.packed for row in result.report.convolutions] == [True, True]
        (graph,) = flatbuffer.parse(result.model).subgraphs
        assert [op.inputs[1] for op in graph.operators] == [weights, weights]
        assert len(graph.tensors) == len(builder.graph.tensors)
        assert unpack(result.model) == model

    def test_one_buffer_of_two_tensors(self, rng):
        conv = float_conv(rng, channels=8)
        builder = chain(conv, conv)
        first, second = (op.inputs[1] for op in builder.graph.operators)
        builder.graph.tensors[second].buffer = builder.graph.tensors[first].buffer
        model = builder.serialize()
        result = pack_quietly(model)
        tensors = flatbuffer.parse(result.model).subgraphs[0].tensors
        assert tensors[first].buffer == tensors[second].buffer
        assert unpack(result.model) == model

    def test_one_buffer_with_two_quantisations(self, rng):
        conv = int8_conv(rng, channels=8)
        other = copy.copy(conv)
        other.scales = 2 * conv.scales
        builder = chain(conv, other)
        first, second = (op.inputs[1] for op in builder.graph.operators)
        builder.graph.tensors[second].buffer = builder.graph.tensors[first].buffer
        result = pack_quietly(builder.serialize())
        (graph,) = flatbuffer.parse(unpack(result.model)).subgraphs
        assert np.array_equal(graph.tensors[first].quantization.scale, conv.scales)
        assert np.array_equal(graph.tensors[second].quantization.scale, other.scales)

    def test_weights_that_something_else_reads(self, rng):
        builder = chain(float_conv(rng))
        weights = builder.graph.operators[0].inputs[1]
        output = builder.activation("absolute", builder.graph.tensors[weights].shape)
        builder.operator("ABS", [weights], [output])
        assert reasons(builder) == ["its weights are also read by ABS"]

    def test_weights_that_are_an_output(self, rng):
        builder = chain(float_conv(rng))
        builder.graph.outputs.append(builder.graph.operators[0].inputs[1])
        assert reasons(builder) == ["its weights are also read by the graph's outputs"]

    def test_weights_that_a_dilated_convolution_reads(self, rng):
        builder, conv = ModelBuilder(), float_conv(rng, channels=8)
        source = builder.activation("input", [1, 8, 8, 8])
        weights = builder.weights(conv, "shared")
        first = builder.convolution(source, conv, "first", weights)
        dilated = float_conv(rng, channels=8, dilation=2)
        second = builder.convolution(first, dilated, "second", weights)
        builder.graph.inputs, builder.graph.outputs = [source], [second]
        assert reasons(builder) == ["its weights are also read by CONV_2D", "dilation 2x2"]

    def test_a_buffer_that_another_tensor_keeps(self, rng):
        builder = chain(float_conv(rng))
        weights = builder.graph.tensors[builder.graph.operators[0].inputs[1]]
        kept = builder.tensor("kept", weights.shape, "FLOAT32")
        builder.graph.tensors[kept].buffer = weights.buffer
        builder.graph.outputs.append(kept)
        model = builder.serialize()
        packed = pack_quietly(model)
        assert packed.report.packed
        parsed = flatbuffer.parse(packed.model)
        data = parsed.buffers[parsed.subgraphs[0].tensors[kept].buffer].data
        assert len(data) == 4 * 8 * 9 * 6


class TestWhatIsLeftAlone:
    def check(self, builder, reason):
        model = builder.serialize()
        result = pack_quietly(model)
        assert [row.reason for row in result.report.convolutions] == [reason]
        assert [row.packed for row in result.report.convolutions] == [False]
        assert result.model == model

    def test_dense_weights(self, rng):
        conv = Conv(rng.normal(size=(4, 3, 3, 4)).astype(np.float32))
        self.check(chain(conv), "only 0 % of the weights are zero")

    def test_other_kernel_sizes(self, rng):
        conv = Conv(rng.normal(size=(4, 5, 5, 4)).astype(np.float32))
        self.check(chain(conv), "5x5 kernels")

    def test_pointwise_of_all_weights(self, rng):
        conv = Conv(rng.normal(size=(4, 1, 1, 4)).astype(np.float32))
        self.check(chain(conv), "only 0 % of the weights are zero")

    def test_pointwise_of_many_weights(self, rng):
        weights = rng.normal(size=(4, 1, 1, 8)).astype(np.float32)
        weights[..., :3] = 0
        self.check(chain(Conv(*quantize(weights))), "only 38 % of the weights are zero")

    def test_dilation(self, rng):
        self.check(chain(float_conv(rng, dilation=2)), "dilation 2x2")

    def test_stride(self, rng):
        self.check(chain(float_conv(rng, stride=3)), "stride 3x3")

    def test_activation(self, rng):
        self.check(chain(float_conv(rng, activation="TANH")), "fused activation TANH")

    def test_grouped_convolution(self, rng):
        builder = chain(float_conv(rng))
        builder.graph.tensors[0].shape = [1, 8, 8, 12]
        self.check(builder, "grouped convolution")

    def test_weights_quantised_as_a_whole(self, rng):
        builder = chain(int8_conv(rng))
        weights = builder.graph.tensors[builder.graph.operators[0].inputs[1]]
        weights.quantization.scale = weights.quantization.scale[:1]
        weights.quantization.zeroPoint = weights.quantization.zeroPoint[:1]
        self.check(builder, "weights with 1 scales for 8 filters")

    def test_zero_points(self, rng):
        builder = chain(int8_conv(rng))
        weights = builder.graph.tensors[builder.graph.operators[0].inputs[1]]
        weights.quantization.zeroPoint[3] = 1
        self.check(builder, "weights with zero points other than 0, or scales not above 0")

    def test_a_bias_that_is_computed(self, rng):
        builder = chain(float_conv(rng))
        builder.graph.tensors[builder.graph.operators[0].inputs[2]].buffer = 0
        self.check(builder, "its bias is not a constant of type float32")

    def test_a_bias_of_another_length(self, rng):
        builder = chain(float_conv(rng))
        builder.graph.tensors[builder.graph.operators[0].inputs[2]].shape = [1]
        self.check(builder, "its bias does not have 8 values")

    @pytest.mark.parametrize(
        ("scale", "zero_point", "reason"),
        [
            ([-0.5], [3], "activations with the quantisation scale -0.5 and zero point 3"),
            ([np.inf], [3], "activations with the quantisation scale inf and zero point 3"),
            ([0.5], [128], "activations with the quantisation scale 0.5 and zero point 128"),
            ([0.5], [], "activations without one quantisation scale and zero point"),
        ],
    )
    @pytest.mark.parametrize("side", ["input", "output"])
    def test_quantisation_that_is_none(self, rng, side, scale, zero_point, reason):
        builder = chain(int8_conv(rng))
        places = builder.graph.inputs if side == "input" else builder.graph.outputs
        quantization = builder.graph.tensors[places[0]].quantization
        quantization.scale = np.float32(scale)
        quantization.zeroPoint = np.array(zero_point, np.int64)
        self.check(builder, reason)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_weights_that_are_not_finite(self, rng, value):
        conv = float_conv(rng)
        conv.weights[tuple(np.argwhere(conv.weights)[0])] = value
        self.check(chain(conv), "weights that are NaN or infinite")

    def test_weights_that_are_computed(self, rng):
        builder = chain(float_conv(rng))
        builder.graph.tensors[builder.graph.operators[0].inputs[1]].buffer = 0
        self.check(builder, "its weights are not constants of this file")

    def test_dynamic_range(self, rng):
        builder = chain(int8_conv(rng))
        for tensor in (0, builder.graph.outputs[0]):
            builder.graph.tensors[tensor].type = builder.fb.TensorType.FLOAT32
        self.check(builder, "dynamic-range quantisation (float32 with int8 weights)")

    def test_int16_activations(self, rng):
        builder = chain(int8_conv(rng))
        for tensor in (0, builder.graph.outputs[0]):
            builder.graph.tensors[tensor].type = builder.fb.TensorType.INT16
        self.check(builder, "int16 activations")

    def test_the_others_are_packed(self, rng):
        convs = [float_conv(rng), float_conv(rng, channels=8, dilation=2)]
        model = chain(*convs, side=16).serialize()
        result = pack_quietly(model)
        assert [row.packed for row in result.report.convolutions] == [True, False]
        codes = flatbuffer.parse(result.model).operatorCodes
        assert {code.customCode for code in codes} == {None, b"PConv2D"}
        assert unpack(result.model) == model


class TestTheRestOfTheFile:
    """What packing has nothing to do with is the same afterwards."""

    def build(self, rng):
        builder = chain(float_conv(rng))
        fb, model = builder.fb, builder.model
        second = copy.deepcopy(builder.graph)
        second.name = b"second"
        weights = second.tensors[second.operators[0].inputs[1]]
        weights.buffer = builder.buffer(pattern_weights(rng, 8, 6, 4).tobytes())
        model.subgraphs.append(second)
        metadata = fb.MetadataT()
        metadata.name, metadata.buffer = b"note", builder.buffer(b"kept as it is")
        model.metadata = [metadata]
        signature, (source, output) = fb.SignatureDefT(), (fb.TensorMapT(), fb.TensorMapT())
        source.name, source.tensorIndex = b"x", builder.graph.inputs[0]
        output.name, output.tensorIndex = b"y", builder.graph.outputs[0]
        signature.inputs, signature.outputs = [source], [output]
        signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
        model.signatureDefs = [signature]
        return model

    def test_signatures_metadata_and_subgraphs(self, rng):
        data = flatbuffer.serialize(self.build(rng))
        original = flatbuffer.parse(data)
        result = pack_quietly(data)
        packed = flatbuffer.parse(result.model)
        assert [row.subgraph for row in result.report.packed] == [0, 1]
        assert_same_model(original.signatureDefs, packed.signatureDefs)
        assert_same_model(original.metadata, packed.metadata)
        assert packed.buffers[packed.metadata[0].buffer].data.tobytes() == b"kept as it is"
        for before, after in zip(original.subgraphs, packed.subgraphs, strict=True):
            assert_same_model([before.inputs, before.outputs], [after.inputs, after.outputs])
            weights = before.operators[0].inputs[1]
            for place, (old, new) in enumerate(zip(before.tensors, after.tensors, strict=True)):
                if place == weights:
                    assert old.name == new.name
                else:
                    assert_same_model(old, new)
        assert unpack(result.model) == data

    def test_an_interpreter_still_finds_the_signature(self, rng):
        from ai_edge_litert.interpreter import Interpreter

        model = unpack(pack_quietly(flatbuffer.serialize(self.build(rng))).model)
        runner = Interpreter(model_content=model).get_signature_runner("serving_default")
        assert runner(x=np.ones((1, 8, 8, 6), np.float32))["y"].shape == (1, 8, 8, 8)


class TestSparseFiles:
    """DENSIFY + CONV_2D, TensorFlow Lite's own encoding."""

    def build(self, dense, order=(0, 1, 2, 3)):
        """A model whose weights are stored as coordinates: all dimensions compressed."""
        builder = chain(Conv(dense))
        fb, graph = builder.fb, builder.graph
        (operator,) = graph.operators
        weights = operator.inputs[1]
        tensor = graph.tensors[weights]
        tensor.sparsity, values = sparse_encoding(fb, dense, order)
        tensor.buffer = builder.buffer(values.tobytes())
        graph.tensors[weights].name = b"sparse"
        operator.inputs[1] = builder.tensor("densified", dense.shape, "FLOAT32")
        builder.operator("DENSIFY", [weights], [operator.inputs[1]])
        graph.operators.reverse()
        return builder

    @pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 0, 2, 1)])
    def test_packed_without_densify(self, rng, order):
        dense = pattern_weights(rng, 8, 6, 2)
        result = pack_quietly(self.build(dense, order).serialize())
        (row,) = result.report.convolutions
        assert (row.name, row.packed, row.group_size) == ("sparse", True, 2)
        parsed = flatbuffer.parse(result.model)
        assert [code.customCode for code in parsed.operatorCodes] == [b"PConv2D"]
        (graph,) = flatbuffer.parse(unpack(result.model)).subgraphs
        (operator,) = graph.operators
        weights = graph.tensors[operator.inputs[1]]
        assert weights.name == b"sparse"
        assert list(weights.shape) == [8, 3, 3, 6]

    def test_operators_that_metadata_counts_stay(self, rng):
        builder = self.build(pattern_weights(rng, 8, 6, 2))
        metadata = builder.fb.MetadataT()
        metadata.name, metadata.buffer = b"model_control_dependencies", builder.buffer(b"x")
        builder.model.metadata = [metadata]
        (reason,) = reasons(builder)
        assert reason == "its DENSIFY cannot go: the file names operators by their place"

    def test_a_damaged_encoding(self, rng):
        builder = self.build(pattern_weights(rng, 8, 6, 2))
        tensor = next(tensor for tensor in builder.graph.tensors if tensor.sparsity)
        tensor.sparsity.dimMetadata[1].arrayIndices.values[0] = 99
        (reason,) = reasons(builder)
        assert reason.startswith("its weights are damaged: the sparse weights are damaged")


def sparse_encoding(fb, dense, order):
    """Compresses every dimension of a tensor but the first that is traversed."""
    dense = np.transpose(dense, order)
    sparsity = fb.SparsityParametersT()
    sparsity.traversalOrder, sparsity.blockMap = list(order), []
    sparsity.dimMetadata = []
    prefixes = [()]
    for level, size in enumerate(dense.shape):
        metadata = fb.DimensionMetadataT()
        if level == 0:
            metadata.format, metadata.denseSize = fb.DimensionType.DENSE, size
            prefixes = [(place,) for place in range(size)]
        else:
            kept = [[i for i in range(size) if dense[(*prefix, i)].any()] for prefix in prefixes]
            metadata.format = fb.DimensionType.SPARSE_CSR
            metadata.arraySegments, metadata.arrayIndices = fb.Int32VectorT(), fb.Uint8VectorT()
            metadata.arraySegmentsType = fb.SparseIndexVector.Int32Vector
            metadata.arrayIndicesType = fb.SparseIndexVector.Uint8Vector
            metadata.arraySegments.values = np.cumsum([0, *map(len, kept)]).astype(np.int32)
            metadata.arrayIndices.values = np.concatenate(kept).astype(np.uint8)
            prefixes = [
                (*prefix, i) for prefix, places in zip(prefixes, kept, strict=True) for i in places
            ]
        sparsity.dimMetadata.append(metadata)
    return sparsity, np.array([dense[prefix] for prefix in prefixes], np.float32)


class TestMinSpeedup:
    def test_what_a_dense_convolution_outruns_is_left(self, rng):
        wide = int8_conv(rng, 64, 64, bias=False)
        narrow = int8_conv(rng, 8, 64)
        model = chain(wide, narrow, side=16).serialize()
        result = pack(model, verify=False)
        assert [row.packed for row in result.report.convolutions] == [True, False]
        left = result.report.convolutions[1]
        assert left.delegate == "where faster"
        assert re.fullmatch(r"a predicted gain of 0\.\d\d is below min_speedup 1", left.reason)
        assert f"where faster: {left.reason}" in " ".join(str(result.report).split())
        assert unpack(result.model) == model
        everything = pack(model, verify=False, min_speedup=0)
        assert len(everything.report.packed) == 2
        assert len(everything.model) < len(result.model)
        assert not pack(model, verify=False, min_speedup=100).report.packed

    def test_sides_that_only_an_input_decides(self, rng):
        builder = chain(int8_conv(rng, 64, 64), side=1)
        assert not pack(builder.serialize(), verify=False).report.packed
        builder.graph.tensors[0].shapeSignature = [-1, -1, -1, 64]
        assert pack(builder.serialize(), verify=False).report.packed

    def test_a_damaged_signature_does_not_count(self, rng):
        builder = chain(int8_conv(rng, 64, 64), side=16)
        builder.graph.tensors[0].shapeSignature = [-1, -1]
        assert pack(builder.serialize()).report.packed

    def test_a_library_of_another_version_is_told(self, rng, monkeypatch):
        monkeypatch.setattr(runtime, "delegate_path", lambda: find_library("c"))
        with pytest.raises(RuntimeError, match=r"libc.* is not of this version.*make delegate"):
            pack(chain(float_conv(rng)).serialize(), verify=False)

    def test_shared_weights_are_packed_for_all_readers_or_none(self, rng):
        builder = chain(int8_conv(rng, 64, 64, stride=2), int8_conv(rng, 64, 64), side=16)
        builder.graph.operators[1].inputs[1] = builder.graph.operators[0].inputs[1]
        gains = [
            float(re.search(r"gain of ([\d.]+)", row.reason)[1])
            for row in pack(builder.serialize(), verify=False, min_speedup=99).report.convolutions
        ]
        assert len(set(gains)) == 2
        report = pack(builder.serialize(), verify=False, min_speedup=np.mean(gains)).report
        assert not report.packed
        assert "its weights are also read by CONV_2D" in [row.reason for row in report.convolutions]

    def test_without_the_library_there_is_no_prediction(self, rng, monkeypatch, tmp_path):
        monkeypatch.setattr(runtime, "__file__", str(tmp_path / "runtime.py"))
        assert pack(chain(float_conv(rng)).serialize(), verify=False).report.packed

    @pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), "1", None])
    def test_what_is_no_gain_is_refused(self, wrong):
        with pytest.raises(ValueError, match="min_speedup is a number, at least 0"):
            pack(b"", min_speedup=wrong)


class TestBadFiles:
    def test_not_tflite(self, tmp_path):
        path = tmp_path / "model.tflite"
        path.write_bytes(b"PK\3\4 something else")
        for read in (pack, unpack):
            with pytest.raises(
                ValueError, match="not a TensorFlow Lite file: bytes 4 to 8 must be"
            ):
                read(path)

    @pytest.mark.parametrize("content", [b"", b"TFL3", bytes(100)])
    def test_hardly_anything(self, content):
        with pytest.raises(ValueError, match="not a TensorFlow Lite file"):
            pack(content)

    def test_truncation(self, rng):
        model = chain(float_conv(rng)).serialize()
        for length in range(8, len(model) - 16, 13):
            with pytest.raises(ValueError, match=r"\d bytes\) is truncated or damaged: .*\.$"):
                pack(model[:length])

    def test_too_large(self, rng, monkeypatch):
        monkeypatch.setattr(flatbuffer, "MAX_BYTES", 1000)
        with pytest.raises(ValueError, match="bytes long; accepted: below 2 GiB"):
            pack(chain(float_conv(rng)).serialize())

    def test_neither_bytes_nor_path(self):
        with pytest.raises(TypeError, match=r"the bytes of a \.tflite file or the path"):
            pack(17)

    def test_damaged_fkw(self, rng):
        packed = flatbuffer.parse(pack_quietly(chain(float_conv(rng)).serialize()).model)
        data = next(
            b for b in packed.buffers if b.data is not None and b.data[:4].tobytes() == b"FKW1"
        )
        data.data = data.data[:-4]
        with pytest.raises(ValueError, match="PConv2D with the weights 'conv0' is damaged: FKW"):
            unpack(flatbuffer.serialize(packed))

    @pytest.mark.parametrize(
        "options", [b"", bytes(8), bytes([1, 2, 1, 1, 1, 1, 0, 0]), bytes([1, 0, 3, 1, 1, 1, 0, 0])]
    )
    def test_damaged_options(self, options):
        with pytest.raises(ValueError, match="PConv2D"):
            pconv2d.decode_options(options)

    def test_fields_of_a_newer_schema(self, rng, monkeypatch):
        fb = flatbuffer.schema()
        builder = chain(float_conv(rng))

        def end(table):
            table.PrependUint32Slot(29, 7, 0)
            return table.EndObject()

        with monkeypatch.context() as patch:
            patch.setattr(fb, "OperatorStart", lambda table: table.StartObject(30))
            patch.setattr(fb, "OperatorEnd", end)
            newer = builder.serialize()
        with pytest.raises(ValueError, match="fields of Operator that the installed schema"):
            pack(newer)

    def test_buffers_are_aligned(self, rng):
        model = pack_quietly(chain(int8_conv(rng), int8_conv(rng, channels=8)).serialize()).model
        reader = flatbuffer.schema().Model.GetRootAs(model, 0)
        for place in range(reader.BuffersLength()):
            buffer = reader.Buffers(place)
            if not buffer.DataIsNone():
                assert buffer._tab.Vector(buffer._tab.Offset(4)) % 16 == 0

    def test_buffers_behind_the_flatbuffer(self, rng):
        """How TensorFlow writes large files."""
        builder = chain(float_conv(rng))
        whole = builder.serialize()
        buffers = [b for b in builder.model.buffers if b.data is not None]
        contents = [b.data.tobytes() for b in buffers]
        with_places = flatbuffer.serialize(builder.model)
        start = len(with_places)
        behind = b""
        for buffer, content in zip(buffers, contents, strict=True):
            buffer.data = None
            buffer.offset, buffer.size = start + len(behind), len(content)
            behind += content
        model = serialize_with_offsets(builder.model, start) + behind
        assert unpack(pack_quietly(model).model) == whole
        with pytest.raises(ValueError, match="truncated or damaged: a buffer ends at byte"):
            pack(model[:-1])


def serialize_with_offsets(model, size):
    """Writes buffers by their place in the file, padded to `size` bytes."""
    import flatbuffers

    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), file_identifier=flatbuffer.FILE_IDENTIFIER)
    return bytes(builder.Output()).ljust(size, b"\0")
