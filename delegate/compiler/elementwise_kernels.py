"""Emits kernels of sums and products as C++; see delegate/core/elementwise/kernel.h."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from kernel_list import TensorKernel, symbol
from statements import define, indent
from targets import Target

_QUARTERS = (("low", "low"), ("low", "high"), ("high", "low"), ("high", "high"))


def functions(target: Target, kernels: Sequence[TensorKernel]) -> Iterator[str]:
    """The functions of kernels of a target."""
    for kernel in kernels:
        add, multiply, add_float, multiply_float = members(kernel)
        yield from _int8(target, add, "Int8SumArgs", _SUM, _sum)
        yield ""
        yield from _int8(target, multiply, "Int8ProductArgs", _PRODUCT, _product)
        yield ""
        yield from _float32(target, add_float, "add_float")
        yield ""
        yield from _float32(target, multiply_float, "multiply_float")
        yield ""


def members(kernel: TensorKernel) -> Iterator[str]:
    """What an ElementwiseKernel holds after its size."""
    for function in ("add_int8", "multiply_int8", "add_float32", "multiply_float32"):
        yield f"{symbol(kernel)}_{function}"


# Floats that are the same for all outputs, and the members that hold them.
_SUM = {
    "multiplier0": "multipliers[0]",
    "multiplier1": "multipliers[1]",
    "offset": "offset",
}
_PRODUCT = {
    "zero0": "zeros[0]",
    "zero1": "zeros[1]",
    "multiplier": "multiplier",
    "offset": "offset",
}


def _sum(target: Target, first: str, second: str) -> str:
    t = target
    inner = t("multiply_add", second, "multiplier1", "offset")
    return t("multiply_add", first, "multiplier0", inner)


def _product(target: Target, first: str, second: str) -> str:
    t = target
    # Differences of bytes, and the product of two: floats hold them exactly.
    differences = (t("subtract_float", first, "zero0"), t("subtract_float", second, "zero1"))
    return t("multiply_add", t("multiply_float", *differences), "multiplier", "offset")


def _int8(
    target: Target,
    name: str,
    args: str,
    floats: Mapping[str, str],
    combine: Callable[[Target, str, str], str],
) -> Iterator[str]:
    t = target
    yield f"void {name}(const {args}* args) {{"
    yield from indent(define(t.vector, "zero", t("splat8", "0")))
    for limit in ("min", "max"):
        yield from indent(define(t.vector, limit, t("splat8", f"args->{limit}")))
    for number, member in floats.items():
        yield from indent(define(t.float_vector, number, t("splat_float", f"args->{member}")))
    yield f"  for (size_t i = 0; i < args->count; i += {t.vector_bytes}) {{"
    for number in range(2):
        yield from indent(_widened(t, number), 2)
    for quarter in range(len(_QUARTERS)):
        operands = [t("to_float", f"inputs{number}_{quarter}") for number in range(2)]
        result = t("floor_to_int", combine(t, *operands))
        yield from indent(define(t.vector, f"result{quarter}", result), 2)
    words = (t("narrow32", "result0", "result1"), t("narrow32", "result2", "result3"))
    outputs = t("min8", t("max8", t("narrow16", *words), "min"), "max")
    yield from indent(define(t.vector, "outputs", outputs), 2)
    yield f"    {t('store_any', 'args->output + i', 'outputs')};"
    yield "  }"
    yield "}"


def _widened(target: Target, number: int) -> Iterator[str]:
    """Bytes as the highest ones of 32 bits, in an order that narrowing undoes."""
    t = target
    yield from define(t.vector, f"bytes{number}", t("load_any", f"args->inputs[{number}] + i"))
    for half in ("low", "high"):
        words = t(f"unpack_{half}8", "zero", f"bytes{number}")
        yield from define(t.vector, f"{half}{number}", words)
    for quarter, (half, part) in enumerate(_QUARTERS):
        value = t(f"unpack_{part}16", "zero", f"{half}{number}")
        yield from define(t.vector, f"inputs{number}_{quarter}", value)


def _float32(target: Target, name: str, operation: str) -> Iterator[str]:
    t = target
    yield f"void {name}(const FloatElementwiseArgs* args) {{"
    for limit in ("min", "max"):
        yield from indent(define(t.float_vector, limit, t("splat_float", f"args->{limit}")))
    yield f"  for (size_t i = 0; i < args->count; i += {t.floats}) {{"
    inputs = (t("load_any_float", f"args->inputs[{number}] + i") for number in range(2))
    # Of two operands of which one is no number, the second is the result.
    outputs = t("min_float", "max", t("max_float", "min", t(operation, *inputs)))
    yield from indent(define(t.float_vector, "outputs", outputs), 2)
    yield f"    {t('store_any_float', 'args->output + i', 'outputs')};"
    yield "  }"
    yield "}"
