"""Builds a function of TVM's Relax from a float32 `.tflite`, in NHWC like that."""

from __future__ import annotations

from typing import Any

from tf_pconv.benchmark.contestants.contestant import EngineError
from tf_pconv.benchmark.contestants.graph import Graph, Operator, Pads, Tensor
from tf_pconv.benchmark.contestants.translation import Filters, Window, Writer


class RelaxWriter(Writer):
    """Builds a module whose function `main` computes what a graph computes.

    Args:
        graph: The graph.

    Attributes:
        module: The module; `main` returns a tuple.

    Raises:
        EngineError: An operator that is not translated, or an int8 model.
    """

    format = "TVM"

    def __init__(self, graph: Graph) -> None:
        from tvm import relax

        if graph.inputs[0].scales is not None:
            raise EngineError("TVM takes float32 models only here.")
        self._op, self._constant = relax.op, relax.const
        self._builder = relax.BlockBuilder()
        self._values: dict[Tensor, Any] = {
            tensor: relax.Var(tensor.name, relax.TensorType(tensor.shape, "float32"))
            for tensor in graph.inputs
        }
        with self._builder.function("main", [*self._values.values()]):
            with self._builder.dataflow():
                self.add(graph)
                outputs = [self._values[tensor] for tensor in graph.outputs]
                result = self._builder.emit_output(relax.Tuple(outputs))
            self._builder.emit_func_output(result)
        self.module = self._builder.get()

    def convolution(
        self, operator: Operator, filters: Filters, window: Window, groups: int
    ) -> None:
        """See `Writer`."""
        product = self._op.nn.conv2d(
            self._values[operator.source],
            self._constant(filters.values.transpose(2, 3, 1, 0)),
            strides=window.strides,
            padding=window.pads,
            dilation=window.dilations,
            groups=groups,
            data_layout="NHWC",
            kernel_layout="HWIO",
        )
        self._write(operator, self._biased(product, filters))

    def fully_connected(self, operator: Operator, filters: Filters) -> None:
        """See `Writer`."""
        rows = self._op.reshape(self._values[operator.source], (-1, filters.values.shape[1]))
        product = self._op.matmul(rows, self._constant(filters.values.T))
        self._write(operator, self._biased(product, filters))

    def max_pool(self, operator: Operator, window: Window) -> None:
        """See `Writer`."""
        pooled = self._op.nn.max_pool2d(
            self._values[operator.source],
            pool_size=window.kernel,
            strides=window.strides,
            padding=window.pads,
            layout="NHWC",
        )
        self._write(operator, pooled)

    def mean(self, operator: Operator) -> None:
        """See `Writer`."""
        mean = self._op.mean(self._values[operator.source], axis=[1, 2])
        self._write(operator, self._op.reshape(mean, operator.output.shape))

    def addition(self, operator: Operator) -> None:
        """See `Writer`."""
        first, second = (self._values[tensor] for tensor in operator.inputs)
        self._write(operator, self._op.add(first, second))

    def pad(self, operator: Operator, pads: Pads) -> None:
        """See `Writer`."""
        top, left, bottom, right = pads
        widths = (0, 0, top, bottom, left, right, 0, 0)
        self._write(operator, self._op.nn.pad(self._values[operator.source], widths))

    def flatten(self, operator: Operator) -> None:
        """See `Writer`."""
        source = self._values[operator.source]
        self._write(operator, self._op.reshape(source, operator.output.shape))

    def _biased(self, product: Any, filters: Filters) -> Any:
        if filters.bias is None:
            return product
        return self._op.add(product, self._constant(filters.bias.constant))

    def _write(self, operator: Operator, value: Any) -> None:
        """Makes an expression, with the activation, the output of an operator."""
        if operator.activation == "RELU":
            value = self._op.nn.relu(value)
        elif operator.activation == "RELU6":
            value = self._op.clip(value, 0.0, 6.0)
        self._values[operator.output] = self._builder.emit(value)
