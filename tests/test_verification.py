import dataclasses

import numpy as np
import pytest
from tflite_models import Conv, chain, pattern_weights, quantize

from tf_pconv.lite import fkw, flatbuffer, pack, verification, verify_packed
from tf_pconv.lite.convolutions import find_convolutions
from tf_pconv.lite.isolation import isolate_dense
from tf_pconv.lite.verification import UnverifiedWarning, VerificationError


def model(rng, int8, activation="RELU", **options):
    """Two convolutions, the second with a stride; returns the bytes of the file."""
    shapes = [(8, 6), (10, 8)]
    weights = [pattern_weights(rng, *shape, group_size=2) for shape in shapes]
    weights = [quantize(w) if int8 else (w, None) for w in weights]
    first, second = weights
    return chain(
        Conv(*first, activation=activation, **options),
        Conv(*second, stride=2, padding="VALID"),
        side=9,
    ).serialize()


def with_changed_weights(packed, change):
    """The packed file after `change(PatternWeights)` of its first convolution."""
    parsed = flatbuffer.parse(packed)
    conv = find_convolutions(parsed)[0]
    weights = dataclasses.replace(conv.patterns, values=conv.patterns.values.copy())
    change(weights)
    tensor = parsed.subgraphs[0].tensors[conv.weights_tensor]
    data = np.frombuffer(fkw.encode(weights), np.uint8)
    parsed.buffers[tensor.buffer].data = data
    tensor.shape = np.array([len(data)], np.int32)
    return flatbuffer.serialize(parsed)


@pytest.mark.parametrize("int8", [False, True])
class TestWithTheDelegate:
    @pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])
    def test_packed_convolutions_agree(self, rng, delegate, int8, activation):
        original = model(rng, int8, activation)
        agreements = verify_packed(original, pack(original, verify=False, min_speedup=0).model)
        assert [agreement.name for agreement in agreements] == ["conv0", "conv1"]
        for agreement in agreements:
            assert agreement.ok
            assert agreement.outputs >= 50_000
            assert agreement.type == ("int8" if int8 else "float32")

    def test_a_convolution_without_bias(self, rng, delegate, int8):
        weights = pattern_weights(rng, 8, 6)
        conv = Conv(*(quantize(weights) if int8 else (weights, None)), bias=False)
        original = chain(conv).serialize()
        assert verify_packed(original, pack(original, verify=False, min_speedup=0).model)[0].ok

    def test_one_wrong_weight_is_found(self, rng, delegate, int8):
        original = model(rng, int8)
        packed = pack(original, verify=False, min_speedup=0).model

        def change(weights):
            weights.values[np.abs(weights.values).argmax()] *= -1

        with pytest.raises(VerificationError, match="weights 'conv0' differs from the original"):
            verify_packed(original, with_changed_weights(packed, change))

    def test_a_wrong_channel_is_found(self, rng, delegate, int8):
        original = model(rng, int8)
        packed = pack(original, verify=False, min_speedup=0).model

        def change(weights):
            used = weights.kernel_channels[: weights.group_begin[1]]
            used[0] = np.setdiff1d(np.arange(weights.channels), used)[0]

        with pytest.raises(VerificationError, match="conv0"):
            verify_packed(original, with_changed_weights(packed, change))

    def test_a_file_with_another_original_is_refused(self, rng, delegate, int8):
        other = pack(model(rng, int8), verify=False, min_speedup=0).model
        with pytest.raises(VerificationError):
            verify_packed(model(rng, int8), other)

    def test_pack_returns_no_wrong_file(self, rng, delegate, int8, monkeypatch):
        encode = fkw.encode

        def wrong(weights):
            values = weights.values.copy()
            values[:8] = 77
            return encode(dataclasses.replace(weights, values=values))

        monkeypatch.setattr(fkw, "encode", wrong)
        with pytest.raises(VerificationError, match='pattern_format = "dense"'):
            pack(model(rng, int8), min_speedup=0)


class TestInputs:
    def test_int8_outputs_use_their_range(self, rng):
        """Inputs that saturate every output, or none of it, would hide wrong weights."""
        original = flatbuffer.parse(model(rng, int8=True))
        for conv in find_convolutions(original):
            inputs = verification._inputs(original, conv, np.random.default_rng(0))
            outputs = verification._run(isolate_dense(original, conv), inputs, None)
            saturated = np.mean((outputs == outputs.min()) | (outputs == outputs.max()))
            assert saturated < 0.6
            assert len(np.unique(outputs)) > 100

    def test_sizes_that_the_model_leaves_open(self, rng):
        builder = chain(Conv(pattern_weights(rng, 4, 4)), side=5)
        builder.graph.tensors[0].shapeSignature = [-1, -1, -1, 4]
        original = flatbuffer.parse(builder.serialize())
        conv = find_convolutions(original)[0]
        inputs = verification._inputs(original, conv, np.random.default_rng(0))
        assert inputs.shape[1:] == (16, 16, 4)

    def test_large_layers_are_cut(self, rng):
        builder = chain(Conv(pattern_weights(rng, 256, 256, 16)), side=56)
        original = flatbuffer.parse(builder.serialize())
        conv = find_convolutions(original)[0]
        batch, rows, columns, channels = verification._inputs(original, conv, rng).shape
        assert (columns, channels) == (56, 256)
        assert batch * rows * columns * 256 * 256 * 9 < 2**29


class TestWithoutTheDelegate:
    def test_a_warning_says_so(self, rng, monkeypatch):
        def missing(options):
            raise FileNotFoundError("The delegate library is missing.")

        monkeypatch.setattr("tf_pconv.runtime.load_delegate", missing)
        with pytest.warns(UnverifiedWarning, match="not verified: The delegate library is missing"):
            result = pack(model(rng, int8=False), min_speedup=0)
        assert len(result.report.packed) == 2

    def test_not_asked_for(self, rng, recwarn, monkeypatch):
        monkeypatch.delattr("tf_pconv.runtime.load_delegate")
        assert len(pack(model(rng, int8=False), verify=False, min_speedup=0).report.packed) == 2
        assert not recwarn
