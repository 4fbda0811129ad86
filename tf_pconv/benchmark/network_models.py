"""Keras networks to time, with random weights that keep activations in a sane range."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

_CLASSES_32 = 10
_VGG16_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
_RESNET18_STAGES = (64, 128, 256, 512)


def vgg16_32() -> keras.Model:
    """Returns VGG-16 for 32x32 images: thirteen convolutions with batch-norm, one classifier."""
    inputs = x = keras.Input((32, 32, 3), batch_size=1)
    for filters, count in _VGG16_STAGES:
        for _ in range(count):
            x = _relu(_convolution(x, filters))
        x = keras.layers.MaxPooling2D()(x)
    outputs = keras.layers.Dense(_CLASSES_32)(keras.layers.Flatten()(x))
    return keras.Model(inputs, outputs, name="vgg16_32")


def resnet18_32() -> keras.Model:
    """Returns ResNet-18 for 32x32 images: a 3x3 convolution first, and no pooling behind it."""
    inputs = keras.Input((32, 32, 3), batch_size=1)
    x = _relu(_convolution(inputs, _RESNET18_STAGES[0]))
    for filters in _RESNET18_STAGES:
        for _ in range(2):
            x = _residual(x, filters)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(_CLASSES_32)(x), name="resnet18_32")


def _application(name: str) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        inputs = keras.Input((224, 224, 3), batch_size=1)
        make = getattr(keras.applications, name)
        made = make(weights=None, input_tensor=inputs, classifier_activation=None)
        return keras.Model(inputs, made.output, name=made.name)

    return build


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "vgg16-32": vgg16_32,
    "resnet18-32": resnet18_32,
    "vgg16": _application("VGG16"),
    "resnet50": _application("ResNet50"),
    "mobilenet_v2": _application("MobileNetV2"),
    "inception_v3": _application("InceptionV3"),
    "densenet121": _application("DenseNet121"),
    "mobilenet_v3": _application("MobileNetV3Large"),
}
"""Builders by name; names without a side are for 224x224 images."""


def settle(model: keras.Model, samples: Any, random: np.random.Generator) -> None:
    """Gives a model random weights under which activations neither fade nor explode.

    Kernels become normal random numbers whose variance makes up for their inputs and the RELU
    before them (He et al., ICCV 2015); zeros of a kernel stay zeros and count as absent.
    Batch-norms take the statistics of `samples`.
    """
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            continue
        values = keras.ops.convert_to_numpy(kernel)
        inputs = np.count_nonzero(values) / values.shape[-1]
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            inputs /= values.shape[-2] / values.shape[-1]
        noise = random.standard_normal(values.shape, dtype=np.float32)
        kernel.assign(np.where(values != 0, noise * np.float32(np.sqrt(2 / inputs)), 0))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # the moving statistics become those of the next batch
    model(samples, training=True)


def _convolution(x: Any, filters: int, kernel: int = 3, strides: int = 1) -> Any:
    x = keras.layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False)(x)
    return keras.layers.BatchNormalization()(x)


def _relu(x: Any) -> Any:
    return keras.layers.ReLU()(x)


def _residual(x: Any, filters: int) -> Any:
    strides = 1 if x.shape[-1] == filters else 2
    y = _relu(_convolution(x, filters, strides=strides))
    y = _convolution(y, filters)
    if strides != 1:
        x = _convolution(x, filters, kernel=1, strides=strides)
    return _relu(keras.layers.Add()([x, y]))
