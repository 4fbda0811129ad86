"""Emits how int8 kernels make outputs of sums; see delegate/core/output_stage.h."""

from __future__ import annotations

from collections.abc import Iterator

from statements import define
from targets import Target


def limits(target: Target) -> Iterator[str]:
    """Defines the last three arguments of `narrow`, of those of a kernel's function."""
    yield from define(target.vector, "min", target("splat8", "args->min"))
    yield from define(target.vector, "max", target("splat8", "args->max"))
    yield from define(target.vector, "center", target("splat16", "args->center"))


def quantize_function(target: Target) -> Iterator[str]:
    """The functions `quantize` and `narrow`, with which kernels of int8 finish their sums.

    `narrow_lanes` is for kernels whose sums are in such an order that nothing has to be moved
    between lanes.
    """
    t = target
    yield "// Outputs of sums before the zero point is added, in halves, one in each 32"
    yield "// bits; see output_stage.h."
    yield f"inline {t.vector} quantize({t.vector} sum, {t.float_vector} multiplier,"
    yield f"                        {t.float_vector} offset) {{"
    away = t("copy_sign", "offset", t("as_float", "sum"))
    yield f"  const {t.float_vector} away = {away};"
    halves = t("multiply_add", t("to_float", "sum"), "multiplier", "away")
    yield f"  const {t.float_vector} halves = {halves};"
    yield f"  return {t('floor_to_int', 'halves')};"
    yield "}"
    yield ""
    arguments = (
        f"({t.vector} a, {t.vector} b, {t.vector} c, {t.vector} d,",
        f"    {t.vector} center, {t.vector} min, {t.vector} max) {{",
    )
    yield "// Rounds four vectors of halves, adds the zero point and clamps. `center` is twice"
    yield "// the zero point and the half that rounds. Each lane holds a lane of a, of b..."
    yield f"inline {t.vector} narrow_lanes{arguments[0]}"
    yield arguments[1]
    for name, pair in (("low", ("a", "b")), ("high", ("c", "d"))):
        words = t("halve16", t("add16_saturate", t("narrow32", *pair), "center"))
        yield f"  const {t.vector} {name} = {words};"
    clamped = t("min8", t("max8", t("narrow16", "low", "high"), "min"), "max")
    yield f"  return {clamped};"
    yield "}"
    yield ""
    yield "// The same in order."
    yield f"inline {t.vector} narrow{arguments[0]}"
    yield arguments[1]
    yield f"  const {t.vector} lanes = narrow_lanes(a, b, c, d, center, min, max);"
    order = ", ".join(str(k % t.lanes * 4 + k // t.lanes) for k in range(t.floats))
    yield f"  const {t.vector} order = {t('set32', order)};"
    yield f"  return {t('permute32', 'lanes', 'order')};"
    yield "}"
