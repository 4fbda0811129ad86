"""Methods by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from tf_pconv.methods.base import Method
from tf_pconv.methods.magnitude import Magnitude

_METHODS: dict[str, type[Method]] = {"magnitude": Magnitude}


def get_method(identifier: str | Method | Mapping[str, Any]) -> Method:
    """Returns the method that a name, object or serialised config stands for.

    Args:
        identifier: `"magnitude"`, a `Method`, or what `keras.saving.serialize_keras_object` made of
            one.

    Raises:
        ValueError: An unknown name.
        TypeError: Something else.

    Example:
        >>> get_method("magnitude")
        Magnitude()
    """
    if isinstance(identifier, str):
        if identifier not in _METHODS:
            raise ValueError(
                f"Unknown pruning method '{identifier}'. Known names: {', '.join(_METHODS)}; for "
                "your own pass an object of a tf_pconv.methods.Method subclass."
            )
        return _METHODS[identifier]()
    method = identifier
    if isinstance(identifier, Mapping):
        method = keras.saving.deserialize_keras_object(dict(identifier))
    if not isinstance(method, Method):
        raise TypeError(
            f"method is a name or an object of tf_pconv.methods.Method; received {identifier!r}."
        )
    return method
