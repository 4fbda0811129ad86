"""ADD and MUL inside the delegate's regions, whatever their operands."""

import json

import numpy as np
import pytest
import tensorflow as tf
from delegated_models import (
    Conv,
    convert,
    open_delegated,
    open_reference,
    pattern_kernel,
    random_input,
    run,
)

import tf_pconv
from tf_pconv.benchmark.profile import measure_profile
from tf_pconv.lite.convolutions import Graph
from tf_pconv.lite.flatbuffer import parse

SHAPE = (1, 15, 12, 8)
CHANNELS = 29  # which fill no vector


def pruned(rng, channels, filters, activation=None):
    return Conv(pattern_kernel(rng, channels, filters, 4), activation=activation)


def pointwise(rng, channels, filters, activation, kept):
    """A convolution of one pixel, whose filters all keep a share of the channels."""
    kernel = rng.normal(size=(1, 1, channels, filters)).astype("float32")
    mask = rng.permutation(channels) < kept * channels
    return Conv(kernel * mask[:, None], activation=activation)


def normalization(rng, channels):
    """A batch normalization that no convolution can take in, and an activation."""
    scale = rng.uniform(0.5, 2.0, channels).astype("float32")
    shift = rng.normal(size=channels).astype("float32")
    return lambda x: tf.nn.relu(x * scale + shift)


def pre_activation(rng):
    """ResNet-V2's residual blocks, which normalize before they convolve."""
    first, last = pruned(rng, 8, CHANNELS), pruned(rng, CHANNELS, 8)
    blocks = [(normalization(rng, CHANNELS), pruned(rng, CHANNELS, CHANNELS)) for _ in range(2)]
    end = normalization(rng, CHANNELS)

    def function(x):
        x = first(x)
        for normalize, conv in blocks:
            x = x + conv(normalize(x))
        return last(end(x))

    return function


def densenet(rng):
    """A DenseNet block, with a transition behind it."""
    first = pruned(rng, 8, CHANNELS, tf.nn.relu)
    widths = (CHANNELS, CHANNELS + 11)
    layers = [(normalization(rng, width), pruned(rng, width, 11)) for width in widths]
    end, last = normalization(rng, CHANNELS + 22), pruned(rng, CHANNELS + 22, 8)

    def function(x):
        x = first(x)
        for normalize, conv in layers:
            x = tf.concat([x, conv(normalize(x))], -1)
        return last(end(x))

    return function


def activation(rng):
    """Constants that are one number, and a product of two images."""
    first, last = pruned(rng, 8, CHANNELS), pruned(rng, CHANNELS, 8)

    def function(x):
        x = first(x)
        return last(x * tf.nn.relu6(0.3 * x + 2.0))

    return function


def squeeze_and_excitation(gate, kept, swapped=False):
    """A block whose one value for each channel and image is `gate` of two convolutions."""

    def model(rng):
        first, last = pruned(rng, 8, CHANNELS, tf.nn.relu), pruned(rng, CHANNELS, 8)
        squeeze = pointwise(rng, CHANNELS, 8, tf.nn.relu, kept)
        excite = pointwise(rng, 8, CHANNELS, gate, kept)

        def function(x):
            x = first(x)
            values = excite(squeeze(tf.reduce_mean(x, [1, 2], keepdims=True)))
            return last(values * x if swapped else x * values)

        return function

    return model


# With the nodes of each kind.
MODELS = {
    "pre-activation": (pre_activation, {"ADD": 5, "MUL": 3}),
    "densenet": (densenet, {"ADD": 3, "MUL": 3}),
    "activation": (activation, {"ADD": 1, "MUL": 2}),
    # The runtime computes the values, the delegate a part of them, or all but the mean.
    "dense-excitation": (squeeze_and_excitation(tf.sigmoid, kept=1.0), {"MUL": 1}),
    "pruned-excitation": (squeeze_and_excitation(tf.sigmoid, kept=0.4), {"MUL": 1}),
    "relu6-excitation": (squeeze_and_excitation(tf.nn.relu6, kept=0.4, swapped=True), {"MUL": 1}),
}


def count(kinds):
    """How many are ADD and MUL."""
    return {kind: kinds.count(kind) for kind in ("ADD", "MUL") if kind in kinds}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize("name", MODELS)
def test_sums_and_products_run_in_regions(rng, tmp_path, name, int8, threads):
    make, nodes = MODELS[name]
    model = convert(rng, make(rng), SHAPE, int8=int8, pattern_format="fkw")
    assert count(Graph(parse(model), 0).kinds) == nodes
    profile = tmp_path / "profile.json"
    reference = open_reference(model)
    interpreter = open_delegated(model, {"profile": profile}, num_threads=threads)
    for batch in (1, 3):
        x = random_input(rng, model, (batch, *SHAPE[1:]))
        actual, expected = run(interpreter, x), run(reference, x)
        if int8:
            # Each that rounds may differ by a unit, and the next ones add up what comes in.
            difference = np.abs(actual.astype(int) - expected)
            assert difference.max() <= 8
            assert difference.mean() < 0.5
        else:
            np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())
    del interpreter
    regions = json.loads(profile.read_text())["regions"]
    layers = [layer for region in regions for layer in region["layers"]]
    assert count([layer["operator"] for layer in layers]) == nodes


def test_profiles_count_the_bytes_of_smaller_operands(rng):
    model = convert(rng, activation(rng), SHAPE, pattern_format="fkw")
    layers = measure_profile(model, tf_pconv.lite.unpack(model), {"seconds": 0.0}).layers
    image = SHAPE[1] * SHAPE[2] * CHANNELS
    by_number, plus_number, of_images = layers[1:4]
    assert by_number.bytes == plus_number.bytes == 4 * (2 * image + 1)
    assert of_images.bytes == 4 * 3 * image
