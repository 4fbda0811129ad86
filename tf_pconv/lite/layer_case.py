"""Single convolutions to time: dense files whose random weights follow patterns."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_pconv.lite.flatbuffer import MAX_BYTES
from tf_pconv.lite.full_integer import request_int8
from tf_pconv.lite.quiet import quiet_tensorflow

if TYPE_CHECKING:
    import numpy.typing as npt

DTYPES = ("float32", "int8")
STRIDES = (1, 2)


@dataclasses.dataclass(frozen=True)
class LayerCase:
    """A 3x3 convolution with random weights that follow patterns exactly.

    Attributes:
        channels: Input channels.
        filters: Output channels.
        side: Height and width of the input, in pixels.
        dtype: `"int8"` (quantised by TensorFlow's converter) or `"float32"`.
        group_size: Filters that share patterns and connectivity.
        compression: Weights of the dense layer over the weights kept.
        stride: 1 or 2.
        library: Name of a pattern library.

    Raises:
        ValueError: An attribute out of range.
    """

    channels: int
    filters: int
    side: int
    dtype: str = "int8"
    group_size: int = 4
    compression: float = 8.0
    stride: int = 1
    library: str = "scp8"

    def __post_init__(self) -> None:
        for name in ("channels", "filters", "side", "group_size"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} of a layer must be at least 1, but is {getattr(self, name)}."
                )
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, but is {self.dtype!r}.")
        if self.stride not in STRIDES:
            raise ValueError(f"stride must be 1 or 2, but is {self.stride}.")
        weights = self.filters * self.channels * 9
        activations = self.side**2 * max(self.channels, self.filters)
        if 4 * max(weights, activations) > MAX_BYTES:
            raise ValueError(
                f"A layer of {self.channels},{self.filters},{self.side} is too large: its weights, "
                "its input and its output must stay below 2 GiB each."
            )
        if not self.compression >= 1.0:
            raise ValueError(f"compression must be at least 1, but is {self.compression}.")

    @property
    def name(self) -> str:
        """The layer in one phrase, such as `256,256,56 int8 group 4 8x`."""
        stride = f" stride {self.stride}" if self.stride != 1 else ""
        return (
            f"{self.channels},{self.filters},{self.side}{stride} {self.dtype} "
            f"group {self.group_size} {self.compression:g}x"
        )


def build_layer(case: LayerCase, seed: int = 0) -> bytes:
    """Returns a dense `.tflite` whose only convolution has the pattern weights of `case`.

    The weights are normal random numbers, projected on patterns and connectivity; int8 files are
    quantised by TensorFlow's converter with normal random inputs.
    """
    import keras

    inputs = keras.Input((case.side, case.side, case.channels), batch_size=1)
    convolution = keras.layers.Conv2D(case.filters, 3, strides=case.stride, padding="same")
    model = keras.Model(inputs, convolution(inputs))
    random = np.random.default_rng(seed)
    convolution.set_weights([_pattern_weights(case, random), np.zeros(case.filters, np.float32)])
    sample = random.standard_normal((1, case.side, case.side, case.channels), dtype=np.float32)
    return _convert_dense(model, case.dtype, sample)


def _pattern_weights(case: LayerCase, random: np.random.Generator) -> npt.NDArray[np.float32]:
    from keras import ops

    from tf_pconv import patterns, projection
    from tf_pconv.methods import PruningTarget

    shape = (3, 3, case.channels, case.filters)
    kernels = projection.kept_kernels(case.channels, (3, 3), patterns.ENTRIES, case.compression)
    layer = PruningTarget(
        shape, patterns.get_library(case.library), kernels, case.group_size, "filter"
    )
    weights = random.standard_normal(shape, dtype=np.float32)
    mask = layer.mask(weights, layer.filter_order(weights))
    return weights * ops.convert_to_numpy(mask)


def _convert_dense(model: Any, dtype: str, sample: npt.NDArray[np.float32]) -> bytes:
    with quiet_tensorflow():
        import tensorflow as tf

        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if dtype == "int8":
            request_int8(converter, lambda: [[sample]])
        return converter.convert()
