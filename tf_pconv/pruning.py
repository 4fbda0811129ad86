"""Wrapping a model for pruning, one step of training, and taking the wrappers off again."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras

from tf_pconv.classifiers import is_graph
from tf_pconv.config import PatternConfig
from tf_pconv.keras_internals import flatten_layers
from tf_pconv.planning import check_model, plan
from tf_pconv.training_guard import TrainingPermit, guard_train_function
from tf_pconv.wrappers import PatternWrapper, begin_steps

_REGISTERED_NAME = keras.saving.get_registered_name(PatternWrapper)


def prune_patterns(model: keras.Model, config: PatternConfig) -> keras.Model:
    """Returns a copy of a model that is pruned while it trains.

    Args:
        model: A built Sequential or Functional model; nested models are entered, shared layers stay
            shared. It is not changed.
        config: How to prune it; `plan(model, config)` shows what will be done.

    Returns:
        A model of the same class, with the same layer names and weights, whose pruned layers are
        `PatternWrapper`s. It is not compiled. Train it with `UpdatePatternStep`.

    Raises:
        TypeError: Not a Keras 3 model, or a subclassed one (use `PatternWrapper` in it).
        ValueError: As `plan`.

    Example:
        >>> pruned = prune_patterns(model, PatternConfig(compression=8.0))
        >>> pruned.compile("adam", "sparse_categorical_crossentropy")
        >>> pruned.fit(x, y, callbacks=[UpdatePatternStep()])
    """
    configs = {id(row.layer): row.config for row in plan(model, config)}

    def copy(layer: keras.Layer) -> keras.Layer:
        plain = _plain_copy(layer)
        layer_config = configs.get(id(layer))
        return plain if layer_config is None else PatternWrapper(plain, layer_config)

    return _copy_graph(model, copy, "prune_patterns")


def strip_pruning(pruned: keras.Model) -> keras.Model:
    """Returns the plain model of a pruned one, with the masks multiplied into the kernels.

    Args:
        pruned: A model returned by `prune_patterns`, or a single `PatternWrapper`. It is not
            changed. Wrappers may also lie in layers that have their layer in their configuration,
            such as `TimeDistributed(PatternWrapper(...))`.

    Returns:
        A model (or layer) without wrappers, with the same names. It is not compiled.

    Raises:
        TypeError: Not a Keras 3 model, or a subclassed one; or a layer makes its wrapper itself.
        ValueError: Nothing is wrapped, or a layer has not been pruned yet.

    Warns:
        UserWarning: The schedule has not come to its end, so that fewer weights are pruned than
            planned.

    Example:
        >>> model = strip_pruning(pruned)
    """
    if not isinstance(pruned, PatternWrapper):
        check_model(pruned)
    _check_finished(_required_wrappers(pruned, "strip_pruning"))
    if isinstance(pruned, PatternWrapper):
        return _plain_layer(pruned)
    return _copy_graph(pruned, _plain_copy, "strip_pruning")


def update_pattern_step(model: keras.Layer) -> None:
    """Advances pruning by one training step; call it before each step of a custom training loop.

    It updates the masks where the schedule says so, and permits training until the next `fit()`.
    On the JAX backend the variables must hold the current values when it is called, and be read
    again after it.

    Args:
        model: A pruned model, any model that contains `PatternWrapper`s, or one wrapper.

    Raises:
        ValueError: Nothing is wrapped, or no schedule is given: the default one needs the length of
            the training.

    Example:
        >>> for x, y in dataset:
        ...     update_pattern_step(pruned)
        ...     train_step(x, y)
    """
    wrappers = _required_wrappers(model, "update_pattern_step")
    permit = TrainingPermit(model)
    for wrapper in wrappers:
        wrapper.plan_training(None)
    begin_steps(wrappers)
    for wrapper in wrappers:
        wrapper.training_permit = permit
    if getattr(model, "compiled", False):
        guard_train_function(model, wrappers).permit_one_call(permit)


def pattern_wrappers(model: keras.Layer) -> list[PatternWrapper]:
    """Returns the wrapped layers of a model, nested ones included, each once."""
    layers = {id(layer): layer for layer in flatten_layers(model)}
    return [layer for layer in layers.values() if isinstance(layer, PatternWrapper)]


def _required_wrappers(model: Any, purpose: str) -> list[PatternWrapper]:
    wrappers = pattern_wrappers(model) if isinstance(model, keras.Layer) else []
    if not wrappers:
        raise ValueError(
            f"{purpose} found no pruned layer in '{getattr(model, 'name', model)}': pass it what "
            "prune_patterns returned."
        )
    return wrappers


def _check_finished(wrappers: list[PatternWrapper]) -> None:
    progress = {
        wrapper.name: float(keras.ops.convert_to_numpy(wrapper.progress)) for wrapper in wrappers
    }
    untouched = [name for name, value in progress.items() if value == 0]
    if untouched:
        raise ValueError(
            f"These layers have not been pruned yet: {', '.join(untouched)}. Train the model until "
            "its schedule has begun, or prune it in one step with ConstantSparsity and "
            "update_pattern_step."
        )
    unfinished = [f"{name} ({value:.0%})" for name, value in progress.items() if value < 1]
    if unfinished:
        warnings.warn(
            "The pruning schedule has not come to its end, so that more weights are kept than "
            f"planned: {', '.join(unfinished)}.",
            stacklevel=3,
        )


def _plain_copy(layer: keras.Layer) -> keras.Layer:
    """Makes a layer anew from its configuration, without weights and without wrappers."""
    inner = layer.layer if isinstance(layer, PatternWrapper) else layer
    try:
        copy = inner.__class__.from_config(_without_wrappers(inner.get_config()))
    except (TypeError, ValueError) as error:
        if not inner.variables:  # such as a Lambda: models can share what has no state
            return inner
        raise ValueError(
            f"The layer '{inner.name}' cannot be made anew from its configuration: register its "
            "class and functions with keras.saving.register_keras_serializable."
        ) from error
    if pattern_wrappers(copy):
        raise TypeError(
            f"strip_pruning cannot replace the PatternWrapper that {type(inner).__name__} "
            f"'{inner.name}' makes itself: let its configuration have the layer, as that of "
            "keras.layers.TimeDistributed does, or copy the weights of "
            "tf_pconv.strip_pruning(wrapper) into a plain model."
        )
    return copy


def _without_wrappers(config: Any) -> Any:
    """Returns a configuration in which wrapped layers, as in TimeDistributed, are plain."""
    if isinstance(config, dict):
        if config.get("registered_name") == _REGISTERED_NAME:
            return config["config"]["layer"]
        return {key: _without_wrappers(value) for key, value in config.items()}
    if isinstance(config, list):
        return [_without_wrappers(value) for value in config]
    return config


def _plain_layer(wrapper: PatternWrapper) -> keras.Layer:
    plain = _plain_copy(wrapper)
    plain.build_from_config(wrapper.layer.get_build_config())
    _copy_state(wrapper, plain)
    return plain


def _copy_graph(
    model: keras.Model, copy: Callable[[keras.Layer], keras.Layer], purpose: str
) -> keras.Model:
    """Copies a Sequential or Functional model layer by layer, then its weights."""
    pairs: list[tuple[keras.Layer, keras.Layer]] = []

    def copy_and_remember(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, keras.Model) and not is_graph(layer):
            _refuse_subclassed(layer, purpose)
        if not isinstance(layer, keras.Layer):  # an operation of keras.ops
            return layer.__class__.from_config(layer.get_config())
        pairs.append((layer, copy(layer)))
        return pairs[-1][1]

    if not is_graph(model):
        _refuse_subclassed(model, purpose)
    with _not_compiled(model):
        copied = keras.models.clone_model(model, clone_function=copy_and_remember, recursive=True)
    if type(copied) is not type(model):
        _refuse_subclassed(model, purpose)
    for source, destination in pairs:
        _copy_state(source, destination)
    return copied


def _refuse_subclassed(model: keras.Model, purpose: str) -> None:
    remedy = {
        "prune_patterns": "wrap its layers where it makes them, as in self.conv = "
        "tf_pconv.PatternWrapper(keras.layers.Conv2D(...), config)",
        "strip_pruning": "make the plain model and copy the weights of each layer, as in "
        "plain.conv.set_weights(tf_pconv.strip_pruning(pruned.conv).get_weights())",
    }[purpose]
    raise TypeError(
        f"{purpose} cannot replace layers in the subclassed model '{model.name}' "
        f"({type(model).__name__}), whose graph only its own code knows: {remedy}."
    )


@contextlib.contextmanager
def _not_compiled(model: keras.Model) -> Iterator[None]:
    """Keeps `clone_model` from compiling the copy: losses of the user's own may not serialise."""
    compiled = [
        part for part in flatten_layers(model) if isinstance(part, keras.Model) and part.compiled
    ]
    for part in compiled:
        part.compiled = False
    try:
        yield
    finally:
        for part in compiled:
            part.compiled = True


def _copy_state(source: keras.Layer, destination: keras.Layer) -> None:
    """Copies weights and random states; the kernels of wrapped sources come pruned."""
    inner_source = source.layer if isinstance(source, PatternWrapper) else source
    inner = destination.layer if isinstance(destination, PatternWrapper) else destination
    store: dict[str, Any] = {}
    # Layers with derived state, such as Normalization, rebuild it as they load.
    inner_source.save_own_variables(store)
    inner.load_own_variables(store)
    pruned = {id(wrapper.kernel): wrapper.pruned_kernel() for wrapper in pattern_wrappers(source)}
    for old, new in zip(_plain_variables(source), _plain_variables(destination), strict=True):
        new.assign(pruned.get(id(old), old))


def _plain_variables(layer: keras.Layer) -> list[keras.Variable]:
    """Returns the variables of a layer, without those that wrappers add."""
    wrappers = pattern_wrappers(layer)
    added = {id(each) for wrapper in wrappers for each in wrapper.variables}
    added -= {id(each) for wrapper in wrappers for each in wrapper.layer.variables}
    return [each for each in layer.variables if id(each) not in added]
