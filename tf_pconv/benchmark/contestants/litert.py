"""LiteRT: XNNPACK alone, and with the delegate of this project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_pconv.benchmark.contestants.contestant import Contestant

if TYPE_CHECKING:
    import numpy.typing as npt


class LiteRt(Contestant):
    """An interpreter of LiteRT with allocated tensors."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self._inputs = interpreter.get_input_details()
        self._outputs = interpreter.get_output_details()
        integers = np.issubdtype(self._inputs[0]["dtype"], np.integer)
        self.numbers = np.dtype(self._inputs[0]["dtype"]).name if integers else "fp32"

    def set_inputs(self, inputs: Sequence[npt.NDArray[Any]]) -> None:
        """See `Contestant`."""
        for detail, value in zip(self._inputs, inputs, strict=True):
            self._interpreter.set_tensor(detail["index"], value)

    def invoke(self) -> None:
        """See `Contestant`."""
        self._interpreter.invoke()

    def outputs(self) -> list[npt.NDArray[Any]]:
        """See `Contestant`."""
        return [self._interpreter.get_tensor(detail["index"]) for detail in self._outputs]

    def random_inputs(self, seed: int) -> list[npt.NDArray[Any]]:
        """Returns inputs that fit: integers over their whole range, or normal random numbers."""
        random = np.random.default_rng(seed)
        return [
            _random_values(random, detail["shape"], np.dtype(detail["dtype"]))
            for detail in self._inputs
        ]


def open_xnnpack(model: bytes, threads: int) -> LiteRt:
    """Loads a `.tflite` in LiteRT, whose default is XNNPACK."""
    from tf_pconv.lite.delegation import open_alone

    return LiteRt(open_alone(model, threads))


def open_reference(model: bytes) -> LiteRt:
    """Loads a `.tflite` in LiteRT's reference kernels, which are slow and define the result."""
    from ai_edge_litert import interpreter as lite

    resolver = lite.OpResolverType.BUILTIN_REF
    interpreter = lite.Interpreter(model_content=model, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    return LiteRt(interpreter)


def open_with_delegate(model: bytes, threads: int, kernel: str = "") -> LiteRt:
    """Loads a `.tflite` in LiteRT with the delegate, which may find nothing that it takes."""
    from tf_pconv.lite.delegation import open_delegated

    return LiteRt(open_delegated(model, {"kernel": kernel}, threads, required=False)[0])


def _random_values(
    random: np.random.Generator, shape: Sequence[int], dtype: np.dtype
) -> npt.NDArray[Any]:
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return random.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    return random.standard_normal(shape).astype(dtype)
