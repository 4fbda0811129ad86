import contextlib
import os
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from keras import layers
from small_models import CONFIG, sequential

import tf_pconv
from tf_pconv.lite import TFLiteConverter, UnverifiedWarning, flatbuffer, inspect, unpack
from tf_pconv.lite.full_integer import request_int8
from tf_pconv.lite.quiet import quiet_tensorflow
from tf_pconv.patterns import get_library
from tf_pconv.projection import kept_kernels, project

FULL_INTEGER = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
INT16_ACTIVATIONS = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]


def prune(model, group_size, compression):
    """Prunes the 3x3 convolutions after the first, as training would end."""
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    for layer in convolutions[1:]:
        kernel, *rest = layer.get_weights()
        mask = project(
            kernel,
            library=get_library("scp8"),
            kernels=kept_kernels(kernel.shape[2], (3, 3), 4, compression),
            group_size=group_size,
        )
        layer.set_weights([np.where(keras.ops.convert_to_numpy(mask), kernel, 0), *rest])
    return model


def small(group_size=2):
    return prune(sequential(), group_size, 4.5)


def samples(shape, count=4):
    rng = np.random.default_rng(0)
    return [[rng.normal(size=(1, *shape)).astype(np.float32)] for _ in range(count)]


def make_int8(converter, shape=(8, 8, 3)):
    """Asks for full-integer int8, inputs and outputs included."""
    request_int8(converter, lambda: iter(samples(shape)))
    return converter


def from_keras_model(model):
    """A converter that packs small layers too, where there is nothing to gain."""
    converter = TFLiteConverter.from_keras_model(model)
    converter.min_speedup = 0
    return converter


def convert(model, pattern_format="fkw", int8=False, shape=(8, 8, 3)):
    converter = from_keras_model(model)
    converter.pattern_format = pattern_format
    if int8:
        make_int8(converter, shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnverifiedWarning)
        return converter.convert(), converter.report


def by_tensorflow(model, int8=False):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    with quiet_tensorflow():
        return (make_int8(converter) if int8 else converter).convert()


@pytest.mark.parametrize("int8", [False, True])
class TestFormats:
    def test_dense_is_what_tensorflow_returns(self, int8):
        model = small()
        content, report = convert(model, "dense", int8)
        assert content == by_tensorflow(model, int8)
        delegate = [row.delegate for row in report.convolutions]
        assert delegate == ["never", *["where faster"] * 2, "never"]

    def test_fkw_unpacks_to_what_tensorflow_returns(self, int8):
        model = small()
        content, report = convert(model, int8=int8)
        assert [row.packed for row in report.convolutions] == [False, True, True, False]
        assert [row.group_size for row in report.packed] == [2, 2]
        # Written by another flatbuffer library, so compared once both were.
        dense = flatbuffer.serialize(flatbuffer.parse(by_tensorflow(model, int8)))
        assert unpack(content) == dense

    def test_sparse_is_tensorflows_own(self, int8):
        content, report = convert(small(), "sparse", int8)
        operators = [row.operator for row in report.convolutions]
        assert operators == ["CONV_2D", *["DENSIFY + CONV_2D"] * 2, "FULLY_CONNECTED"]
        assert [row.group_size for row in report.convolutions] == [None, 2, 2, None]
        interpreter = Interpreter(model_content=content)
        interpreter.allocate_tensors()


class TestRunning:
    """The packed file in an interpreter with the delegate."""

    @pytest.mark.parametrize(
        ("source", "int8"),
        [("fkw", False), ("fkw", True), ("sparse", False), ("sparse", True), ("keras", False)],
    )
    def test_outputs(self, rng, source, int8, tmp_path):
        try:
            delegate = tf_pconv.load_delegate({"require_delegation": True, "log_level": "none"})
        except FileNotFoundError as error:
            pytest.skip(str(error))
        model = small()
        dense = by_tensorflow(model, int8)
        if source == "keras":
            path = tmp_path / "model.tflite"
            model.export(path, format="litert", verbose=False)
            packed = tf_pconv.lite.pack(path, min_speedup=0).model
        elif source == "sparse":
            packed = tf_pconv.lite.pack(convert(model, "sparse", int8)[0], min_speedup=0).model
        else:
            packed, _ = convert(model, int8=int8)
        x = rng.normal(size=(1, 8, 8, 3)) * 20
        outputs = []
        for content, delegates in ((dense, []), (packed, [delegate])):
            interpreter = Interpreter(model_content=content, experimental_delegates=delegates)
            interpreter.allocate_tensors()
            details = interpreter.get_input_details()[0]
            interpreter.set_tensor(details["index"], x.astype(details["dtype"]))
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
        tolerance = 2 if int8 else 1e-4 * np.abs(outputs[0]).max()
        assert np.abs(outputs[0].astype(float) - outputs[1].astype(float)).max() <= tolerance


class TestDropIn:
    def test_every_attribute_is_there(self):
        model = sequential()
        theirs = tf.lite.TFLiteConverter.from_keras_model(model)
        ours = TFLiteConverter.from_keras_model(model)
        for name in vars(theirs):
            if not name.startswith("_"):
                assert type(getattr(ours, name)) is type(getattr(theirs, name)), name
        assert set(vars(theirs)) <= set(dir(ours))

    def test_attributes_reach_the_converter(self):
        converter = TFLiteConverter.from_keras_model(sequential())
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        converter.allow_custom_ops = True
        with pytest.warns(UserWarning, match="No layer was packed"):
            content = converter.convert()
        assert {row.reason for row in inspect(content).convolutions} == {"float16 weights"}

    @pytest.mark.parametrize("name", ["optimisations", "pattern_formats", "representative_data"])
    def test_a_misspelt_attribute(self, name):
        converter = TFLiteConverter.from_keras_model(sequential())
        with pytest.raises(AttributeError, match=f"no attribute '{name}'; did you mean '"):
            setattr(converter, name, [])
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            getattr(converter, name)

    def test_an_unknown_format(self):
        converter = TFLiteConverter.from_keras_model(sequential())
        with pytest.raises(ValueError, match="one of 'fkw', 'sparse', 'dense', not 'csr'"):
            converter.pattern_format = "csr"

    def test_defaults(self):
        converter = TFLiteConverter.from_keras_model(sequential())
        assert (converter.pattern_format, converter.verify, converter.report) == ("fkw", True, None)

    def test_sparse_leaves_the_optimizations_as_they_were(self):
        converter = TFLiteConverter.from_keras_model(small())
        converter.pattern_format = "sparse"
        converter.convert()
        assert tf.lite.Optimize.EXPERIMENTAL_SPARSITY not in converter.optimizations

    def test_saved_model(self, tmp_path):
        model = small()
        model.export(tmp_path / "saved", verbose=False)
        converter = TFLiteConverter.from_saved_model(str(tmp_path / "saved"))
        converter.verify, converter.min_speedup = False, 0
        interpreter = Interpreter(model_content=unpack(converter.convert()))
        assert list(interpreter.get_signature_list()) == ["serving_default"]
        assert len(converter.report.packed) == 2

    def test_concrete_functions(self):
        kernel = small().get_layer("body1").get_weights()[0]
        function = tf.function(lambda x: tf.nn.conv2d(x, kernel, 1, "SAME"))
        concrete = function.get_concrete_function(tf.TensorSpec([1, 8, 8, 8]))
        converter = TFLiteConverter.from_concrete_functions([concrete])
        converter.verify, converter.min_speedup = False, 0
        converter.convert()
        assert [row.group_size for row in converter.report.packed] == [2]

    def test_the_representative_data_set_is_read_once(self):
        reads = []

        def data():
            reads.append(1)
            yield from samples((8, 8, 3))

        converter = make_int8(from_keras_model(small()))
        converter.representative_dataset = data
        converter.convert()
        assert len(reads) == 1
        assert len(converter.report.packed) == 2


class TestWhatIsLeftAlone:
    @pytest.mark.parametrize(
        ("ops", "types", "reason"),
        [
            (None, [tf.float16], "float16 weights"),
            (None, None, "dynamic-range quantisation (float32 with int8 weights)"),
            (INT16_ACTIVATIONS, None, "int16 activations"),
        ],
        ids=["float16", "dynamic range", "int16"],
    )
    def test_other_types(self, ops, types, reason):
        wide = keras.Sequential(  # Dynamic range leaves small weights as they are.
            [keras.Input((8, 8, 16))] + [layers.Conv2D(16, 3, use_bias=False) for _ in range(2)]
        )
        converter = TFLiteConverter.from_keras_model(prune(wide, 2, 4.5))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if ops:
            converter.target_spec.supported_ops = ops
            converter.representative_dataset = lambda: iter(samples((8, 8, 16)))
        if types:
            converter.target_spec.supported_types = types
        with pytest.warns(UserWarning, match="No layer was packed") as caught:
            converter.convert()
        assert reason in str(caught[0].message)
        assert [row.reason for row in converter.report.convolutions] == [reason] * 2


class TestBadModels:
    @pytest.mark.parametrize("thing", [17, "model.keras", None, layers.Conv2D(4, 3)])
    def test_not_a_model(self, thing):
        kind = type(thing).__name__
        with pytest.raises(TypeError, match=f"takes a Keras model, not {kind}"):
            TFLiteConverter.from_keras_model(thing)

    def test_half_precision_says_what_to_do(self, capfd):
        model = small()
        for layer in model.layers:
            layer.dtype_policy = "mixed_float16"
        converter = TFLiteConverter.from_keras_model(model)
        capfd.readouterr()
        with pytest.raises(ValueError, match="computes in float16") as error:
            converter.convert()
        assert "Could not translate MLIR" in str(error.value.__cause__)
        assert capfd.readouterr().err == "", "the cause is known: what TensorFlow logs adds nothing"
        for layer in model.layers:
            layer.dtype_policy = "float32"
        assert TFLiteConverter.from_keras_model(model).convert()

    def test_int8_that_stays_float32_is_told(self):
        converter = TFLiteConverter.from_keras_model(small())
        make_int8(converter)
        converter.representative_dataset = lambda: iter(())
        converter.inference_input_type = converter.inference_output_type = tf.float32
        with pytest.warns(UserWarning, match="int8 was asked for, but . of . layers stayed"):
            converter.convert()

    def test_still_wrapped(self):
        pruned = tf_pconv.prune_patterns(sequential(), CONFIG)
        with pytest.raises(ValueError, match=r"still wrapped .* convert tf_pconv.strip_pruning"):
            TFLiteConverter.from_keras_model(pruned)

    def test_no_saved_model(self, tmp_path):
        with pytest.raises(OSError, match="does not exist"):
            TFLiteConverter.from_saved_model(str(tmp_path / "nothing"))


class TestQuiet:
    def test_nothing_is_seen_where_there_is_no_terminal(self, capfd):
        converter = from_keras_model(small())
        converter.verify = False
        converter.convert()
        assert capfd.readouterr() == ("", "")
        assert converter.report.title.startswith("2 of 4 layers packed")

    def test_held_back_messages_are_shown_with_an_error(self, capfd):
        with contextlib.suppress(RuntimeError), quiet_tensorflow():
            os.write(2, b"something that explains it\n")
            raise RuntimeError
        assert "something that explains it" in capfd.readouterr().err

    def test_python_messages_of_the_user_stay(self, capfd, monkeypatch):
        with os.fdopen(os.dup(2), "w") as stream:
            monkeypatch.setattr(sys, "stderr", stream)
            with quiet_tensorflow():
                print("from the data set", file=sys.stderr)
                os.write(2, b"from C++\n")
        assert capfd.readouterr().err == "from the data set\n"


def vgg():
    channels = (64, 64, 128, 128, 256, 256)
    convs = [layers.Conv2D(c, 3, padding="same", activation="relu") for c in channels]
    pools = [layers.MaxPooling2D() for _ in range(2)]
    head = [layers.GlobalAveragePooling2D(), layers.Dense(10)]
    body = [*convs[:2], pools[0], *convs[2:4], pools[1], *convs[4:]]
    return keras.Sequential([keras.Input((32, 32, 3)), *body, *head])


class TestFileSize:
    """A VGG of 64-64-128-128-256-256 channels, pruned 8x."""

    @pytest.mark.parametrize(
        ("group_size", "int8", "least"),
        [(4, False, 6), (4, True, 5), (1, False, 5), (1, True, 4)],
        ids=["float32-4", "int8-4", "float32-1", "int8-1"],
    )
    def test_shrinks(self, group_size, int8, least):
        model = prune(vgg(), group_size, 8.0)
        converter = TFLiteConverter.from_keras_model(model)
        converter.verify = False
        if int8:
            make_int8(converter, (32, 32, 3))
        content = converter.convert()
        report = converter.report
        ratio = report.unpacked_bytes / len(content)
        print(f"{report.unpacked_bytes:,} -> {len(content):,} bytes, {ratio:.2f} times smaller")
        assert [row.group_size for row in report.packed] == [group_size] * 5
        assert ratio >= least
