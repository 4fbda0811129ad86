"""Which layers of a model are classifiers."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Sequence

import keras

from tf_pconv.keras_internals import CallNode, call_nodes


def is_graph(model: keras.Layer) -> bool:
    """Whether a model knows its layers as a graph: Sequential or Functional."""
    return isinstance(model, keras.Sequential) or (
        isinstance(model, keras.Model) and hasattr(model, "operations")
    )


def classifiers(model: keras.Model) -> list[keras.Layer]:
    """Returns the layers of a graph whose outputs are for nothing but an output of the model.

    Between such a layer and the output there are layers without weights, of one input each. Models
    inside the model are entered.
    """
    return list(_makers(model, model.outputs)) if is_graph(model) else []


def _makers(model: keras.Model, outputs: Sequence[keras.KerasTensor]) -> Iterator[keras.Layer]:
    nodes = call_nodes(model)
    maker = {id(tensor): node for node in nodes for tensor in node.outputs}
    readers = collections.Counter(id(tensor) for node in nodes for tensor in node.inputs)
    for output in outputs:
        yield from _last_with_weights(output, maker, readers)


def _last_with_weights(
    tensor: keras.KerasTensor, maker: dict[int, CallNode], readers: collections.Counter[int]
) -> Iterator[keras.Layer]:
    expected_readers = 0
    while readers[id(tensor)] == expected_readers:
        node = maker[id(tensor)]
        layer = node.operation
        if is_graph(layer):
            place = [id(output) for output in node.outputs].index(id(tensor))
            yield from _makers(layer, [layer.outputs[place]])
            return
        if getattr(layer, "weights", ()):
            yield layer
            return
        if len(node.inputs) != 1:
            return
        (tensor,) = node.inputs
        expected_readers = 1
