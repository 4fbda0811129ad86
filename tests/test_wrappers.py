"""The wrapper of one layer: forward pass, gradients, policies, and what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from small_models import CONFIG, ONE_SHOT, array

from tf_pconv import LayerRule, PatternConfig, PatternWrapper, update_pattern_step


def wrapped(layer, config=CONFIG, shape=(1, 8, 8, 4)):
    """A wrapper, built and pruned."""
    wrapper = PatternWrapper(layer, config)
    wrapper.build(shape)
    update_pattern_step(wrapper)
    return wrapper


def masked_reference(wrapper, x):
    """What the plain layer computes with the masked kernel."""
    plain = wrapper.layer.__class__.from_config(wrapper.layer.get_config())
    plain.build(x.shape)
    plain.set_weights(wrapper.layer.get_weights())
    plain.kernel.assign(array(wrapper.kernel) * array(wrapper.mask))
    return plain(x)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.Conv2D(8, 3, strides=2, use_bias=False),
        layers.Conv2D(8, 3, dilation_rate=2, bias_initializer="normal"),
        layers.Conv2D(8, 3, groups=2),
        layers.Conv2D(8, 1),
        layers.Conv2D(7, (5, 3), padding="same"),
        layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
        layers.Dense(8, activation="relu"),
    ],
    ids=["same", "stride", "dilation", "groups", "1x1", "5x3", "depthwise", "dense"],
)
def test_output_is_that_of_the_masked_kernel(layer, rng):
    wrapper = wrapped(layer)
    x = rng.normal(size=(2, 8, 8, 4)).astype("float32")
    assert 0 < array(wrapper.mask).mean() < 1
    np.testing.assert_allclose(wrapper(x), masked_reference(wrapper, x), rtol=1e-5, atol=1e-6)
    assert wrapper.compute_output_shape(x.shape) == wrapper(x).shape


def test_mask_keeps_what_the_target_says():
    wrapper = wrapped(layers.Conv2D(16, 3), PatternConfig(compression=4.5, schedule=ONE_SHOT))
    mask = array(wrapper.mask)
    assert mask.sum() == wrapper.target.weights_kept == 4 * 2 * 16
    np.testing.assert_array_equal(np.unique(mask.sum(axis=(0, 1))), [0, 4])
    np.testing.assert_array_equal((mask.any(axis=(0, 1))).sum(axis=0), np.full(16, 2))


def test_all_state_is_weights_that_are_not_trained():
    wrapper = wrapped(layers.Conv2D(8, 3))
    assert [w.name for w in wrapper.trainable_weights] == ["kernel", "bias"]
    names = {w.name for w in wrapper.non_trainable_weights}
    assert names == {"mask", "filter_order", "pruning_step", "progress", "training_steps"}


@pytest.mark.parametrize("gradient", ["masked", "straight_through"])
def test_gradient_is_masked_or_passed_on(gradient, rng):
    config = PatternConfig(compression=4.5, schedule=ONE_SHOT, gradient=gradient)
    wrapper = wrapped(layers.Conv2D(8, 3), config)
    x = tf.constant(rng.normal(size=(2, 8, 8, 4)), tf.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(wrapper(x, training=True) ** 2)
    received = tape.gradient(loss, wrapper.kernel.value).numpy()
    masked = tf.Variable(array(wrapper.kernel) * array(wrapper.mask))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.nn.conv2d(x, masked, 1, "VALID") ** 2)
    at_pruned_point = tape.gradient(loss, masked).numpy()
    mask = array(wrapper.mask)
    expected = at_pruned_point * mask if gradient == "masked" else at_pruned_point
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-4)
    assert (np.abs(received[mask == 0]) > 0).any() == (gradient == "straight_through")


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_and_compilation(policy, rng):
    wrapper = wrapped(layers.Conv2D(8, 3, dtype=policy))
    x = rng.normal(size=(2, 8, 8, 4)).astype("float32")
    eager = wrapper(x)
    assert keras.backend.standardize_dtype(eager.dtype) == wrapper.compute_dtype
    assert wrapper.kernel.dtype == "float32"
    compiled = tf.function(wrapper, jit_compile=True)(x)
    tolerance = 1e-5 if policy == "float32" else 5e-2
    np.testing.assert_allclose(
        ops.cast(eager, "float32"), ops.cast(compiled, "float32"), rtol=tolerance, atol=tolerance
    )
    reference = ops.cast(masked_reference(wrapper, x), "float32")
    np.testing.assert_allclose(
        ops.cast(eager, "float32"), reference, rtol=tolerance, atol=tolerance
    )


def test_regularisers_act_as_without_wrapper(rng):
    layer = layers.Conv2D(8, 3, kernel_regularizer="l2", activity_regularizer="l1")
    wrapper = wrapped(layer)
    x = rng.normal(size=(2, 8, 8, 4)).astype("float32")
    output = wrapper(x)
    activity = 0.01 * np.abs(output).sum() / len(x)
    weight = 0.01 * (array(wrapper.kernel) ** 2).sum()
    np.testing.assert_allclose(sorted(wrapper.losses), sorted([activity, weight]), rtol=1e-5)


def test_frozen_layer_stays_frozen():
    wrapper = wrapped(layers.Conv2D(8, 3, trainable=False))
    assert wrapper.trainable_weights == []
    assert wrapper(ops.ones((1, 8, 8, 4)), training=True).shape == (1, 6, 6, 8)


def test_weights_of_a_built_layer_are_kept():
    layer = layers.Conv2D(8, 3)
    layer.build((1, 8, 8, 4))
    kernel = array(layer.kernel)
    np.testing.assert_array_equal(wrapped(layer).kernel, kernel)


def test_rules_apply_to_the_wrapped_layer():
    config = PatternConfig(rules=[LayerRule("conv", group_size=8)], schedule=ONE_SHOT)
    assert PatternWrapper(layers.Conv2D(8, 3, name="conv"), config).config.group_size == 8
    assert PatternWrapper(layers.Conv2D(8, 3, name="other"), config).config.group_size == 4


def test_configuration_round_trip():
    config = PatternConfig(compression=3.0, gradient="straight_through", schedule=ONE_SHOT)
    layer = layers.Conv2D(8, 3, name="conv", activity_regularizer="l1", dtype="mixed_bfloat16")
    wrapper = PatternWrapper(layer, config)
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(wrapper))
    assert restored.config == wrapper.config
    assert restored.name == "conv"
    assert restored.layer.get_config() == layer.get_config()
    assert restored.get_config() == wrapper.get_config()


def test_lone_wrapper_refuses_to_train_without_updates():
    wrapper = PatternWrapper(layers.Conv2D(8, 3, name="conv"), CONFIG)
    x = ops.ones((1, 8, 8, 4))
    wrapper(x)
    with pytest.raises(RuntimeError, match=r"^The pruned layer 'conv' is trained without updates"):
        wrapper(x, training=True)


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        (layers.EinsumDense("ab,bc->ac", 3), TypeError, "not a Conv2D or Dense"),
        ("conv", TypeError, "builtins.str is not a Keras 3 layer"),
        (layers.DepthwiseConv2D(5), ValueError, "depthwise 5x5"),
        (layers.Conv2D(8, 3, data_format="channels_first"), ValueError, "channels_first"),
    ],
    ids=["einsum", "no layer", "depthwise 5x5", "channels first"],
)
def test_other_layers_are_refused(layer, error, message):
    with pytest.raises(error, match=message):
        PatternWrapper(layer, CONFIG)


def test_other_configurations_are_refused():
    with pytest.raises(TypeError, match="takes a PatternConfig; received 'scp8'"):
        PatternWrapper(layers.Conv2D(8, 3), "scp8")


class TestLora:
    REFUSED = r"'body' is being pruned.*after tf_pconv.strip_pruning"

    def test_of_the_wrapper_is_refused(self):
        wrapper = wrapped(layers.Conv2D(8, 3, name="body"))
        with pytest.raises(ValueError, match=self.REFUSED):
            wrapper.enable_lora(2)

    def test_of_the_layer_inside_is_refused_when_it_is_used(self):
        wrapper = wrapped(layers.Conv2D(8, 3, name="body"))
        wrapper.layer.enable_lora(2)
        with pytest.raises(ValueError, match=self.REFUSED):
            wrapper(np.zeros((1, 8, 8, 4), "float32"))
