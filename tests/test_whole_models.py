"""Whole models, packed and run by the delegate, against TFLite's reference kernels."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from delegated_models import (
    DELEGATED,
    assert_agrees,
    open_delegated,
    open_reference,
    run,
    without_activation,
)
from keras import layers

import tf_pconv
from tf_pconv.lite.convolutions import PCONV_2D, find_convolutions
from tf_pconv.lite.flatbuffer import parse, serialize
from tf_pconv.lite.full_integer import request_int8
from tf_pconv.projection import kept_kernels, project

SHAPE = (16, 16, 3)
CLASSES = 10
INPUTS = 100


def conv(x, filters, size=3, strides=1, activation="relu", normalise=True):
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=not normalise)(x)
    if normalise:
        x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x)


def vgg(x):
    x = conv(x, 16)
    for filters in (24, 32):
        x = conv(conv(x, filters), filters)
        x = layers.MaxPooling2D()(x)
    return x


def resnet(x):
    x = conv(x, 16)
    for filters, strides in ((16, 1), (32, 2)):
        shortcut = conv(x, filters, 1, strides, activation="linear")
        x = conv(conv(x, filters, strides=strides), filters, activation="linear")
        x = layers.ReLU()(layers.Add()([x, shortcut]))
    return x


def mobilenet(x):
    x = conv(x, 16, strides=2, activation="relu6")
    for filters in (24, 32):
        x = layers.DepthwiseConv2D(3, padding="same")(x)
        x = conv(x, filters, 1, activation="relu6")
        x = conv(x, filters, activation="relu6", normalise=False)
    return x


def efficientnet(x):
    x = conv(x, 16, activation="swish")
    for filters in (24, 32):
        x = conv(x, filters, activation="swish")
        x = layers.DepthwiseConv2D(5, strides=2)(layers.ZeroPadding2D(((1, 2), (1, 2)))(x))
        squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
        squeezed = conv(squeezed, 8, 1, activation="swish", normalise=False)
        x = x * conv(squeezed, filters, 1, activation="sigmoid", normalise=False)
    return x


def inception(x):
    x = conv(x, 16)
    for filters in (8, 16):
        branches = [
            conv(x, filters, 1),
            conv(conv(x, filters, 1), filters),
            conv(conv(x, filters), filters),
            conv(layers.AveragePooling2D(3, 1, padding="same")(x), filters),
        ]
        x = layers.Concatenate()(branches)
    return layers.AveragePooling2D(2)(x)


def densenet(x):
    x = conv(x, 16)
    for _ in range(4):
        x = layers.Concatenate()([x, conv(x, 12)])
    return layers.MaxPooling2D()(x)


# With the group size to prune with.
ARCHITECTURES = {
    "vgg": (vgg, 4),
    "resnet": (resnet, 2),
    "mobilenet": (mobilenet, 8),
    "efficientnet": (efficientnet, 4),
    "inception": (inception, 1),
    "densenet": (densenet, 4),
}


def pruned(architecture, group_size):
    """An untrained model whose 3x3 convolutions but the first follow patterns, at 4x."""
    inputs = keras.Input(SHAPE)
    x = layers.GlobalAveragePooling2D()(architecture(inputs))
    model = keras.Model(inputs, layers.Dense(CLASSES)(x))
    convolutions = [layer for layer in model.layers if type(layer) is layers.Conv2D]
    for layer in convolutions[1:]:
        if layer.kernel_size != (3, 3):
            continue
        kernels = kept_kernels(layer.kernel.shape[2], (3, 3), entries=4, compression=4.0)
        library = tf_pconv.get_library("scp8")
        mask = project(layer.kernel, library=library, kernels=kernels, group_size=group_size)
        layer.kernel.assign(layer.kernel * mask)
    return model


def packed(model, images, int8):
    converter = tf_pconv.lite.TFLiteConverter.from_keras_model(model)
    converter.verify = False  # the tests compare
    converter.min_speedup = 0  # small layers too
    if int8:
        request_int8(converter, lambda: ([image[None]] for image in images[:16]))
    return converter.convert()


def alone(model, convolution):
    """The `.tflite` of one convolution, and the names of its input and output."""
    tree = parse(model)
    graph = tree.subgraphs[0]
    operator = graph.operators[convolution.operator]
    ends = [int(operator.inputs[0]), int(operator.outputs[0])]
    graph.operators, graph.inputs, graph.outputs = [operator], ends[:1], ends[1:]
    tree.signatureDefs = []
    return serialize(tree), [graph.tensors[i].name.decode() for i in ends]


@pytest.fixture(
    scope="module",
    params=[(name, int8) for name in ARCHITECTURES for int8 in (False, True)],
    ids=[f"{name}-{kind}" for name in ARCHITECTURES for kind in ("float32", "int8")],
)
def case(request):
    """A packed model and its inputs, in the model's type."""
    name, int8 = request.param
    keras.utils.set_random_seed(7)
    images = np.random.default_rng(7).normal(size=(INPUTS, *SHAPE)).astype("float32")
    model = packed(pruned(*ARCHITECTURES[name]), images, int8)
    if int8:
        scale, zero_point = open_reference(model).get_input_details()[0]["quantization"]
        images = np.clip(np.round(images / scale) + zero_point, -128, 127).astype("int8")
    return model, images


def test_every_convolution_agrees_on_the_inputs_of_the_reference(case):
    model, images = case
    reference = tf.lite.Interpreter(
        model_content=tf_pconv.lite.unpack(model),
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    run(reference, images[:4])
    numbers = {tensor["name"]: tensor["index"] for tensor in reference.get_tensor_details()}
    convolutions = [c for c in find_convolutions(parse(model)) if c.kind == PCONV_2D]
    assert len(convolutions) >= 2
    for convolution in convolutions:
        single, ends = alone(model, convolution)
        x, expected = (reference.get_tensor(numbers[name]) for name in ends)
        sums = run(open_reference(without_activation(single)), x)
        assert_agrees(run(open_delegated(single), x), expected, sums)


def test_the_whole_model_decides_as_the_reference(case, capfd):
    model, images = case
    interpreter = open_delegated(model)
    nodes, total, _ = DELEGATED.findall(capfd.readouterr().err)[0]
    assert 2 <= int(nodes) < int(total)
    actual = run(interpreter, images)
    expected = run(open_reference(model), images)
    same = np.argmax(actual, axis=-1) == np.argmax(expected, axis=-1)
    assert np.mean(same) >= 0.99
