"""Emits kernels of functions of one value as C++ with intrinsics.

See delegate/core/unary/kernel.h. A function of int8 values is a table of 256 bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from kernel_list import TensorKernel, symbol
from statements import define, indent
from targets import Target

_LANE_BYTES = 16
_NIBBLE = 4  # bits

# The largest input whose exponential is finite, with some distance.
_LOGISTIC_LIMIT = 87
# The logarithm of 2 in two parts, of which the first has few bits.
_LN2_HIGH = 0.693359375
_LN2_LOW = math.log(2) - _LN2_HIGH
_EXPONENTIAL_TERMS = 7
_EXPONENT_BIAS = 127
_MANTISSA_BITS = 23


def functions(target: Target, kernels: Sequence[TensorKernel]) -> Iterator[str]:
    """The functions of kernels of a target."""
    for kernel in kernels:
        name = symbol(kernel)
        yield from _look_up(target, f"{name}_look_up")
        yield ""
        for function, emit in _FLOAT_FUNCTIONS.items():
            yield from _float32(target, f"{name}_{function}", emit)
            yield ""


def members(kernel: TensorKernel) -> Iterator[str]:
    """What a UnaryKernel holds after its size."""
    for function in ("look_up", *_FLOAT_FUNCTIONS):
        yield f"{symbol(kernel)}_{function}"


def _look_up(target: Target, name: str) -> Iterator[str]:
    t = target
    yield f"void {name}(const Int8UnaryArgs* args) {{"
    yield from indent(_tables(t))
    yield f"  for (size_t i = 0; i < args->count; i += {t.vector_bytes}) {{"
    yield from indent(define(t.vector, "inputs", t("load_any", "args->input + i")), 2)
    yield from indent(_found_in_quarters(t) if _has_permutation(t) else _found_in_lanes(t), 2)
    yield f"    {t('store_any', 'args->output + i', 'outputs')};"
    yield "  }"
    yield "}"


def _has_permutation(target: Target) -> bool:
    """Whether one instruction picks bytes from two vectors."""
    return "permute_two8" in target.operations


def _tables(target: Target) -> Iterator[str]:
    t = target
    if _has_permutation(t):
        for quarter in range(4):
            table = t("load", f"args->table + {quarter * t.vector_bytes}")
            yield from define(t.vector, f"table{quarter}", table)
        return
    yield from define(t.vector, "others", t("splat8", "0x70"))
    for lane in range(1 << _NIBBLE):
        table = t("splat_lane", f"args->table + {lane * _LANE_BYTES}")
        yield from define(t.vector, f"table{lane}", table)


def _found_in_quarters(target: Target) -> Iterator[str]:
    """From all four vectors of the table: the highest bit tells the half."""
    t = target
    yield from define(t.vector, "low", t("permute_two8", "table0", "inputs", "table1"))
    yield from define(t.vector, "high", t("permute_two8", "table2", "inputs", "table3"))
    yield from define(t.vector, "outputs", t("select_negative8", "inputs", "low", "high"))


def _found_in_lanes(target: Target) -> Iterator[str]:
    """From each 16 bytes of the table what lies there.

    A shuffle gives 0 for a byte whose highest bit is set. Inputs have it after the saturating sum
    unless the exclusive or has left a number below 16.
    """
    t = target
    total = ""
    for lane in range(1 << _NIBBLE):
        places = "inputs"
        if lane:
            places = t("xor", "inputs", t("splat8", f"(int8_t){lane << _NIBBLE}"))
        found = t("shuffle", f"table{lane}", t("add8_saturate_unsigned", places, "others"))
        yield from define(t.vector, f"found{lane}", found)
        total = t("or", total, f"found{lane}") if lane else "found0"
    yield from define(t.vector, "outputs", total)


def _float32(target: Target, name: str, emit: Callable[[Target], Iterator[str]]) -> Iterator[str]:
    t = target
    yield f"void {name}(const FloatUnaryArgs* args) {{"
    yield f"  for (size_t i = 0; i < args->count; i += {t.floats}) {{"
    yield from indent(define(t.float_vector, "x", t("load_any_float", "args->input + i")), 2)
    yield from indent(emit(t), 2)
    yield f"    {t('store_any_float', 'args->output + i', 'y')};"
    yield "  }"
    yield "}"


def _clamped(target: Target, value: str, low: str, high: str) -> str:
    """The value between two limits; what is no number, the second of two operands, stays none."""
    t = target
    return t(
        "min_float",
        t("splat_float", high),
        t("max_float", t("splat_float", low), value),
    )


def _clamp(target: Target) -> Iterator[str]:
    yield from define(target.float_vector, "y", _clamped(target, "x", "args->min", "args->max"))


def _leaky_relu(target: Target) -> Iterator[str]:
    t = target
    zero = t("zero_float")
    yield from define(t.float_vector, "positive", t("max_float", zero, "x"))
    yield from define(t.float_vector, "negative", t("min_float", zero, "x"))
    slope = t("splat_float", "args->slope")
    yield from define(t.float_vector, "y", t("multiply_add", "negative", slope, "positive"))


def _hard_swish(target: Target) -> Iterator[str]:
    t = target
    gate = _clamped(t, t("add_float", "x", t("splat_float", "3.0f")), "0.0f", "6.0f")
    yield from define(t.float_vector, "gate", gate)
    sixth = t("multiply_float", "gate", t("splat_float", "1.0f / 6.0f"))
    yield from define(t.float_vector, "y", t("multiply_float", "x", sixth))


def _logistic(target: Target) -> Iterator[str]:
    """1 / (1 + e), with e = exp(-x) = 2^power * exp(rest)."""
    t = target
    minus = t("subtract_float", t("zero_float"), "x")
    limit = f"{_LOGISTIC_LIMIT}.0f"
    yield from define(t.float_vector, "z", _clamped(t, minus, "-" + limit, limit))
    scaled = t(
        "multiply_add", "z", t("splat_float", _literal(1 / math.log(2))), t("splat_float", "0.5f")
    )
    yield from define(t.vector, "power", t("floor_to_int", scaled))
    yield from define(t.float_vector, "whole", t("to_float", "power"))
    rest = "z"
    for part in (_LN2_HIGH, _LN2_LOW):
        rest = t("multiply_add", "whole", t("splat_float", _literal(-part)), rest)
    yield from define(t.float_vector, "rest", rest)
    series = t("splat_float", _literal(1 / math.factorial(_EXPONENTIAL_TERMS - 1)))
    for term in reversed(range(_EXPONENTIAL_TERMS - 1)):
        coefficient = t("splat_float", _literal(1 / math.factorial(term)))
        series = t("multiply_add", series, "rest", coefficient)
    yield from define(t.float_vector, "series", series)
    exponent = t("add32", "power", t("splat32", _EXPONENT_BIAS))
    scale = t("as_float", t("shift_left32", exponent, _MANTISSA_BITS))
    one = t("splat_float", "1.0f")
    yield from define(t.float_vector, "sum", t("multiply_add", "series", scale, one))
    yield from define(t.float_vector, "y", t("divide_float", one, "sum"))


def _literal(number: float) -> str:
    return f"{number:.10e}f"


# In the order of UnaryKernel.
_FLOAT_FUNCTIONS: dict[str, Callable[[Target], Iterator[str]]] = {
    "clamp": _clamp,
    "leaky_relu": _leaky_relu,
    "hard_swish": _hard_swish,
    "logistic": _logistic,
}
