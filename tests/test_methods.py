"""Methods: magnitude, and toy versions of others that show that the interface fits them."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from small_models import GRADUAL, array, compile_model, data, fit, sequential

from tf_pconv import PatternConfig, PatternWrapper, prune_patterns, strip_pruning
from tf_pconv.methods import Magnitude, Method, apply_mask, get_method
from tf_pconv.pruning import pattern_wrappers
from tf_pconv.schedules import ConstantSparsity, PolynomialDecay
from tf_pconv.target import pruning_target

EVERY_STEP = ConstantSparsity(0, -1, frequency=1)


def prune_with(method, schedule=EVERY_STEP, **kwargs):
    config = PatternConfig(compression=2.25, group_size=1, method=method, schedule=schedule)
    return compile_model(prune_patterns(sequential(), config), **kwargs)


@keras.saving.register_keras_serializable(package="test")
class Sampled(Method):
    """Patterns drawn from trainable logits, like DPP: noise, temperature, an entropy loss."""

    def __init__(self, weight=0.1):
        self.weight = weight

    def get_config(self):
        return {"weight": self.weight}

    def declare_state(self, layer, target):
        state = super().declare_state(layer, target)
        choices = (len(target.library), *target.shape[2:])
        state["logits"] = layer.add_weight(name="logits", shape=choices, initializer="normal")
        state["temperature"] = layer.add_weight(
            name="temperature", shape=(), initializer="ones", trainable=False
        )
        state["noise"] = keras.random.SeedGenerator(1)
        self.patterns = target.library.to_array().astype("float32")
        return state

    def _mask(self, choice):
        return ops.einsum("phw,pio->hwio", self.patterns, choice)

    def effective_kernel(self, kernel, state, gradient, training):
        if not training:
            return super().effective_kernel(kernel, state, gradient, training)
        logits = ops.convert_to_tensor(state["logits"])
        uniform = keras.random.uniform(logits.shape, 1e-6, 1, seed=state["noise"])
        soft = ops.softmax((logits - ops.log(-ops.log(uniform))) / state["temperature"], axis=0)
        hard = ops.one_hot(ops.argmax(soft, axis=0), logits.shape[0], axis=0)
        return kernel * self._mask(soft + ops.stop_gradient(hard - soft))

    def loss(self, kernel, state):
        p = ops.softmax(state["logits"], axis=0)
        return -self.weight * ops.sum(p * ops.log(p))

    def update(self, kernel, state, target, progress):
        state["temperature"].assign(ops.maximum(0.5, state["temperature"] * 0.9))
        choice = ops.one_hot(ops.argmax(state["logits"], axis=0), len(target.library), axis=0)
        state["mask"].assign(ops.cast(self._mask(choice), "uint8"))


@keras.saving.register_keras_serializable(package="test")
class Admm(Method):
    """Auxiliary and dual variables, a quadratic loss, a hard projection at the end."""

    def declare_state(self, layer, target):
        state = super().declare_state(layer, target)
        for name in ("auxiliary", "dual"):
            state[name] = layer.add_weight(
                name=name, shape=target.shape, initializer="zeros", trainable=False
            )
        return state

    def loss(self, kernel, state):
        return 0.05 * ops.sum(ops.square(kernel - state["auxiliary"] + state["dual"]))

    def update(self, kernel, state, target, progress):
        if not array(state["filter_order"]).any():
            state["filter_order"].assign(target.filter_order(kernel))
        shifted = kernel + state["dual"]
        state["auxiliary"].assign(shifted * self.final_mask(shifted, state, target))
        state["dual"].assign(shifted - state["auxiliary"])

    def final_mask(self, kernel, state, target):
        return target.mask(kernel, state["filter_order"].value)


@keras.saving.register_keras_serializable(package="test")
class Taylor(Method):
    """Sees the gradient of each step through a variable that the optimiser overwrites with it."""

    def declare_state(self, layer, target):
        state = super().declare_state(layer, target)
        gradient = layer.add_weight(name="gradient", shape=target.shape, initializer="zeros")
        gradient.overwrite_with_gradient = True
        return {**state, "gradient": gradient}

    def effective_kernel(self, kernel, state, gradient, training):
        probe = ops.convert_to_tensor(state["gradient"])
        return apply_mask(kernel, state["mask"], gradient) + (probe - ops.stop_gradient(probe))

    def update(self, kernel, state, target, progress):
        importance = ops.abs(kernel * state["gradient"])
        mask = target.mask(importance, ops.arange(target.shape[-1]), progress)
        state["mask"].assign(ops.cast(mask, "uint8"))


def test_methods_are_found_by_name_object_and_config():
    assert get_method("magnitude") == Magnitude()
    sampled = Sampled(weight=0.5)
    assert get_method(sampled) is sampled
    assert get_method(keras.saving.serialize_keras_object(sampled)) == sampled
    assert Sampled(0.1) != Sampled(0.2)
    assert repr(sampled) == "Sampled(weight=0.5)"


@pytest.mark.parametrize(
    ("gradient", "expected"), [("masked", [3, 0]), ("straight_through", [3, 5])]
)
def test_mask_is_applied_with_either_gradient(gradient, expected):
    kernel, mask = tf.constant([2.0, 7.0]), tf.constant([1, 0], tf.uint8)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        effective = apply_mask(kernel, mask, gradient)
        loss = tf.reduce_sum(effective * [3.0, 5.0])
    np.testing.assert_array_equal(effective, [2, 0])
    np.testing.assert_array_equal(tape.gradient(loss, kernel), expected)


def test_magnitude_forms_groups_once_and_keeps_the_most_energy():
    wrapper = PatternWrapper(layers.Conv2D(8, 3), GRADUAL)
    wrapper.build((1, 8, 8, 8))
    method, state, target = Magnitude(), wrapper.state, wrapper.target
    kernel = ops.convert_to_tensor(wrapper.kernel)
    method.update(kernel, state, target, progress=0.0)
    assert array(state["mask"]).all()
    assert not array(state["filter_order"]).any()
    method.update(kernel, state, target, progress=0.5)
    order = array(state["filter_order"])
    np.testing.assert_array_equal(np.sort(order), np.arange(8))
    method.update(kernel[..., ::-1], state, target, progress=1.0)
    np.testing.assert_array_equal(state["filter_order"], order)
    np.testing.assert_array_equal(
        array(state["mask"]), array(target.mask(kernel[..., ::-1], order)).astype("uint8")
    )


def test_one_shot_magnitude_never_changes_its_mask(rng):
    model = prune_with("magnitude", ConstantSparsity(0, 0))
    fit(model, *data(rng))
    first = [array(wrapper.mask) for wrapper in pattern_wrappers(model)]
    fit(model, *data(rng), epochs=3)
    for old, wrapper in zip(first, pattern_wrappers(model), strict=True):
        np.testing.assert_array_equal(old, wrapper.mask)


def test_straight_through_lets_pruned_weights_return(rng):
    rows = {}
    for gradient in ("masked", "straight_through"):
        keras.utils.set_random_seed(3)
        config = PatternConfig(
            compression=4.5, schedule=ConstantSparsity(0, -1, frequency=4), gradient=gradient
        )
        model = compile_model(prune_patterns(sequential(), config))
        x, y = data(np.random.default_rng(3), 64)
        fit(model, x, y)
        early = array(pattern_wrappers(model)[0].mask)
        fit(model, x, y, epochs=4)
        rows[gradient] = (array(pattern_wrappers(model)[0].mask) & ~early & 1).sum()
    assert rows["straight_through"] > rows["masked"]


def test_trainable_logits_noise_temperature_and_loss_fit_the_interface(tmp_path, rng):
    model = prune_with(Sampled())
    x, y = data(rng, 32)
    wrapper = pattern_wrappers(model)[0]
    logits = array(wrapper.state["logits"])
    draw = array(wrapper.state["noise"].state)
    entropy = float(sum(w.config.method.loss(w.kernel, w.state) for w in pattern_wrappers(model)))
    assert float(sum(model.losses)) == pytest.approx(entropy, rel=1e-5)
    fit(model, x, y, epochs=3)
    after = float(sum(w.config.method.loss(w.kernel, w.state) for w in pattern_wrappers(model)))
    assert after < entropy
    assert (array(wrapper.state["logits"]) != logits).mean() > 0.9
    assert (array(wrapper.state["noise"].state) != draw).any()
    assert float(wrapper.state["temperature"]) == 0.5
    np.testing.assert_array_equal(array(wrapper.mask).sum(axis=(0, 1)), 4)
    model.save(tmp_path / "sampled.keras")
    restored = keras.models.load_model(tmp_path / "sampled.keras")
    for old, new in zip(model.variables, restored.variables, strict=True):
        np.testing.assert_array_equal(old, new)
    fit(restored, x, y)
    assert strip_pruning(restored).count_params() < restored.count_params()


def test_loss_of_a_shared_layer_counts_once():
    shared = PatternWrapper(
        layers.Conv2D(3, 3, padding="same", kernel_regularizer="l2"),
        PatternConfig(method=Admm(), schedule=EVERY_STEP),
    )
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, shared(shared(inputs)))
    square = (array(shared.kernel) ** 2).sum()
    assert float(sum(model.losses)) == pytest.approx((0.05 + 0.01) * square, rel=1e-5)


def test_auxiliary_and_dual_variables_advance_and_pull_the_weights(rng):
    model = prune_with(Admm(), ConstantSparsity(0, -1, frequency=4))
    x, y = data(rng, 32)
    states = []
    for _ in range(3):
        fit(model, x, y)
        wrapper = pattern_wrappers(model)[0]
        states.append([array(wrapper.state[name]) for name in ("auxiliary", "dual")])
        assert array(wrapper.mask).all()
    for before, after in itertools.pairwise(states):
        assert all((old != new).any() for old, new in zip(before, after, strict=True))
    kernel = array(strip_pruning(model).get_layer("body1").kernel)
    np.testing.assert_array_equal((kernel != 0).sum(axis=(0, 1)), 4)


def test_gradient_of_each_step_reaches_the_method(rng):
    model = prune_with(Taylor(), PolynomialDecay(1, 8, frequency=1))
    fit(model, *data(rng, 64), epochs=2)
    for wrapper in pattern_wrappers(model):
        gradient = array(wrapper.state["gradient"])
        assert (gradient != 0).mean() > 0.5
        assert array(wrapper.mask).sum() == wrapper.target.weights_kept


def test_target_describes_what_a_kernel_ends_with():
    layer = layers.Conv2D(8, 3)
    layer.build((None, 8, 8, 16))
    target = pruning_target(layer, PatternConfig(compression=4.5, group_size=2))
    assert (target.kernels, target.weights, target.weights_kept) == (8, 1152, 256)
    assert target.settings()["group_size"] == 2
