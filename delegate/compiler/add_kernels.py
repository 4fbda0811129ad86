"""Emits kernels that add two tensors as C++ with intrinsics; see delegate/core/add/kernel.h."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kernel_list import TensorKernel, symbol
from statements import define, indent
from targets import Target

_QUARTERS = (("low", "low"), ("low", "high"), ("high", "low"), ("high", "high"))


def functions(target: Target, kernels: Sequence[TensorKernel]) -> Iterator[str]:
    """The functions of kernels of a target."""
    for kernel in kernels:
        yield from _int8(target, f"{symbol(kernel)}_int8")
        yield ""
        yield from _float32(target, f"{symbol(kernel)}_float32")
        yield ""


def members(kernel: TensorKernel) -> Iterator[str]:
    """What an AddKernel holds after its size."""
    yield f"{symbol(kernel)}_int8"
    yield f"{symbol(kernel)}_float32"


def _int8(target: Target, name: str) -> Iterator[str]:
    t = target
    yield f"void {name}(const Int8AddArgs* args) {{"
    yield from indent(define(t.vector, "zero", t("splat8", "0")))
    for limit in ("min", "max"):
        yield from indent(define(t.vector, limit, t("splat8", f"args->{limit}")))
    for number in ("multipliers0", "multipliers1", "offset"):
        value = t("splat_float", "args->" + number.replace("0", "[0]").replace("1", "[1]"))
        yield from indent(define(t.float_vector, number, value))
    yield f"  for (size_t i = 0; i < args->count; i += {t.vector_bytes}) {{"
    for number in range(2):
        yield from indent(_widened(t, number), 2)
    for quarter in range(len(_QUARTERS)):
        floats = [t("to_float", f"inputs{number}_{quarter}") for number in range(2)]
        inner = t("multiply_add", floats[1], "multipliers1", "offset")
        total = t("multiply_add", floats[0], "multipliers0", inner)
        yield from indent(define(t.vector, f"sum{quarter}", t("floor_to_int", total)), 2)
    words = (t("narrow32", "sum0", "sum1"), t("narrow32", "sum2", "sum3"))
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


def _float32(target: Target, name: str) -> Iterator[str]:
    t = target
    yield f"void {name}(const FloatAddArgs* args) {{"
    for limit in ("min", "max"):
        yield from indent(define(t.float_vector, limit, t("splat_float", f"args->{limit}")))
    yield f"  for (size_t i = 0; i < args->count; i += {t.floats}) {{"
    inputs = (t("load_any_float", f"args->inputs[{number}] + i") for number in range(2))
    # Of two operands of which one is no number, the second is the result.
    outputs = t("min_float", "max", t("max_float", "min", t("add_float", *inputs)))
    yield from indent(define(t.float_vector, "outputs", outputs), 2)
    yield f"    {t('store_any_float', 'args->output + i', 'outputs')};"
    yield "  }"
    yield "}"
