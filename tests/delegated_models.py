"""`.tflite` files whose convolutions follow patterns, and ways to run them."""

import dataclasses
import re
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert import interpreter as litert

import tf_pconv
from tf_pconv.lite import flatbuffer
from tf_pconv.lite.convolutions import find_convolutions
from tf_pconv.lite.full_integer import request_int8
from tf_pconv.patterns import get_library

DELEGATED = re.compile(
    r"^tf_pconv: (\d+) of (\d+) nodes delegated, (\d+) partitions$", re.MULTILINE
)


def delegated(capfd):
    """Nodes delegated, nodes, partitions; of the last graph that the delegate has seen."""
    return tuple(map(int, DELEGATED.findall(capfd.readouterr().err)[-1]))


# Both interpreters that a user of TensorFlow 2.21 has.
INTERPRETERS = {
    "ai_edge_litert": (litert.Interpreter, litert.OpResolverType),
    "tf.lite": (tf.lite.Interpreter, tf.lite.experimental.OpResolverType),
}


def pattern_kernel(rng, channels, filters, group_size=1, density=0.3):
    """Weights (3, 3, in, out); scattered groups of filters keep `density` of their kernels."""
    kernel = rng.normal(size=(3, 3, channels, filters)).astype("float32")
    library = get_library("scp8").to_array()
    groups = -(-filters // group_size)
    patterns = library[rng.integers(len(library), size=(channels, groups))]
    patterns = patterns * (rng.random((channels, groups, 1, 1)) < density)
    mask = np.repeat(patterns, group_size, axis=1)[:, :filters]
    order = rng.permutation(filters)
    return kernel * mask.transpose(2, 3, 0, 1)[..., order]


@dataclasses.dataclass
class Conv:
    """One convolution of a model made by `convert`."""

    kernel: np.ndarray
    stride: int = 1
    padding: str = "SAME"
    activation: Any = None
    bias: np.ndarray | None = None

    def __call__(self, x):
        y = tf.nn.conv2d(x, self.kernel, self.stride, self.padding)
        if self.bias is not None:
            y = y + self.bias
        return y if self.activation is None else self.activation(y)


def residual(rng):
    """A block with a shortcut, and a pooling behind it."""
    first = Conv(pattern_kernel(rng, 8, 64, 4), activation=tf.nn.relu)
    second = Conv(pattern_kernel(rng, 64, 64, 4), bias=rng.normal(size=64))
    last = Conv(pattern_kernel(rng, 64, 8, 2))

    def function(x):
        x = first(x)
        x = tf.nn.relu(x + second(x))
        return last(tf.nn.max_pool2d(x, 3, 2, "SAME"))

    return function


def joined(rng):
    """Two convolutions whose channels are joined, and a border before the third."""
    first = Conv(pattern_kernel(rng, 8, 24, 4), activation=tf.nn.relu)
    second = Conv(pattern_kernel(rng, 8, 40, 4), bias=rng.normal(size=40))
    last = Conv(pattern_kernel(rng, 64, 8, 2), stride=2, padding="VALID")

    def function(x):
        x = tf.concat([first(x), second(x)], axis=-1)
        return last(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]))

    return function


def convert(rng, function, shape, *, int8=False, pattern_format="dense"):
    """The `.tflite` of a function of one NHWC input of `shape`."""
    sparse = pattern_format == "sparse"
    concrete = tf.function(function).get_concrete_function(tf.TensorSpec(shape, tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    if int8:
        samples = rng.normal(size=(4, 1, *shape[1:])).astype("float32")
        request_int8(converter, lambda: ([sample] for sample in samples))
    if sparse:
        sparsity = tf.lite.Optimize.EXPERIMENTAL_SPARSITY
        converter.optimizations = [*converter.optimizations, sparsity]
    model = converter.convert()
    if pattern_format == "fkw":
        return tf_pconv.lite.pack(model, verify=False, min_speedup=0).model
    return model


def open_reference(model, interpreter="ai_edge_litert"):
    """An interpreter of TFLite's reference kernels; packed files are unpacked for them."""
    make, resolver = INTERPRETERS[interpreter]
    return make(
        model_content=tf_pconv.lite.unpack(model),
        experimental_op_resolver_type=resolver.BUILTIN_REF,
    )


def open_delegated(model, options=None, interpreter="ai_edge_litert", **kwargs):
    """An interpreter with the delegate, which takes all convolutions that follow patterns."""
    make, _ = INTERPRETERS[interpreter]
    delegate = tf_pconv.load_delegate({"min_speedup": 0, **(options or {})})
    return make(model_content=model, experimental_delegates=[delegate], **kwargs)


def run(interpreter, x):
    """Runs an interpreter of one input and one output, resizing the input to `x`."""
    source = interpreter.get_input_details()[0]
    if tuple(source["shape"]) != x.shape:
        interpreter.resize_tensor_input(source["index"], x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(source["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def random_input(rng, model, shape):
    """Values of the model's input type."""
    dtype = open_reference(model).get_input_details()[0]["dtype"]
    if dtype == np.int8:
        return rng.integers(-128, 128, size=shape, dtype=np.int8)
    return rng.normal(size=shape).astype("float32")


def without_activation(model):
    """The unpacked file whose convolutions give their sums, as float32 rounds them."""
    parsed = flatbuffer.parse(tf_pconv.lite.unpack(model))
    for conv in find_convolutions(parsed):
        options = parsed.subgraphs[conv.subgraph].operators[conv.operator].builtinOptions
        options.fusedActivationFunction = flatbuffer.schema().ActivationFunctionType.NONE
    return flatbuffer.serialize(parsed)


def assert_agrees(actual, expected, sums=None):
    """What the delegate promises for one convolution against the reference kernels.

    `sums` are the outputs before an activation that clips; without, `expected` stands for them.
    """
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    if expected.dtype == np.int8:
        difference = np.abs(actual.astype(int) - expected)
        assert difference.max() <= 1
        assert np.mean(difference == 0) >= 0.998
    else:
        largest = np.abs(expected if sums is None else sums).max()
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * largest)
