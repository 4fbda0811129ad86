"""Bad input to training: one clear sentence, and nothing changed or written."""

import json
import re
import zipfile

import keras
import numpy as np
import pytest
from keras import layers
from small_models import CONFIG, array, sequential

from tf_pconv import (
    PatternConfig,
    plan,
    prune_patterns,
    strip_pruning,
    update_pattern_step,
)
from tf_pconv.pruning import pattern_wrappers


def message_of(error, function, *arguments):
    """The message of the error that a call raises; one line, a sentence."""
    with pytest.raises(error) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


@pytest.mark.parametrize("function", [plan, prune_patterns])
@pytest.mark.parametrize("thing", ["model.keras", None, np.zeros(3), layers.Dense(3)], ids=type)
def test_object_that_is_no_keras_model(function, thing):
    message = message_of(TypeError, function, thing, CONFIG)
    assert f"received {type(thing).__name__}" in message


@pytest.mark.parametrize("function", [plan, prune_patterns, lambda model, _: strip_pruning(model)])
def test_tf_keras_model(function):
    tf_keras = pytest.importorskip("tf_keras")
    model = tf_keras.Sequential([tf_keras.layers.Dense(3, input_shape=(4,))])
    message = message_of(TypeError, function, model, CONFIG)
    assert message.startswith("This is a tf_keras (Keras 2) model; tf_pconv prunes Keras 3 models")


@pytest.mark.parametrize("function", [plan, prune_patterns])
def test_something_else_in_place_of_the_configuration(function):
    assert "received 'scp8'" in message_of(TypeError, function, sequential(), "scp8")


@pytest.mark.parametrize("function", [plan, prune_patterns])
def test_nothing_to_prune(function):
    model = keras.Sequential([keras.Input((8,)), layers.Dense(4, name="a"), layers.ReLU()])
    message = message_of(ValueError, function, model, CONFIG)
    assert "'a' (Dense): classifier; skip=False in a LayerRule prunes it" in message


def test_model_without_any_kernel():
    model = keras.Sequential([keras.Input((8,)), layers.ReLU()], name="empty")
    assert "no layer with a kernel" in message_of(ValueError, plan, model, CONFIG)


def test_model_that_is_not_built():
    model = keras.Sequential([layers.Conv2D(8, 3), layers.Conv2D(8, 3)])
    assert "has no weights yet" in message_of(ValueError, plan, model, CONFIG)


def test_unknown_pattern_name():
    message = message_of(ValueError, lambda: PatternConfig(library="tetris"))
    assert "tetris" in message
    assert "scp8" in message


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.stem = layers.Conv2D(8, 3, name="stem")
        self.body = layers.Conv2D(8, 3, name="body")
        self.norm = layers.BatchNormalization()

    def call(self, x, training=None):
        return self.norm(self.body(self.stem(x)))


def test_subclassed_model_names_the_wrapper():
    model = Net()
    model(np.zeros((1, 8, 8, 3), "float32"))
    message = message_of(TypeError, prune_patterns, model, CONFIG)
    assert "tf_pconv.PatternWrapper(keras.layers.Conv2D(...), config)" in message


def test_subclassed_model_inside_a_graph_names_the_wrapper():
    inputs = keras.Input((12, 12, 3))
    x = Net()(layers.Conv2D(3, 3)(inputs))
    x = layers.BatchNormalization()(layers.Conv2D(8, 3)(x))
    message = message_of(TypeError, prune_patterns, keras.Model(inputs, x), CONFIG)
    assert "PatternWrapper" in message


@pytest.mark.parametrize(
    ("config", "says"), [(CONFIG, "this configuration"), (PatternConfig(), "another configuration")]
)
def test_model_that_is_pruned_already(config, says):
    pruned = prune_patterns(sequential(), CONFIG)
    message = message_of(ValueError, prune_patterns, pruned, config)
    assert f"pruned already, with {says}" in message


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"group_size": 4}, "group_size is 2 in the file and 4 in the model"),
        ({"compression": 9.0}, "kernels is 4 in the file and 2 in the model"),
        ({"balance": "layer"}, "balance is filter in the file and layer in the model"),
        ({"library": "pconv4"}, "library is "),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_weights_of_another_configuration(other, says, tmp_path):
    saved = prune_patterns(sequential(), CONFIG)
    update_pattern_step(saved)
    saved.save_weights(tmp_path / "pruned.weights.h5")
    fields = {"compression": 4.5, "group_size": 2, "schedule": CONFIG.schedule, **other}
    model = prune_patterns(sequential(), PatternConfig(**fields))
    sentence = rf"weights of 'body1' were saved with another configuration: .*{says}"
    with pytest.raises(ValueError, match=sentence):
        model.load_weights(tmp_path / "pruned.weights.h5")
    assert all(array(wrapper.mask).all() for wrapper in pattern_wrappers(model))


def test_file_whose_configuration_contradicts_its_weights(tmp_path):
    pruned = prune_patterns(sequential(), CONFIG)
    pruned.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    changed = re.sub(r'"group_size": 2', '"group_size": 8', files["config.json"].decode())
    assert json.loads(changed) != json.loads(files["config.json"])
    with zipfile.ZipFile(tmp_path / "changed.keras", "w") as archive:
        for name, content in {**files, "config.json": changed.encode()}.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="group_size is 2 in the file and 8 in the model"):
        keras.models.load_model(tmp_path / "changed.keras")


@pytest.mark.parametrize("function", [strip_pruning, update_pattern_step])
def test_model_that_is_not_pruned(function):
    assert "found no pruned layer in 'small'" in message_of(ValueError, function, sequential())
