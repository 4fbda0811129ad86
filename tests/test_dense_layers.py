"""Pruned Dense layers in training: kernels of one weight, in units as in filters."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from delegated_models import DELEGATED, open_delegated, open_reference, random_input, run
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from small_models import ONE_SHOT, array, compile_model

from tf_pconv import (
    LayerRule,
    PatternConfig,
    PatternWrapper,
    UpdatePatternStep,
    prune_patterns,
    strip_pruning,
    update_pattern_step,
)
from tf_pconv.lite import TFLiteConverter
from tf_pconv.lite.full_integer import request_int8
from tf_pconv.methods import Magnitude
from tf_pconv.pruning import pattern_wrappers
from tf_pconv.schedules import PolynomialDecay, targets
from tf_pconv.target import pruning_target

EVERY_LAYER = LayerRule(layers.Dense, skip=False)
INPUTS, CLASSES = 12, 4


def config(schedule=ONE_SHOT, **fields):
    return PatternConfig(
        **{"compression": 4.0, "group_size": 4, "rules": EVERY_LAYER} | fields, schedule=schedule
    )


def perceptron(inputs=(INPUTS,)):
    return keras.Sequential(
        [
            keras.Input(inputs),
            layers.Dense(12, activation="relu", name="fc1"),
            layers.Dense(CLASSES, name="head"),
        ]
    )


def data(rng, count=64, shape=(INPUTS,)):
    return rng.normal(size=(count, *shape)).astype("float32"), rng.integers(CLASSES, size=count)


def prune_once(layer, shape, **fields):
    wrapper = PatternWrapper(layer, config(**fields))
    wrapper.build(shape)
    update_pattern_step(wrapper)
    return wrapper


def assert_counts(wrapper, progress, balance="filter"):
    """As many inputs for every unit as the progress says, the same in the units of a group."""
    mask, target = array(wrapper.mask), wrapper.target
    assert mask.shape == target.shape == tuple(wrapper.layer.kernel.shape)
    order = array(wrapper.state["filter_order"])
    if not order.any():
        order = np.arange(len(order))
    groups = [
        mask[:, order[begin : begin + target.group_size]]
        for begin in range(0, mask.shape[1], target.group_size)
    ]
    for group in groups:
        np.testing.assert_array_equal(group, group[:, :1].repeat(group.shape[1], axis=1))
    kept = np.array([group[:, 0].sum() for group in groups])
    expected = targets(progress, mask.shape[0], target.kernels).kernels
    if balance == "filter":
        np.testing.assert_array_equal(kept, expected)
    else:
        assert kept.sum() == expected * len(groups)


class Witness(keras.callbacks.Callback):
    """Checks every mask after every step, and that no pruned weight moved in it."""

    def __init__(self, schedule, balance):
        super().__init__()
        self.schedule, self.balance, self.steps = schedule, balance, 0

    def on_train_batch_begin(self, batch, logs=None):
        self.before = [array(w.kernel) for w in pattern_wrappers(self.model)]

    def on_train_batch_end(self, batch, logs=None):
        progress = self.schedule(self.steps)[1]
        for wrapper, before in zip(pattern_wrappers(self.model), self.before, strict=True):
            assert_counts(wrapper, progress, self.balance)
            moved = array(wrapper.kernel) != before
            assert not moved[array(wrapper.mask) == 0].any()
        self.steps += 1


@pytest.mark.parametrize("balance", ["filter", "layer"])
@pytest.mark.parametrize("group_size", [1, 4])
def test_counts_and_groups_hold_after_every_step(group_size, balance, rng):
    schedule = PolynomialDecay(0, 6, frequency=1)
    fields = {"group_size": group_size, "balance": balance}
    model = prune_patterns(perceptron(), config(schedule, **fields))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)  # Adam's momentum would move pruned weights
    witness = Witness(schedule, balance)
    callbacks = [UpdatePatternStep(), witness]
    model.fit(*data(rng), batch_size=8, verbose=0, callbacks=callbacks)
    assert witness.steps == 8
    assert [int(array(w.mask).sum()) for w in pattern_wrappers(model)] == [3 * 12, 3 * CLASSES]


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.sampled_from([1, 2, 4, 8]),
    st.floats(1, 12),
    st.floats(0, 1),
    st.integers(0, 2**32 - 1),
)
def test_any_shape_and_compression(inputs, units, group_size, compression, progress, seed):
    layer = layers.Dense(units)
    layer.build((None, inputs))
    layer.kernel.assign(np.random.default_rng(seed).integers(-3, 4, size=(inputs, units)))
    wrapper = PatternWrapper(layer, config(group_size=group_size, compression=compression))
    wrapper.build((None, inputs))
    if wrapper.target.kernels is None:
        assert wrapper.target.weights_kept == inputs * units
        return
    Magnitude().update(array(layer.kernel), wrapper.state, wrapper.target, progress)
    assert_counts(wrapper, progress)
    one_by_one = layers.Conv2D(units, 1)
    one_by_one.build((None, 1, 1, inputs))
    target = pruning_target(one_by_one, wrapper.config)
    kernel = array(layer.kernel).reshape(target.shape)
    if progress:
        same = target.mask(kernel, target.filter_order(kernel), progress)
        np.testing.assert_array_equal(array(wrapper.mask), array(same)[0, 0])


@pytest.mark.parametrize("gradient", ["masked", "straight_through"])
def test_gradient_is_masked_or_passed_on(gradient, rng):
    wrapper = prune_once(layers.Dense(8), (None, INPUTS), gradient=gradient)
    x = tf.constant(rng.normal(size=(5, INPUTS)), tf.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(wrapper(x, training=True) ** 2)
    received = tape.gradient(loss, wrapper.kernel.value).numpy()
    mask = array(wrapper.mask)
    at_pruned_point = 2 * x.numpy().T @ (x.numpy() @ (array(wrapper.kernel) * mask))
    expected = at_pruned_point * mask if gradient == "masked" else at_pruned_point
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(INPUTS,), (3, INPUTS), (2, 3, INPUTS)])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_inputs_of_any_rank(shape, policy, rng):
    wrapper = prune_once(layers.Dense(8, dtype=policy), (None, *shape))
    x = rng.normal(size=(2, *shape)).astype("float32")
    masked = array(wrapper.kernel) * array(wrapper.mask)
    assert 0 < array(wrapper.mask).mean() < 0.5
    tolerance = 1e-5 if policy == "float32" else 5e-2
    actual = keras.ops.cast(wrapper(x), "float32")
    np.testing.assert_allclose(actual, x @ masked, rtol=tolerance, atol=tolerance)
    assert wrapper.compute_output_shape((None, *shape)) == (None, *shape[:-1], 8)


def test_shared_layers_stay_shared(rng):
    shared = layers.Dense(INPUTS, name="shared")
    inputs = keras.Input((INPUTS,))
    model = keras.Model(inputs, layers.Dense(CLASSES, name="head")(shared(shared(inputs))))
    pruned = prune_patterns(model, config())
    update_pattern_step(pruned)
    assert sorted(w.name for w in pattern_wrappers(pruned)) == ["head", "shared"]
    stripped = strip_pruning(pruned)
    assert len(stripped.get_layer("shared")._inbound_nodes) == 2
    x, _ = data(rng, 3)
    np.testing.assert_allclose(stripped(x), pruned(x), rtol=1e-5, atol=1e-6)


def test_saved_trained_and_stripped(tmp_path, rng):
    schedule = PolynomialDecay(0, 6, frequency=1)
    model = compile_model(prune_patterns(perceptron(), config(schedule)))
    x, y = data(rng)
    model.fit(x[:32], y[:32], batch_size=8, verbose=0, callbacks=[UpdatePatternStep()])
    model.save(tmp_path / "half.keras")
    restored = keras.models.load_model(tmp_path / "half.keras")
    for each in (model, restored):
        each.fit(x, y, batch_size=8, verbose=0, shuffle=False, callbacks=[UpdatePatternStep()])
    for old, new in zip(model.weights, restored.weights, strict=True):
        np.testing.assert_array_equal(array(old), array(new))
    stripped = strip_pruning(restored)
    kernel = array(stripped.get_layer("fc1").kernel)
    np.testing.assert_array_equal((kernel != 0).sum(axis=0), 3)
    np.testing.assert_allclose(stripped(x), restored(x), rtol=1e-5, atol=1e-6)


class TestLora:
    REFUSED = r"'fc' is being pruned.*after tf_pconv.strip_pruning"

    def test_of_the_layer_inside_is_refused_when_it_is_used(self):
        wrapper = prune_once(layers.Dense(8, name="fc"), (None, INPUTS))
        wrapper.layer.enable_lora(2)
        with pytest.raises(ValueError, match=self.REFUSED):
            wrapper(np.zeros((1, INPUTS), "float32"))

    def test_after_stripping_is_allowed(self):
        layer = strip_pruning(prune_once(layers.Dense(8, name="fc"), (None, INPUTS)))
        layer.enable_lora(2)
        assert layer(np.zeros((1, INPUTS), "float32")).shape == (1, 8)


@pytest.mark.filterwarnings("ignore:Layer InputLayer does not have a `quantize`")
def test_quantised_while_it_is_pruned_is_an_error():
    pruned = prune_patterns(perceptron(), config())
    update_pattern_step(pruned)
    stripped = strip_pruning(pruned)
    pruned.quantize("int8")
    with pytest.raises(ValueError, match=r"'fc1' is being pruned.*quantise after tf_pconv.strip"):
        pruned(np.zeros((1, INPUTS), "float32"))
    stripped.quantize("int8")
    assert stripped(np.zeros((1, INPUTS), "float32")).shape == (1, CLASSES)


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize("inputs", [(4, 4, 3), (3, 48)], ids=["after flatten", "rank 3"])
def test_trained_layers_run_in_the_delegate(inputs, int8, rng, delegate, capfd):
    model = keras.Sequential(
        [
            keras.Input(inputs),
            *([layers.Flatten()] if len(inputs) == 3 else []),
            layers.Dense(32, activation="relu", name="fc1"),
            layers.Dense(24, activation="relu", name="fc2"),
            *([layers.GlobalAveragePooling1D()] if len(inputs) == 2 else []),
            layers.Dense(CLASSES, name="head"),
        ]
    )
    rules = (LayerRule("fc1", skip=False), LayerRule("fc2", skip=False))
    pruned = compile_model(prune_patterns(model, config(rules=rules)))
    x, y = data(rng, 64, inputs)
    pruned.fit(x, y, batch_size=8, verbose=0, callbacks=[UpdatePatternStep()])
    model = strip_pruning(pruned)
    converter = TFLiteConverter.from_keras_model(model)
    converter.min_speedup = 0  # these layers are small
    if int8:
        request_int8(converter, lambda: ([image[None]] for image in x))
    content = converter.convert()
    assert [row.shape[0] for row in converter.report.packed] == [32, 24]
    image = random_input(rng, content, (1, *inputs)) if int8 else x[:1]
    actual = run(open_delegated(content), image)
    assert int(DELEGATED.findall(capfd.readouterr().err)[-1][0]) >= 2
    if int8:
        expected = run(open_reference(content), image)
        np.testing.assert_allclose(actual, expected, atol=2)
    else:
        np.testing.assert_allclose(actual, model(image), rtol=1e-4, atol=1e-5)
