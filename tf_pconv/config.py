"""What the user asks for: `PatternConfig`, and rules that change it for single layers."""

from __future__ import annotations

import dataclasses
import numbers
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

import keras

from tf_pconv import methods, schedules
from tf_pconv.patterns import PatternLibrary, get_library
from tf_pconv.projection import Balance

Gradient = Literal["masked", "straight_through"]

GROUP_SIZES = (1, 2, 4, 8, 16)

_MINIMUM_COMPRESSION = 1.0
_MAXIMUM_COMPRESSION = 1e9  # More than any layer has weights: at least one kernel stays.


@keras.saving.register_keras_serializable(package="tf_pconv")
@dataclasses.dataclass(frozen=True)
class LayerRule:
    """Changes the configuration for the layers that it matches.

    Fields left at None keep what the configuration says; where several rules match a layer, the
    later one wins, field by field.

    Attributes:
        match: A layer's name or path (`"block/conv1"` inside a nested model), a compiled regular
            expression that is searched in the path, or a layer class.
        skip: True leaves the layer dense; False prunes it, even one that is left dense by default:
            the first convolution, the classifier, a small Dense layer.
        library: As in `PatternConfig`, and so are the others.

    Raises:
        TypeError: `match` is something else.
        ValueError: A field that `PatternConfig` would refuse, or no field at all.

    Example:
        >>> LayerRule("conv1", skip=False)
        LayerRule(match='conv1', skip=False)
        >>> LayerRule(re.compile("^stage4/"), compression=12.0).compression
        12.0
    """

    match: str | re.Pattern[str] | type[keras.Layer]
    skip: bool | None = None
    library: Any = None
    compression: float | None = None
    group_size: int | None = None
    method: Any = None
    schedule: Any = None
    balance: Balance | None = None
    gradient: Gradient | None = None

    def __post_init__(self) -> None:
        is_class = isinstance(self.match, type) and issubclass(self.match, keras.Layer)
        if not isinstance(self.match, (str, re.Pattern)) and not is_class:
            raise TypeError(
                "A LayerRule matches by name, compiled regular expression or Keras layer class; "
                f"received {self.match!r}."
            )
        if self.skip not in (None, True, False):
            raise TypeError(f"skip is True, False or None; received {self.skip!r}.")
        if not self.overrides and self.skip is None:
            raise ValueError(f"The rule for {self.match!r} changes nothing; set one of its fields.")
        for name, value in _standardised(self.overrides).items():
            object.__setattr__(self, name, value)

    @property
    def overrides(self) -> dict[str, Any]:
        """The fields of `PatternConfig` that the rule changes."""
        return {name: getattr(self, name) for name in _FIELDS if getattr(self, name) is not None}

    def matches(self, path: str, layer: keras.Layer) -> bool:
        """Whether the rule applies to a layer at a path of the model."""
        if isinstance(self.match, str):
            return self.match in (path, layer.name)
        if isinstance(self.match, re.Pattern):
            return self.match.search(path) is not None
        return isinstance(layer, self.match)

    def __repr__(self) -> str:
        match = self.match.__name__ if isinstance(self.match, type) else repr(self.match)
        fields = {} if self.skip is None else {"skip": self.skip}
        shown = ", ".join(f"{name}={value!r}" for name, value in (fields | self.overrides).items())
        return f"LayerRule(match={match}, {shown})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LayerRule) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((repr(self.match), self.skip))

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs, in JSON types."""
        if isinstance(self.match, re.Pattern):
            match = {"regex": self.match.pattern, "flags": self.match.flags}
        elif isinstance(self.match, type):
            match = {"type": keras.saving.get_registered_name(self.match)}
        else:
            match = {"name": self.match}
        skip = {} if self.skip is None else {"skip": self.skip}
        return {"match": match, **skip, **_serialised(self.overrides)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LayerRule:
        """Makes a rule from the result of `get_config`."""
        fields = dict(config)
        match = fields.pop("match")
        if "regex" in match:
            matched: Any = re.compile(match["regex"], match["flags"])
        elif "type" in match:
            matched = _layer_class(match["type"])
        else:
            matched = match["name"]
        return cls(matched, **fields)


@keras.saving.register_keras_serializable(package="tf_pconv")
@dataclasses.dataclass(frozen=True, eq=False)
class PatternConfig:
    """How a model is pruned.

    Attributes:
        library: Patterns of 3x3 kernels: `"scp8"` (four T-shapes and four 2x2 blocks), `"pconv4"`
            (the T-shapes of PCONV), or whatever else `get_library` accepts.
        compression: Weights of the pruned layers before over after, at least 1; indices are not
            counted. Patterns alone give 2.25, so a 3x3 layer is never below that.
        group_size: Filters (units of a Dense layer) that share patterns and connectivity: 1 (PCONV
            as published), 2, 4, 8 or 16. Larger groups run faster and are a stronger constraint.
        method: `"magnitude"`, or a `tf_pconv.methods.Method`.
        schedule: When masks are updated, and how far pruning has advanced by then: whatever
            `tf_pconv.schedules.get_schedule` accepts. None: a cubic ramp over the first half of the
            training, fixed when the first `fit()` begins (`tf_pconv.schedules.default_schedule`).
            `ConstantSparsity(0, 0)` prunes once, before the first step.
        rules: `LayerRule`s.
        balance: `"filter"` keeps as many kernels in each filter (PCONV), `"layer"` the best of the
            whole layer (PatDNN).
        gradient: `"masked"`: pruned weights get no gradient. `"straight_through"`: they get the
            gradient at the pruned point, and so can return (DPF, Lin et al., ICLR 2020,
            arXiv 2006.07253).

    Raises:
        TypeError: A schedule, method or rule that is none.
        ValueError: An unknown name, or a number out of range.

    Example:
        >>> config = PatternConfig(compression=8.0, rules=[LayerRule("head", skip=True)])
        >>> config.group_size
        4
    """

    library: PatternLibrary | Any = "scp8"
    compression: float = 8.0
    group_size: int = 4
    method: methods.Method | Any = "magnitude"
    schedule: schedules.Schedule | Any | None = None
    rules: tuple[LayerRule, ...] = ()
    balance: Balance = "filter"
    gradient: Gradient = "masked"

    def __post_init__(self) -> None:
        fields = {name: getattr(self, name) for name in _FIELDS}
        for name, value in _standardised(fields).items():
            object.__setattr__(self, name, value)
        if not isinstance(self.rules, (LayerRule, Iterable)) or isinstance(self.rules, str):
            raise TypeError(f"rules holds LayerRule objects; received {self.rules!r}.")
        rules = (self.rules,) if isinstance(self.rules, LayerRule) else tuple(self.rules)
        rules = tuple(LayerRule.from_config(r) if isinstance(r, Mapping) else r for r in rules)
        strangers = [rule for rule in rules if not isinstance(rule, LayerRule)]
        if strangers:
            raise TypeError(f"rules holds LayerRule objects; received {strangers[0]!r}.")
        object.__setattr__(self, "rules", rules)

    def for_layer(self, path: str, layer: keras.Layer) -> tuple[PatternConfig, bool | None]:
        """Returns the configuration of one layer, without rules, and the `skip` of its rules."""
        skip = None
        overrides: dict[str, Any] = {}
        for rule in self.rules:
            if rule.matches(path, layer):
                overrides |= rule.overrides
                skip = rule.skip if rule.skip is not None else skip
        return dataclasses.replace(self, rules=(), **overrides), skip

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PatternConfig) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((self.library, self.compression, self.group_size, self.balance, self.gradient))

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs, in JSON types."""
        fields = {name: getattr(self, name) for name in _FIELDS}
        return {**_serialised(fields), "rules": [rule.get_config() for rule in self.rules]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> PatternConfig:
        """Makes a configuration from the result of `get_config`."""
        return cls(**config)


_FIELDS = ("library", "compression", "group_size", "method", "schedule", "balance", "gradient")
"""The fields that a rule can change."""


def _standardised(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Checks fields, and turns names and configs into objects."""
    checked = {}
    for name, value in fields.items():
        if name == "library":
            value = get_library(value)
        elif name == "compression":
            value = _checked_compression(value)
        elif name == "method":
            value = methods.get_method(value)
        elif name == "schedule":
            value = None if value is None else schedules.get_schedule(value)
        else:
            value = _checked_choice(name, value)
        checked[name] = value
    return checked


def _checked_compression(value: Any) -> float:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not _MINIMUM_COMPRESSION <= value <= _MAXIMUM_COMPRESSION:
        raise ValueError(
            "compression is weights before over weights after, a number from 1 to "
            f"{_MAXIMUM_COMPRESSION:.0e}; received {value!r}."
        )
    return float(value)


def _checked_choice(name: str, value: Any) -> Any:
    """Returns one of the accepted values; NumPy's integers become Python's."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        value = int(value)
    choices: tuple[Any, ...] = {
        "group_size": GROUP_SIZES,
        "balance": get_args(Balance),
        "gradient": get_args(Gradient),
    }[name]
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        accepted = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} is one of {accepted}; received {value!r}.")
    return value


def _serialised(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns fields in JSON types."""
    serialised = dict(fields)
    if "library" in serialised:
        serialised["library"] = serialised["library"].get_config()
    for name in ("method", "schedule"):
        if serialised.get(name) is not None:
            serialised[name] = keras.saving.serialize_keras_object(serialised[name])
    return serialised


def _layer_class(registered_name: str) -> type[keras.Layer]:
    """Returns the layer class of a registered name, or of a name in `keras.layers`."""
    found = keras.saving.get_registered_object(registered_name)
    found = found or getattr(keras.layers, registered_name, None)
    if found is None:
        raise ValueError(
            f"A LayerRule matches the layer class '{registered_name}', which is not registered; "
            "import its module, and register it with keras.saving.register_keras_serializable."
        )
    return found
