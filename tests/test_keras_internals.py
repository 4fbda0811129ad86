"""What Keras does not promise still holds; a failure names the function that needs another way.

`give_back_jax_state` is tested in `test_jax.py`: a model is whole after a `fit()` was refused.
"""

import keras
import pytest
import small_models

from tf_pconv import keras_internals


def test_flatten_layers_finds_layers_at_any_depth():
    inner = small_models.sequential()
    outer = keras.Sequential([keras.Input(small_models.SHAPE), inner])
    flat = keras_internals.flatten_layers(outer)
    assert flat[0] is outer
    assert {id(layer) for layer in (inner, *inner.layers)} <= {id(layer) for layer in flat}


@pytest.mark.parametrize("functional", [False, True])
def test_call_nodes_are_those_of_this_graph(functional):
    dense, relu = keras.layers.Dense(2), keras.layers.ReLU()
    model = keras.Sequential([keras.Input((3,)), dense, relu])
    if functional:
        model = keras.Model(model.inputs, model.outputs)
    keras.layers.Dense(2)(dense.output)  # belongs to no model
    nodes = {node.operation: node for node in keras_internals.call_nodes(model)}
    assert len(nodes) == 3
    assert nodes[dense].outputs[0] is nodes[relu].inputs[0]
    assert nodes[relu].outputs[0] is model.outputs[0]


def test_outermost_layer_is_the_one_that_was_called():
    seen = []

    class Inner(keras.layers.Layer):
        def call(self, x):
            seen.append(keras_internals.outermost_layer(self))
            return x

    inner = Inner()
    model = keras.Sequential([inner])
    inner(keras.ops.ones((1, 2)))
    model(keras.ops.ones((1, 2)))
    assert seen[0] is inner
    assert seen[-1] is model


@pytest.mark.parametrize(
    ("error", "as_it_is"), [(keras_internals.PlainCallError, True), (RuntimeError, False)]
)
def test_error_of_call_comes_without_the_arguments_of_the_call(error, as_it_is):
    class Failing(keras.layers.Layer):
        def call(self, x):
            raise error("the sentence")

    with pytest.raises(error) as caught:
        Failing()(keras.ops.ones((1, 2)))
    assert (str(caught.value) == "the sentence") is as_it_is
