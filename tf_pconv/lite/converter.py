"""`TFLiteConverter` with pattern formats: a drop-in for TensorFlow's."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable
from typing import Any

from tf_pconv.lite.inspection import ModelReport, inspect
from tf_pconv.lite.packing import pack
from tf_pconv.lite.quiet import quiet_tensorflow
from tf_pconv.progress import step

PATTERN_FORMATS = ("fkw", "sparse", "dense")

_NOT_CONVERTED = ("float16", "bfloat16", "float64")
"""Precisions of Keras layers that TensorFlow Lite's converter refuses."""


class TFLiteConverter:
    """Converts a pruned model to TensorFlow Lite; a drop-in for `tf.lite.TFLiteConverter`.

    Make one with `from_keras_model`, `from_saved_model` or `from_concrete_functions`. All
    attributes of TensorFlow's converter (`optimizations`, `representative_dataset`,
    `target_spec`...) can be read and set. The representative data set is read once, by
    TensorFlow's calibration.

    Attributes:
        pattern_format: How convolutions that follow patterns are stored.
            `"fkw"` (default): packed as the custom operator `PConv2D`; small, needs the delegate.
            What is not float32 or full-integer int8 (float16, dynamic range, int16 activations)
            stays as TensorFlow wrote it; `report` says so.
            `"sparse"`: TensorFlow Lite's own encoding (`Optimize.EXPERIMENTAL_SPARSITY`).
            `"dense"`: exactly what TensorFlow's converter returns.
            The last two run anywhere, and are accelerated where the delegate is present.
        verify: Whether `"fkw"` compares every packed convolution, run by the delegate, with the
            original (default True).
        min_speedup: Predicted gain below which `"fkw"` leaves a convolution as it is (default 1);
            0 packs all. See `pack`.
        report: After `convert`: each convolution with what was done and why not; prints as a table.

    Example:
        >>> converter = tf_pconv.lite.TFLiteConverter.from_keras_model(model)
        >>> content = converter.convert()
        >>> print(converter.report)
    """

    _converter: Any
    _hint: str
    pattern_format: str
    verify: bool
    min_speedup: float
    report: ModelReport | None

    _OWN = ("_converter", "_hint", "pattern_format", "verify", "min_speedup", "report")

    def __init__(self, converter: Any):
        self._converter = converter
        self._hint = ""  # What an error of TensorFlow's converter means, if it is known.
        self.pattern_format = "fkw"
        self.verify = True
        self.min_speedup = 1.0
        self.report = None

    @classmethod
    def from_keras_model(cls, model: Any) -> TFLiteConverter:
        """Returns a converter for a Keras model.

        Raises:
            TypeError: Not a Keras model.
            ValueError: Still wrapped for pruning.
        """
        _check_model(model)
        converter = cls(_make("from_keras_model", model))
        converter._hint = _precision_hint(model)
        return converter

    @classmethod
    def from_saved_model(
        cls,
        saved_model_dir: str,
        signature_keys: list[str] | None = None,
        tags: set[str] | None = None,
    ) -> TFLiteConverter:
        """Returns a converter for a SavedModel; the arguments are those of TensorFlow's."""
        return cls(_make("from_saved_model", saved_model_dir, signature_keys, tags))

    @classmethod
    def from_concrete_functions(
        cls, funcs: list[Any], trackable_obj: Any = None
    ) -> TFLiteConverter:
        """Returns a converter for concrete functions; the arguments are those of TensorFlow's."""
        return cls(_make("from_concrete_functions", funcs, trackable_obj))

    def convert(self) -> bytes:
        """Converts the model.

        Returns:
            The bytes of the `.tflite`.

        Raises:
            VerificationError: A packed convolution does not compute what the original does.
            ValueError: A layer computes in a precision that TensorFlow Lite does not convert.
            Exception: Whatever else TensorFlow's converter raises.
        """
        with step("Converting with TensorFlow Lite"):
            content = self._convert_sparse() if self.pattern_format == "sparse" else self._convert()
        if self.pattern_format == "fkw":
            content = self._pack(content)
        else:
            self.report = inspect(content)
        self._warn_of_floats()
        return content

    def _pack(self, content: bytes) -> bytes:
        with step("Packing" + (" and comparing with the original" if self.verify else "")):
            result = pack(content, verify=self.verify, min_speedup=self.min_speedup)
        self.report = result.report
        rows = [row for row in result.report.convolutions if row.reason]
        if rows and not result.report.packed:
            # The largest of those that come nearest.
            typical = max(rows, key=lambda row: (row.patterns is not None, row.dense_bytes))
            warnings.warn(
                f"No layer was packed; {typical.name!r}: {typical.reason}. See `report`.",
                stacklevel=3,
            )
        return result.model

    def _warn_of_floats(self) -> None:
        """TensorFlow says nothing where it leaves in float32 what was to become int8."""
        import tensorflow as tf

        if set(self._converter.target_spec.supported_ops) != {tf.lite.OpsSet.TFLITE_BUILTINS_INT8}:
            return
        convolutions = () if self.report is None else self.report.convolutions
        floats = sum(row.type == "float32" for row in convolutions)
        if floats:
            warnings.warn(
                f"int8 was asked for, but {floats} of {len(convolutions)} layers stayed "
                "float32: the representative data set is empty, or holds NaN.",
                stacklevel=3,
            )

    def _convert(self) -> bytes:
        with quiet_tensorflow():
            try:
                return bytes(self._converter.convert())
            except Exception as error:
                if not self._hint:
                    raise
                cause = error
        raise ValueError(self._hint) from cause

    def _convert_sparse(self) -> bytes:
        import tensorflow as tf

        optimizations = self._converter.optimizations
        self._converter.optimizations = [*optimizations, tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
        try:
            return self._convert()
        finally:
            self._converter.optimizations = optimizations

    def __getattr__(self, name: str) -> Any:
        if name in self._OWN:  # Not set yet: a copy or an unpickled object.
            raise AttributeError(name)
        try:
            return getattr(self._converter, name)
        except AttributeError:
            raise AttributeError(self._unknown(name)) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "pattern_format" and value not in PATTERN_FORMATS:
            raise ValueError(
                f"pattern_format must be one of {', '.join(map(repr, PATTERN_FORMATS))}, not "
                f"{value!r}."
            )
        if name in self._OWN:
            super().__setattr__(name, value)
        elif hasattr(self._converter, name):
            setattr(self._converter, name, value)
        else:
            raise AttributeError(self._unknown(name))

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._OWN, *dir(self._converter)})

    def _unknown(self, name: str) -> str:
        known = [other for other in dir(self) if not other.startswith("_")]
        similar = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {similar[0]!r}?" if similar else "."
        return f"TFLiteConverter has no attribute {name!r}{hint}"


def _make(constructor: str, *arguments: Any) -> Any:
    """Makes TensorFlow's converter."""
    with quiet_tensorflow():
        import tensorflow as tf

        make: Callable[..., Any] = getattr(tf.lite.TFLiteConverter, constructor)
        return make(*arguments)


def _check_model(model: Any) -> None:
    import keras

    from tf_pconv.pruning import pattern_wrappers

    if _is_tf_keras(model):
        return  # TensorFlow's converter takes these, and has its own word on them.
    if not isinstance(model, keras.Model):
        raise TypeError(f"from_keras_model takes a Keras model, not {type(model).__name__}.")
    wrapped = pattern_wrappers(model)
    if wrapped:
        raise ValueError(
            f"The model is still wrapped for pruning (layer {wrapped[0].name!r}); convert "
            "tf_pconv.strip_pruning(model)."
        )


def _precision_hint(model: Any) -> str:
    """Says how to convert a model of a precision that TensorFlow Lite's converter refuses."""
    if _is_tf_keras(model):
        return ""
    from tf_pconv.keras_internals import flatten_layers

    half = [layer for layer in flatten_layers(model) if layer.compute_dtype in _NOT_CONVERTED]
    if not half:
        return ""
    return (
        f"The layer {half[0].name!r} computes in {half[0].compute_dtype}, which TensorFlow Lite "
        "does not convert: set `layer.dtype_policy = 'float32'` for every layer before."
    )


def _is_tf_keras(model: Any) -> bool:
    return any(base.__module__.startswith("tf_keras.") for base in type(model).__mro__)
