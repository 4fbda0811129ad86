"""What Keras has no public way for; all that another release of Keras may break.

`tests/test_keras_internals.py` shows which of it no longer holds, and `pyproject.toml` names the
releases that were tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras

_JAX_STATE = (
    "trainable_variables",
    "non_trainable_variables",
    "optimizer_variables",
    "metrics_variables",
)
"""What Keras' JAX trainer hands to a train function, in order."""


class PlainCallError(RuntimeError):
    """An error that reaches the user as it is when it leaves a layer's call.

    Keras appends the arguments of the call to other errors.
    """

    _keras_call_info_injected = True


def flatten_layers(layer: keras.Layer) -> list[keras.Layer]:
    """Returns a layer or model and the layers inside it, at any depth; shared ones repeatedly."""
    return list(layer._flatten_layers())


class CallNode(NamedTuple):
    """A call of a layer, model or operation in a graph."""

    operation: Any
    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]


def call_nodes(model: keras.Model) -> list[CallNode]:
    """Returns the calls in the graph of a built Sequential or Functional model, in no order."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    return [
        CallNode(node.operation, list(node.input_tensors), list(node.output_tensors))
        for nodes in graph._nodes_by_depth.values()
        for node in nodes
    ]


def outermost_layer(layer: keras.Layer) -> keras.Layer:
    """Returns the layer or model whose call, now under way, led to that of `layer`."""
    return layer._get_call_context().entry_layer


def give_back_jax_state(model: keras.Model, state: Sequence[Any]) -> None:
    """On JAX, puts the weights back that Keras takes out of a model during an epoch.

    Args:
        model: A model in the middle of `fit()`.
        state: The first argument of its train function.
    """
    model._jax_state = dict(zip(_JAX_STATE, state, strict=True))
    model._jax_state_synced = False
    model.jax_state_sync()
