"""Convolutions to time, alone or in chains: dense files whose random weights follow patterns."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from tf_pconv.lite.flatbuffer import MAX_BYTES
from tf_pconv.lite.model_builder import Conv, Quantization, chain, quantize_weights

if TYPE_CHECKING:
    import numpy.typing as npt

DTYPES = ("float32", "int8")
STRIDES = (1, 2)
KERNEL_SIZES = (1, 3)

# Integers spread evenly over int8, as the benchmark draws them, then have unit variance.
_INPUT: Quantization = (1 / 74, 0)
# Four standard deviations of an output of unit variance.
_OUTPUT: Quantization = (4 / 127, 0)
_RELU_OUTPUT: Quantization = (4 / 255, -128)


@dataclasses.dataclass(frozen=True)
class LayerCase:
    """Convolutions with random weights that follow patterns, or connectivity, exactly.

    Attributes:
        channels: Input channels.
        filters: Output channels.
        side: Height and width of the input, in pixels.
        dtype: `"int8"` (weights quantised per filter) or `"float32"`.
        group_size: Filters that share patterns and connectivity.
        compression: Weights of the dense layer over the weights kept.
        stride: 1 or 2.
        kernel_size: Side of a kernel: 3, pruned to patterns and connectivity, or 1, pruned to
            connectivity.
        library: Name of a pattern library.
        chain: Convolutions of the model, one after another with RELU behind each; 1: one, alone.
        label: Name that others know the layer by, such as `L6`.

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
    kernel_size: int = 3
    library: str = "scp8"
    chain: int = 1
    label: str = ""

    def __post_init__(self) -> None:
        for name in ("channels", "filters", "side", "group_size", "chain"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} of a layer must be at least 1, but is {getattr(self, name)}."
                )
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, but is {self.dtype!r}.")
        if self.stride not in STRIDES:
            raise ValueError(f"stride must be 1 or 2, but is {self.stride}.")
        if self.kernel_size not in KERNEL_SIZES:
            raise ValueError(f"kernel_size must be 1 or 3, but is {self.kernel_size}.")
        weights = self.filters * self.channels * self.kernel_size**2
        activations = self.side**2 * max(self.channels, self.filters)
        if 4 * max(weights, activations) > MAX_BYTES:
            raise ValueError(
                f"A layer of {self.channels},{self.filters},{self.side} is too large: its weights, "
                "its input and its output must stay below 2 GiB each."
            )
        if not self.compression >= 1.0:
            raise ValueError(f"compression must be at least 1, but is {self.compression}.")
        if self.chain > 1 and (self.channels != self.filters or self.stride != 1):
            raise ValueError(
                "The convolutions of a chain are equal, so they need as many filters as channels "
                f"and stride 1, but have {self.channels} channels, {self.filters} filters and "
                f"stride {self.stride}."
            )

    @property
    def name(self) -> str:
        """The layer in one phrase, such as `256,256,56 int8 group 4 8x`."""
        return f"{self.subject} {self.configuration}"

    @property
    def subject(self) -> str:
        """What is computed, such as `4 x 256,256,56`."""
        label = f"{self.label} " if self.label else ""
        times = f"{self.chain} x " if self.chain > 1 else ""
        stride = f" stride {self.stride}" if self.stride != 1 else ""
        kernel = " 1x1" if self.kernel_size == 1 else ""
        return f"{label}{times}{self.channels},{self.filters},{self.side}{kernel}{stride}"

    @property
    def configuration(self) -> str:
        """How it is pruned, such as `int8 group 4 8x`."""
        return f"{self.dtype} group {self.group_size} {self.compression:g}x"


def build_layer(case: LayerCase, seed: int = 0) -> bytes:
    """Returns a dense `.tflite` whose convolutions have the pattern weights of `case`.

    The weights are normal random numbers, projected on patterns and connectivity, in filter groups
    scattered at random, and scaled so that activations keep unit variance from layer to layer.
    """
    random = np.random.default_rng(seed)
    quantization = _INPUT if case.dtype == "int8" else None
    convs = [_convolution(case, random) for _ in range(case.chain)]
    return chain(*convs, side=case.side, quantization=quantization).serialize()


def _convolution(case: LayerCase, random: np.random.Generator) -> Conv:
    dense = _pattern_weights(case, random).transpose(3, 0, 1, 2)
    norms = np.sqrt(np.sum(dense**2, axis=(1, 2, 3), keepdims=True))
    dense = np.ascontiguousarray(dense / norms)
    activation, output = "NONE", _OUTPUT
    if case.chain > 1:
        activation, output = "RELU", _RELU_OUTPUT
        dense *= np.float32(np.sqrt(2))  # makes up for the half that RELU takes
    make = functools.partial(Conv, stride=case.stride, activation=activation)
    if case.dtype == "float32":
        return make(dense, bias=np.zeros(case.filters, np.float32))
    weights, scales = quantize_weights(dense)
    return make(weights, scales, np.zeros(case.filters, np.int32), output)


def _pattern_weights(case: LayerCase, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Returns weights of shape (kernel_size, kernel_size, channels, filters)."""
    from keras import ops

    from tf_pconv import patterns, projection

    sides = (case.kernel_size, case.kernel_size)
    has_patterns = case.kernel_size == patterns.SIDE
    entries = patterns.ENTRIES if has_patterns else 1
    weights = random.standard_normal((*sides, case.channels, case.filters), dtype=np.float32)
    mask = projection.project(
        weights,
        library=patterns.get_library(case.library) if has_patterns else None,
        kernels=projection.kept_kernels(case.channels, sides, entries, case.compression),
        group_size=case.group_size,
        order=random.permutation(case.filters).astype(np.int32),
    )
    return weights * ops.convert_to_numpy(mask)
