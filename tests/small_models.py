"""Models, data and a training that tests share; small, so that tests are fast."""

import keras
import numpy as np
from keras import layers

from tf_pconv import PatternConfig, UpdatePatternStep
from tf_pconv.schedules import ConstantSparsity, PolynomialDecay

SHAPE = (8, 8, 3)
CLASSES = 4

ONE_SHOT = ConstantSparsity(0, 0)
CONFIG = PatternConfig(compression=4.5, group_size=2, schedule=ONE_SHOT)
GRADUAL = PatternConfig(compression=4.5, group_size=2, schedule=PolynomialDecay(0, 8, frequency=2))


def sequential():
    """Stem, two 3x3 convolutions of 8 channels, classifier."""
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(8, 3, padding="same", activation="relu", name="stem"),
            layers.Conv2D(8, 3, padding="same", use_bias=False, name="body1"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.Conv2D(8, 3, strides=2, activation="relu", name="body2"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(CLASSES, name="head"),
        ],
        name="small",
    )


def data(rng, count=16):
    """Random images, and labels that follow from them."""
    x = rng.normal(size=(count, *SHAPE)).astype("float32")
    y = np.argmax(x.mean(axis=(1, 2)) @ rng.normal(size=(SHAPE[-1], CLASSES)), axis=-1)
    return x, y


def array(variable):
    """The value of a variable or tensor, copied to NumPy."""
    return np.array(keras.ops.convert_to_numpy(variable))


def compile_model(model, jit_compile=False, **kwargs):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=jit_compile, **kwargs)
    return model


def fit(model, x, y, epochs=1, callbacks=(), **kwargs):
    """`fit` with the callback, eight images a batch."""
    callbacks = [UpdatePatternStep(), *callbacks]
    return model.fit(x, y, batch_size=8, epochs=epochs, verbose=0, callbacks=callbacks, **kwargs)
