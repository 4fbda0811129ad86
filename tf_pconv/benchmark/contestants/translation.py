"""What writers of other formats have in common: operators of a graph, checked and taken apart."""

from __future__ import annotations

import abc
import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from tf_pconv.benchmark.contestants.contestant import EngineError
from tf_pconv.benchmark.contestants.graph import Graph, Operator, Pads, Tensor, pad_amounts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclasses.dataclass(frozen=True, eq=False)
class Filters:
    """Constants of a convolution or a fully-connected layer.

    Attributes:
        weights: Their tensor, in the layout of the `.tflite`.
        values: Weights of shape (filters, channels, height, width) or (filters, inputs); those of
            a depthwise convolution have one channel.
        bias: A number for each filter, if there is a bias.
    """

    weights: Tensor
    values: npt.NDArray[Any]
    bias: Tensor | None

    @classmethod
    def of(cls, operator: Operator, order: tuple[int, ...]) -> Filters:
        """Returns those of an operator, the axes of its weights in another order."""
        _, weights, *bias = operator.inputs
        return cls(weights, weights.constant.transpose(order), bias[0] if bias else None)

    def scales(self, source: Tensor) -> npt.NDArray[np.float32] | None:
        """Returns the scales of the sums, one or one for each filter; None: not quantised."""
        if self.weights.scales is None or source.scales is None:
            return None
        return source.scales * self.weights.scales


@dataclasses.dataclass(frozen=True)
class Window:
    """Where a convolution or a pooling looks: heights before widths.

    Attributes:
        kernel: Its size.
        strides: Its steps.
        dilations: Steps between its elements.
        pads: Pixels around the image.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: Pads

    @classmethod
    def of(cls, operator: Operator, height: int, width: int) -> Window:
        """Returns that of an operator with a kernel of this size."""
        kernel = (height, width)
        return cls(kernel, operator.strides, operator.dilations, operator.pads(kernel))


class Writer(abc.ABC):
    """Writes a graph in another format, one operator after another."""

    format: ClassVar[str]

    def add(self, graph: Graph) -> None:
        """Adds the operators of a graph.

        Raises:
            EngineError: An operator that is not translated.
        """
        for operator in graph.operators:
            translate = _TRANSLATIONS.get(operator.kind)
            if translate is None:
                raise EngineError(
                    f"the operator {operator.kind} is not translated to {self.format}."
                )
            translate(self, operator)

    @abc.abstractmethod
    def convolution(
        self, operator: Operator, filters: Filters, window: Window, groups: int
    ) -> None:
        """Adds a convolution; as many groups as channels: a depthwise one."""

    @abc.abstractmethod
    def fully_connected(self, operator: Operator, filters: Filters) -> None:
        """Adds a product of a matrix with the input as a row."""

    @abc.abstractmethod
    def max_pool(self, operator: Operator, window: Window) -> None:
        """Adds a maximum over windows."""

    @abc.abstractmethod
    def mean(self, operator: Operator) -> None:
        """Adds a mean over height and width."""

    @abc.abstractmethod
    def addition(self, operator: Operator) -> None:
        """Adds a sum of two activations."""

    @abc.abstractmethod
    def pad(self, operator: Operator, pads: Pads) -> None:
        """Adds zeros around an image."""

    @abc.abstractmethod
    def flatten(self, operator: Operator) -> None:
        """Adds a change to a row of numbers, in the order of the `.tflite`."""


def _convolution(writer: Writer, operator: Operator) -> None:
    filters = Filters.of(operator, (0, 3, 1, 2))
    writer.convolution(operator, filters, Window.of(operator, *filters.values.shape[2:]), 1)


def _depthwise(writer: Writer, operator: Operator) -> None:
    filters = Filters.of(operator, (3, 0, 1, 2))
    window = Window.of(operator, *filters.values.shape[2:])
    writer.convolution(operator, filters, window, operator.source.shape[3])


def _fully_connected(writer: Writer, operator: Operator) -> None:
    writer.fully_connected(operator, Filters.of(operator, (0, 1)))


def _max_pool(writer: Writer, operator: Operator) -> None:
    height, width = operator.options.filterHeight, operator.options.filterWidth
    writer.max_pool(operator, Window.of(operator, height, width))


def _mean(writer: Writer, operator: Operator) -> None:
    source, axes = operator.inputs
    if len(source.shape) != 4 or sorted(axes.constant.ravel() % 4) != [1, 2]:
        raise EngineError("MEAN is translated over height and width only.")
    writer.mean(operator)


def _addition(writer: Writer, operator: Operator) -> None:
    if any(tensor.data is not None for tensor in operator.inputs):
        raise EngineError("ADD of a constant is not translated.")
    writer.addition(operator)


def _pad(writer: Writer, operator: Operator) -> None:
    writer.pad(operator, pad_amounts(operator))


def _flatten(writer: Writer, operator: Operator) -> None:
    if len(operator.output.shape) != 2:
        raise EngineError("RESHAPE is translated to two dimensions only.")
    writer.flatten(operator)


_TRANSLATIONS = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _max_pool,
    "MEAN": _mean,
    "ADD": _addition,
    "PAD": _pad,
    "RESHAPE": _flatten,
}
