"""Plans ask the delegate where it pays: in which types, at which sizes."""

import keras
import pytest
from keras import layers

from tf_pconv import (
    ConstantSparsity,
    LayerRule,
    PatternConfig,
    plan,
    prune_patterns,
    strip_pruning,
    update_pattern_step,
)
from tf_pconv.acceleration import predict_acceleration
from tf_pconv.lite import TFLiteConverter, prediction
from tf_pconv.lite.fkw import decode
from tf_pconv.target import pruning_target

CONFIG = PatternConfig(rules=(LayerRule(keras.layers.Layer, skip=False),))


def built(layer, shape):
    layer.build((None, *shape))
    return predict_acceleration(layer, pruning_target(layer, CONFIG))


@pytest.fixture
def gains(monkeypatch):
    """Stands in for the delegate: what it is asked, and the gain it answers in each type."""
    answers = {"float32": 2.0, "int8": 2.0, "asked": []}

    def answer(fkw, strides, is_padding_same, input_shape):
        answers["asked"].append((tuple(strides), is_padding_same, tuple(input_shape)))
        return answers["float32" if decode(fkw).scales is None else "int8"]

    monkeypatch.setattr(prediction, "predict_least_speedup", answer)
    return answers


@pytest.mark.parametrize(
    ("faster", "accelerated", "reason"),
    [
        (["float32", "int8"], True, ""),
        (["float32"], True, "in float32"),
        (["int8"], True, "in int8"),
        ([], False, "a dense convolution is expected to be faster"),
    ],
)
def test_types_in_which_it_pays(gains, faster, accelerated, reason):
    for dtype in ("float32", "int8"):
        gains[dtype] = 1.0 if dtype in faster else 0.99
    found = built(layers.Conv2D(8, 3), (12, 12, 16))
    assert (found.accelerated, found.reason) == (accelerated, reason)


def test_sizes_come_from_the_graph(gains):
    built(layers.Conv2D(8, 3, strides=2, padding="same"), (12, 10, 16))
    built(layers.Conv2D(8, 1), (7, 7, 16))
    built(layers.Dense(8), (16,))
    built(layers.Dense(8), (5, 16))
    assert gains["asked"][::2] == [
        ((2, 2), True, (-1, 12, 10, 16)),
        ((1, 1), False, (-1, 7, 7, 16)),
        ((1, 1), False, (-1, 16)),
        ((1, 1), False, (-1, 5, 16)),
    ]


def test_unknown_sizes_are_a_condition(gains):
    found = built(layers.Conv2D(8, 3), (None, 20, 16))
    assert (found.accelerated, found.reason) == (True, "at a size of 32x20")
    gains["float32"] = gains["int8"] = 0.5
    found = built(layers.Dense(8), (None, 16))
    assert (found.accelerated, found.reason) == (
        False,
        "a dense layer is expected to be faster at a size of 32",
    )


@pytest.mark.parametrize("error", [OSError("cannot open"), RuntimeError("another version")])
def test_library_that_does_not_load_is_none(gains, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(prediction, "predict_least_speedup", fail)
    found = built(layers.Conv2D(8, 3), (12, 12, 16))
    assert (found.accelerated, found.reason) == (True, "")


def test_plan_and_packing_agree(delegate):
    config = PatternConfig(schedule=ConstantSparsity(0, 0), rules=LayerRule("few", skip=False))
    model = keras.Sequential(
        [
            keras.Input((14, 14, 3), batch_size=1),
            layers.Conv2D(64, 3, padding="same", name="stem"),
            layers.Conv2D(128, 3, padding="same", name="wide"),
            layers.Conv2D(4, 3, name="narrow"),
            layers.Conv2D(4, 1, name="tiny"),
            layers.Flatten(),
            layers.Dense(512, name="hidden"),
            layers.Dense(8, name="few"),
            layers.Dense(2, name="head"),
        ]
    )
    planned = plan(model, config)
    assert planned["wide"].accelerated
    assert planned["tiny"].reason == "a dense convolution is expected to be faster"
    pruned = prune_patterns(model, config)
    update_pattern_step(pruned)
    converter = TFLiteConverter.from_keras_model(strip_pruning(pruned))
    converter.convert()
    rows = [row for row in converter.report.convolutions if row.shape[0] != 2]
    for row, found in zip(rows, planned.layers[:-1], strict=True):
        float32 = found.accelerated and found.reason != "in int8"
        assert row.packed == float32, (row, found)
