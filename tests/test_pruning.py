"""Wrapping and stripping whole models, and custom training loops."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from small_models import CONFIG, GRADUAL, array, compile_model, data, fit, sequential

from tf_pconv import (
    PatternConfig,
    PatternWrapper,
    prune_patterns,
    strip_pruning,
    update_pattern_step,
)
from tf_pconv.pruning import pattern_wrappers


def functional():
    """A residual block, a shared layer, a nested model used twice, two inputs and two outputs."""
    inner = keras.Sequential(
        [
            keras.Input((8, 8, 8)),
            layers.Conv2D(8, 3, padding="same", name="conv"),
            layers.BatchNormalization(name="norm"),
        ],
        name="inner",
    )
    shared = layers.Conv2D(8, 3, padding="same", name="shared")
    image, other = keras.Input((8, 8, 3), name="image"), keras.Input((8, 8, 3), name="other")
    normalised = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1, 2, 3])(image)
    stem = layers.Conv2D(8, 3, padding="same", name="stem")
    x, y = shared(stem(normalised)), shared(stem(other))
    x = layers.Add()([inner(x), x])
    x = layers.Dropout(0.5, seed=3)(inner(x))
    pooled = layers.GlobalAveragePooling2D()(layers.Concatenate()([x, y]))
    outputs = {
        "classes": layers.Dense(4, name="classes")(pooled),
        "angle": layers.Dense(1, name="angle")(pooled),
    }
    return keras.Model([image, other], outputs, name="two_headed")


def prune_once(model, config=CONFIG):
    pruned = prune_patterns(model, config)
    update_pattern_step(pruned)
    return pruned


def test_pruned_copy_has_class_names_weights_and_outputs_of_the_model(rng):
    model = functional()
    pruned = prune_patterns(model, CONFIG)
    assert type(pruned) is type(model)
    assert pruned.name == model.name
    assert {layer.name for layer in pruned.layers} >= {"stem", "shared", "inner", "classes"}
    assert sorted(w.name for w in pattern_wrappers(pruned)) == ["conv", "shared"]
    x = [rng.normal(size=(2, 8, 8, 3)).astype("float32") for _ in range(2)]
    for name, expected in model(x).items():
        np.testing.assert_allclose(pruned(x)[name], expected, rtol=1e-5, atol=1e-6)


def test_input_model_is_untouched(rng):
    model = compile_model(sequential())
    config, weights = model.get_config(), model.get_weights()
    pruned = compile_model(prune_patterns(model, GRADUAL))
    fit(pruned, *data(rng), epochs=5)
    assert model.get_config() == config
    assert model.compiled
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_shared_and_nested_layers_stay_shared():
    pruned = prune_patterns(functional(), CONFIG)
    assert len(pruned.weights) - 2 * 5 == len(functional().weights)
    assert len(pruned.get_layer("shared")._inbound_nodes) == 2


@pytest.mark.parametrize("build", [sequential, functional])
def test_stripped_model_is_plain_and_computes_the_same(build, rng):
    model = build()
    pruned = prune_once(model)
    stripped = strip_pruning(pruned)
    assert type(stripped) is type(model)
    assert not pattern_wrappers(stripped)
    assert [layer.name for layer in stripped.layers] == [layer.name for layer in pruned.layers]
    assert [w.path for w in stripped.weights] == [w.path for w in model.weights]
    x = [rng.normal(size=(2, 8, 8, 3)).astype("float32") for _ in model.inputs]
    x = x if len(x) > 1 else x[0]
    tree = keras.tree.map_structure(array, (pruned(x), stripped(x), model(x)))
    for after, plain, dense in zip(*map(keras.tree.flatten, tree), strict=True):
        np.testing.assert_allclose(after, plain, rtol=1e-5, atol=1e-6)
        assert not np.allclose(after, dense)


def frames(layer):
    """A model that calls `layer` for each frame of a clip."""
    clip = keras.Input((2, 8, 8, 8))
    return keras.Model(clip, layers.GlobalAveragePooling3D()(layer(clip)))


def test_wrapper_in_another_layer_is_stripped(rng):
    convolution = layers.Conv2D(8, 3, padding="same", name="conv")
    pruned = frames(layers.TimeDistributed(PatternWrapper(convolution, CONFIG), name="frames"))
    x = rng.normal(size=(2, 2, 8, 8, 8)).astype("float32")
    dense = array(pruned(x))
    update_pattern_step(pruned)
    stripped = strip_pruning(pruned)
    assert not pattern_wrappers(stripped)
    assert [weight.shape for weight in stripped.weights] == [(3, 3, 8, 8), (8,)]
    kernel = array(stripped.weights[0])
    assert np.count_nonzero(kernel) < kernel.size
    np.testing.assert_allclose(stripped(x), pruned(x), rtol=1e-5, atol=1e-6)
    assert not np.allclose(dense, stripped(x))


@keras.saving.register_keras_serializable(package="test_pruning")
class OwnWrapper(layers.Layer):
    """Makes its wrapper where no configuration shows it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = PatternWrapper(layers.Conv2D(8, 3, padding="same"), CONFIG)

    def build(self, input_shape):
        self.conv.build(input_shape)

    def call(self, x):
        return self.conv(x)


def test_wrapper_that_another_layer_makes_is_refused():
    image = keras.Input((8, 8, 8))
    pruned = keras.Model(image, OwnWrapper(name="own")(image))
    update_pattern_step(pruned)
    with pytest.raises(TypeError, match="PatternWrapper that OwnWrapper 'own' makes itself"):
        strip_pruning(pruned)


def test_stripped_kernels_have_the_zeros_of_the_masks():
    pruned = prune_once(sequential())
    stripped = strip_pruning(pruned)
    for wrapper in pattern_wrappers(pruned):
        kernel = array(stripped.get_layer(wrapper.name).kernel)
        np.testing.assert_array_equal(kernel != 0, array(wrapper.mask) == 1)


def test_single_wrapper_can_be_stripped(rng):
    wrapper = PatternWrapper(layers.Conv2D(8, 3, name="conv"), CONFIG)
    x = rng.normal(size=(1, 8, 8, 4)).astype("float32")
    wrapper(x)
    update_pattern_step(wrapper)
    plain = strip_pruning(wrapper)
    assert type(plain) is layers.Conv2D
    np.testing.assert_allclose(plain(x), wrapper(x), rtol=1e-5, atol=1e-6)


def test_random_states_are_copied():
    model = functional()
    dropout = next(layer for layer in model.layers if isinstance(layer, layers.Dropout))
    dropout.seed_generator.next()
    pruned = prune_patterns(model, CONFIG)
    copied = pruned.get_layer(dropout.name).seed_generator.state
    np.testing.assert_array_equal(copied, dropout.seed_generator.state)


def test_unregistered_loss_does_not_get_in_the_way():
    model = sequential()
    model.compile("sgd", loss=lambda y_true, y_pred: y_pred)
    assert not prune_patterns(model, CONFIG).compiled


def test_model_of_the_users_own_class_that_is_a_graph_keeps_its_class():
    class Trainer(keras.Model):
        def train_step(self, data):
            return super().train_step(data)

    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3)(inputs)
    x = layers.BatchNormalization()(layers.Conv2D(8, 3)(x))
    assert type(prune_patterns(Trainer(inputs, x), CONFIG)) is Trainer


def test_saved_model_loads_without_custom_objects(tmp_path, rng):
    pruned = prune_once(functional())
    pruned.save(tmp_path / "pruned.keras")
    restored = keras.models.load_model(tmp_path / "pruned.keras")
    x = [rng.normal(size=(2, 8, 8, 3)).astype("float32") for _ in range(2)]
    for name, expected in pruned(x).items():
        np.testing.assert_array_equal(restored(x)[name], expected)
    for old, new in zip(pattern_wrappers(pruned), pattern_wrappers(restored), strict=True):
        np.testing.assert_array_equal(old.mask, new.mask)
        np.testing.assert_array_equal(old.state["filter_order"], new.state["filter_order"])
        assert old.config == new.config
        assert int(new.pruning_step) == 1


def test_custom_loop_prunes_with_one_call_per_step(rng):
    pruned = prune_patterns(sequential(), GRADUAL)
    x, y = data(rng)
    optimizer = keras.optimizers.SGD(0.01)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def train_step():
        with tf.GradientTape() as tape:
            loss = loss_of(y, pruned(x, training=True))
        variables = pruned.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    kept = []
    for _ in range(9):
        update_pattern_step(pruned)
        train_step()
        kept.append(int(array(pattern_wrappers(pruned)[0].mask).sum()))
    assert kept == sorted(kept, reverse=True)
    assert kept[0] == 9 * 8 * 8
    assert kept[-1] == pattern_wrappers(pruned)[0].target.weights_kept


def test_custom_loop_with_train_on_batch(rng):
    pruned = compile_model(prune_patterns(sequential(), GRADUAL))
    x, y = data(rng)
    for _ in range(3):
        update_pattern_step(pruned)
        pruned.train_on_batch(x, y)
    assert int(pattern_wrappers(pruned)[0].pruning_step) == 3
    with pytest.raises(RuntimeError, match="trained without updates"):
        pruned.train_on_batch(x, y)


def test_custom_loop_needs_a_schedule():
    pruned = prune_patterns(sequential(), PatternConfig())
    with pytest.raises(ValueError, match="a schedule to PatternConfig"):
        update_pattern_step(pruned)


class Net(keras.Model):
    """A subclassed model whose `call` has no `training` argument."""

    def __init__(self):
        super().__init__()
        self.stem = layers.Conv2D(8, 3)
        self.body = PatternWrapper(layers.Conv2D(8, 3, name="body"), CONFIG)
        self.pool = layers.GlobalAveragePooling2D()
        self.head = layers.Dense(4)

    def call(self, x):
        return self.head(self.pool(self.body(self.stem(x))))


class NetThatKnows(Net):
    """The same with a `training` argument."""

    def call(self, x, training=None):
        return super().call(x)


@pytest.mark.parametrize("kind", [Net, NetThatKnows])
def test_subclassed_model_trains_with_wrappers_of_its_own(kind, rng):
    model = compile_model(kind())
    x, y = data(rng)
    with pytest.raises(RuntimeError, match="The pruned layer 'body' is trained without updates"):
        model.fit(x, y, verbose=0)
    fit(model, x, y)
    assert 0 < array(model.body.mask).mean() < 1


def test_unfinished_schedule_is_not_stripped_silently(rng):
    pruned = compile_model(prune_patterns(sequential(), GRADUAL))
    with pytest.raises(ValueError, match="have not been pruned yet: body1, body2"):
        strip_pruning(pruned)
    fit(pruned, *data(rng), epochs=2)
    with pytest.warns(UserWarning, match=r"not come to its end.*body1 \(58%\)"):
        strip_pruning(pruned)


def test_operations_and_stateless_layers_of_a_graph_are_kept(rng):
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same", name="stem")(inputs)
    x = keras.ops.relu(x + 2 * layers.Conv2D(8, 3, padding="same", name="body")(x))
    x = layers.Lambda(lambda value: value * np.float32(2))(x)
    model = keras.Model(inputs, layers.Dense(4, name="head")(x))
    pruned = prune_once(model)
    image = rng.normal(size=(2, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(strip_pruning(pruned)(image), pruned(image), rtol=1e-5, atol=1e-5)


def test_layer_that_cannot_be_copied_is_an_error():
    body = layers.Conv2D(8, 3, name="body", activation=lambda value: value)
    stem = layers.Conv2D(8, 3, name="stem")
    model = keras.Sequential([keras.Input((8, 8, 3)), stem, body, layers.BatchNormalization()])
    with pytest.raises(ValueError, match="'body' cannot be made anew from its configuration"):
        prune_patterns(model, CONFIG)


def test_pruned_model_can_be_exported_as_it_is(tmp_path, rng):
    pruned = prune_once(sequential())
    pruned.export(tmp_path / "saved", verbose=False)
    x = rng.normal(size=(2, 8, 8, 3)).astype("float32")
    restored = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_allclose(restored.serve(x), pruned(x), rtol=1e-5, atol=1e-6)
