"""What pruning will do to each layer of a model, and whether the delegate will accelerate it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import keras

from tf_pconv.acceleration import predict_acceleration
from tf_pconv.classifiers import classifiers, is_graph
from tf_pconv.config import PatternConfig
from tf_pconv.keras_internals import flatten_layers
from tf_pconv.report import render_plan
from tf_pconv.support import is_exact_class, pruning_refusal
from tf_pconv.target import pruning_target
from tf_pconv.wrappers import PatternWrapper

LEFT_DENSE = "left dense"

LEAST_DENSE_WEIGHTS = 65_536
"""Weights from which a Dense layer is pruned by default."""


@dataclasses.dataclass(frozen=True)
class LayerPlan:
    """What will be done with one layer; a row of the plan's table.

    Attributes:
        name: Path of the layer in the model, such as `block/conv1`.
        kind: Class of the layer.
        shape: Shape of its kernel.
        action: What will be done, in words.
        weights: Weights of the kernel.
        kept: Weights kept at the end.
        accelerated: Whether the delegate will take the layer.
        reason: Why it is left dense (after a semicolon, what would prune it) or not accelerated, or
            on which condition it is; or empty.
        layer: The layer itself.
        config: Its configuration, rules applied; None: left dense.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    action: str
    weights: int
    kept: int
    accelerated: bool
    reason: str
    layer: keras.Layer = dataclasses.field(repr=False, compare=False)
    config: PatternConfig | None = dataclasses.field(repr=False, compare=False)

    @property
    def pruned(self) -> bool:
        """Whether the layer will be pruned."""
        return self.config is not None


@dataclasses.dataclass(frozen=True)
class Plan:
    """The plan of a model, in the order of its layers; `print` shows it as a table.

    Attributes:
        model_name: Name of the model.
        layers: One `LayerPlan` for each layer with a kernel.
    """

    model_name: str
    layers: tuple[LayerPlan, ...]

    @property
    def pruned(self) -> tuple[LayerPlan, ...]:
        """The layers that will be pruned."""
        return tuple(row for row in self.layers if row.pruned)

    @property
    def compression(self) -> float:
        """Weights before over after, of the layers that will be pruned."""
        return sum(row.weights for row in self.pruned) / sum(row.kept for row in self.pruned)

    def __getitem__(self, name: str) -> LayerPlan:
        for row in self.layers:
            if row.name == name:
                return row
        known = ", ".join(row.name for row in self.layers)
        raise KeyError(f"No layer '{name}' in the plan; it has {known}.")

    def __iter__(self) -> Iterator[LayerPlan]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __str__(self) -> str:
        return render_plan(self.layers, title=f"Plan of '{self.model_name}'")


def plan(model: keras.Model, config: PatternConfig) -> Plan:
    """Says what `prune_patterns` will do with each layer, before any training.

    The first convolution, classifiers and Dense layers of fewer than 65,536 weights are left dense,
    unless a rule says `skip=False`. Classifiers are convolutions and Dense layers: the last layer
    with weights, and those of which the output is for nothing but an output of the model, with no
    other weights between.

    Args:
        model: A built Keras model. It is not changed.
        config: How to prune it.

    Returns:
        The plan; `print` shows it as a table.

    Raises:
        TypeError: Not a Keras 3 model, or not a `PatternConfig`.
        ValueError: A model that is not built or already pruned, a rule that matches no layer, or
            nothing to prune.

    Example:
        >>> model = keras.Sequential([
        ...     keras.Input((32, 32, 3)),
        ...     keras.layers.Conv2D(64, 3, name="stem"),
        ...     keras.layers.Conv2D(64, 3, name="body"),
        ...     keras.layers.Flatten(),
        ...     keras.layers.Dense(10),
        ... ])
        >>> plan(model, PatternConfig())["body"].action
        'scp8 + 18 of 64 kernels, groups of 4'
    """
    check_model(model)
    if not isinstance(config, PatternConfig):
        raise TypeError(f"plan takes a PatternConfig; received {config!r}.")
    found = _layers_with_weights(model)
    _check_not_pruned(model, found, config)
    _check_rules(found, config)
    defaults = _left_by_default(model, found)
    rows = tuple(
        _plan_layer(each, kernel, defaults, config)
        for each in found
        if (kernel := each.kernel) is not None
    )
    if not any(row.pruned for row in rows):
        reasons = "; ".join(f"'{row.name}' ({row.kind}): {row.reason}" for row in rows)
        raise ValueError(
            f"Nothing to prune in '{model.name}': {reasons or 'it has no layer with a kernel'}."
        )
    return Plan(model.name, rows)


def check_model(model: Any) -> None:
    """Raises a clear error for anything but a built Keras 3 model."""
    if not isinstance(model, keras.Model):
        ancestors = {f"{cls.__module__}.{cls.__qualname__}" for cls in type(model).__mro__}
        if any(name.startswith(("tf_keras.", "tensorflow.python.keras.")) for name in ancestors):
            raise TypeError(
                "This is a tf_keras (Keras 2) model; tf_pconv prunes Keras 3 models: build it with "
                "`import keras`, and without TF_USE_LEGACY_KERAS=1."
            )
        raise TypeError(f"tf_pconv prunes Keras models; received {type(model).__name__} {model!r}.")
    if not model.built:
        raise ValueError(
            f"The model '{model.name}' has no weights yet: give it an Input, or call it once."
        )


@dataclasses.dataclass(frozen=True)
class _Found:
    """A layer with weights; `host` is the composite layer that hides it from the model, if any."""

    path: str
    layer: keras.Layer
    host: keras.Layer | None

    @property
    def kernel(self) -> Any | None:
        """The kernel; of separable convolutions the pointwise one."""
        kernel = getattr(self.layer, "kernel", None)
        return getattr(self.layer, "pointwise_kernel", None) if kernel is None else kernel

    @property
    def is_convolution(self) -> bool:
        """Whether this is a convolution of any kind."""
        return hasattr(self.layer, "kernel_size")

    @property
    def is_dense(self) -> bool:
        """Whether this is a Dense layer."""
        return isinstance(self.layer, keras.layers.Dense)

    @property
    def is_small(self) -> bool:
        """Whether this is a Dense layer with too few weights to matter."""
        kernel = self.kernel
        return (
            self.is_dense and kernel is not None and math.prod(kernel.shape) < LEAST_DENSE_WEIGHTS
        )


def _layers_with_weights(model: keras.Model) -> list[_Found]:
    """Returns the layers that hold weights themselves, in order, each once."""
    first_of: dict[int, _Found] = {}
    for found in _walk(model, prefix=""):
        first_of.setdefault(id(found.layer), found)
    return list(first_of.values())


def _walk(model: keras.Model, prefix: str) -> Iterator[_Found]:
    """Enters nested graphs; parts of other composite layers are found, but not replaceable."""
    for layer in model.layers:
        path = prefix + layer.name
        if is_graph(layer):
            yield from _walk(layer, f"{path}/")
        elif isinstance(layer, PatternWrapper):
            yield _Found(path, layer, host=None)
        else:
            for part in flatten_layers(layer):
                if part is layer and layer.weights:
                    yield _Found(path, layer, host=None)
                elif part.weights:
                    yield _Found(f"{path}/{part.name}", part, host=layer)


def _check_not_pruned(model: keras.Model, found: list[_Found], config: PatternConfig) -> None:
    pruned = [each for each in found if isinstance(each.layer, PatternWrapper)]
    if not pruned:
        return
    is_same = all(
        each.layer.config == config.for_layer(each.path, each.layer.layer)[0] for each in pruned
    )
    raise ValueError(
        f"'{model.name}' is pruned already, with {'this' if is_same else 'another'} configuration: "
        "go on with fit(), or call strip_pruning first."
    )


def _check_rules(found: list[_Found], config: PatternConfig) -> None:
    for rule in config.rules:
        if not any(rule.matches(each.path, each.layer) for each in found):
            raise ValueError(
                f"{rule!r} matches no layer; the model has "
                f"{', '.join(each.path for each in found)}."
            )


def _plan_layer(
    found: _Found, kernel: Any, defaults: dict[int, str], config: PatternConfig
) -> LayerPlan:
    layer, shape = found.layer, tuple(kernel.shape)
    layer_config, skip = config.for_layer(found.path, layer)
    refusal = _refusal(found, skip, defaults.get(id(layer), ""))
    common = {
        "name": found.path,
        "kind": type(layer).__name__,
        "shape": shape,
        "weights": math.prod(shape),
        "layer": layer,
    }
    if refusal:
        return LayerPlan(
            **common,
            action=LEFT_DENSE,
            kept=math.prod(shape),
            accelerated=False,
            reason=refusal,
            config=None,
        )
    target = pruning_target(layer, layer_config)
    acceleration = predict_acceleration(layer, target)
    return LayerPlan(
        **common,
        action=target.description,
        kept=target.weights_kept,
        accelerated=acceleration.accelerated,
        reason=acceleration.reason,
        config=layer_config,
    )


def _refusal(found: _Found, skip: bool | None, default: str) -> str:
    """Returns why a layer is left dense, or nothing; `default` holds unless a rule forces it."""
    refusal = pruning_refusal(found.layer)
    if refusal is not None:
        return refusal
    if found.host is not None:
        return f"inside {type(found.host).__name__} '{found.host.name}': use PatternWrapper there"
    if skip:
        return "skipped by a rule"
    if skip is None and not is_exact_class(found.layer):
        return "a subclass may change its kernel; skip=False in a LayerRule prunes it"
    return default if skip is None else ""


def _left_by_default(model: keras.Model, found: list[_Found]) -> dict[int, str]:
    """Returns the layers that are left dense unless a rule forces them, by id, and why."""
    force = "; skip=False in a LayerRule prunes it"
    convolutions = [each for each in found if each.is_convolution]
    reasons = {
        id(each.layer): f"little to gain below {LEAST_DENSE_WEIGHTS:,} weights{force}"
        for each in found
        if each.is_small
    }
    ends = {id(layer) for layer in classifiers(model)}
    for each in found:
        is_end = each is found[-1] or id(each.layer) in ends
        if is_end and (each.is_convolution or each.is_dense):
            reasons[id(each.layer)] = "classifier" + force
    if convolutions:
        reasons[id(convolutions[0].layer)] = "first convolution" + force
    return reasons
