"""Emits kernels of stems, dense convolutions of few channels, int8 and float32.

In NHWC the inputs of a row of a window lie side by side. A kernel takes them four bytes at once,
repeats these in all lanes of a vector, and multiplies them with the weights of as many filters as
lanes. A tile of pixels and a block of filters share what is loaded: each vector of weights serves
all pixels, each input all vectors of filters, and the sums stay in registers. See
`delegate/core/stem/kernel.h`; `stem/stream.h` describes the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from int8_outputs import limits, quantize_function
from kernel_list import StemBlock, StemKernel, symbol
from statements import define, indent
from targets import Target

_BLOCKS = 3  # kStemBlocks
_STEP_BYTES = 4  # kStemStepBytes
_SUMS = 4  # vectors of sums that make a vector of int8 outputs
_REACH = 3  # windows that one address register reaches


def functions(target: Target, kernels: Sequence[StemKernel]) -> Iterator[str]:
    """The functions of kernels of a target."""
    is_float = kernels[0].is_float
    yield from _load_function(target, is_float)
    yield ""
    yield from _convert_function(target, is_float)
    yield ""
    if not is_float:
        yield from quantize_function(target)
        yield ""
    for kernel in kernels:
        for block in kernel.blocks:
            yield from _Row(kernel, block).function()
            yield ""


def members(kernel: StemKernel) -> Iterator[str]:
    """What a StemKernel holds after its features; see stem/kernel.h."""
    has_bytes = not kernel.is_float and kernel.target.has_dot
    yield "4" if kernel.is_float else "1" if has_bytes else "2"
    yield "128" if has_bytes else "0"
    yield "convert"
    blocks = [
        f"{{{kernel.filters(block)}, {block.pixels}, {_name(kernel, block)}}}"
        for block in kernel.blocks
    ]
    blocks += ["{}"] * (_BLOCKS - len(blocks))
    yield f"{{{', '.join(blocks)}}}"


def _name(kernel: StemKernel, block: StemBlock) -> str:
    return f"{symbol(kernel)}_block{kernel.filters(block)}"


def _load_function(t: Target, is_float: bool) -> Iterator[str]:
    """The function `repeat`: a step of inputs, wherever it lies, in all lanes."""
    value, vector = ("float", t.float_vector) if is_float else ("int32_t", t.vector)
    yield f"inline {vector} repeat(const uint8_t* inputs) {{"
    yield f"  {value} step;"
    yield "  __builtin_memcpy(&step, inputs, sizeof(step));"
    yield f"  return {t('splat_float' if is_float else 'splat32', 'step')};"
    yield "}"


def _convert_function(t: Target, is_float: bool) -> Iterator[str]:
    """The function `convert`: from values of the image to inputs."""
    yield "void convert(const void* values, size_t count, void* inputs) {"
    if is_float:
        yield "  __builtin_memcpy(inputs, values, count * sizeof(float));"
        yield "}"
        return
    if t.has_dot:
        value, input_type, at_once = "from[i] + 128", "uint8_t", t.vector_bytes
        vector = t("xor", t("load_any", "from + i"), t("splat8", "-128"))
    else:
        value, input_type, at_once = "from[i]", "int16_t", t.vector_bytes // 2
        vector = t("widen_any8", "from + i")
    yield "  const int8_t* from = (const int8_t*)values;"
    yield f"  {input_type}* to = ({input_type}*)inputs;"
    yield "  size_t i = 0;"
    yield f"  for (; i + {at_once} <= count; i += {at_once}) {{"
    yield f"    {t('store_any', 'to + i', vector)};"
    yield "  }"
    yield f"  for (; i < count; ++i) to[i] = ({input_type})({value});"
    yield "}"


class _Row:
    """Emits the function of a kernel for a block of filters."""

    def __init__(self, kernel: StemKernel, block: StemBlock) -> None:
        self.target = kernel.target
        self.is_float = kernel.is_float
        self.vector = self.target.float_vector if kernel.is_float else self.target.vector
        self.vectors = range(block.vectors)
        self.pixels = range(block.pixels)
        self.filters = kernel.filters(block)
        self.name = _name(kernel, block)

    def load(self, place: str) -> str:
        """A vector of the stream."""
        if self.is_float:
            return self.target("load_float", f"(const float*)({place})")
        return self.target("load", place)

    def part(self, name: str, index: int) -> str:
        """Address of a vector of a part of the stream."""
        return f"{name} + {index * self.target.vector_bytes}"

    def product(self, total: str, inputs: str, weights: str) -> str:
        t = self.target
        if self.is_float:
            return t("multiply_add", inputs, weights, total)
        if t.has_dot:
            return t("dot", total, inputs, weights)
        return t("add32", total, t("widen_pairs", inputs, weights))

    def step(self) -> Iterator[str]:
        """Multiplies four bytes of each window."""
        for v in self.vectors:
            value = self.load(self.part("weights", v))
            yield from define(self.vector, f"weight{v}", value, keep=True)
        yield f"weights += {len(self.vectors) * self.target.vector_bytes};"
        for p in self.pixels:
            base, place = p - p % _REACH, p % _REACH
            yield f"const {self.vector} input{p} = repeat(inputs{base} + {place} * window_bytes);"
            for v in self.vectors:
                total = f"sum{p}_{v}"
                yield f"{total} = {self.product(total, f'input{p}', f'weight{v}')};"
        for base in self.pixels[::_REACH]:
            yield f"inputs{base} += {_STEP_BYTES};"

    def multiply(self) -> Iterator[str]:
        """Sums the products of a tile."""
        for v in self.vectors:
            for p in self.pixels:
                value = self.load(self.part("bias", v))
                yield f"{self.vector} sum{p}_{v} = {value};"
        yield "const uint8_t* weights = first_weight;"
        yield "for (size_t row = 0; row < args->window_rows; ++row) {"
        for base in self.pixels[::_REACH]:
            start = f"args->rows[row] + (x + {base}) * window_bytes"
            yield f"  const uint8_t* inputs{base} = {start};"
        yield "  for (size_t step = args->steps; step != 0; --step) {"
        yield from indent(self.step(), 2)
        yield "  }"
        yield "}"
        # What follows needs registers, too: sums may leave theirs here, not at each step.
        for p in self.pixels:
            for v in self.vectors:
                yield f"TF_PCONV_KEEP(sum{p}_{v});"

    def store_floats(self) -> Iterator[str]:
        t = self.target
        for limit in ("min", "max"):
            yield from define(t.float_vector, limit, t("splat_float", f"args->float_{limit}"))
        for p in self.pixels:
            yield f"if (x + {p} < count) {{"
            yield f"  float* output = (float*)(outputs + {p} * pixel_bytes);"
            for v in self.vectors:
                # A NaN passes: both operations return their second argument then.
                value = t("min_float", "max", t("max_float", "min", f"sum{p}_{v}"))
                yield f"  {t('store_any_float', f'output + {v * t.floats}', value)};"
            yield "}"

    def store_bytes(self) -> Iterator[str]:
        """Quantises and stores the sums, as many pixels at once as fill a vector."""
        t = self.target
        together = _SUMS // len(self.vectors)
        yield from limits(t)
        for first in self.pixels[::together]:
            sums = [f"sum{p}_{v}" for p in range(first, first + together) for v in self.vectors]
            for index, total in enumerate(sums):
                v = index % len(self.vectors)
                multiplier = t("as_float", self.load(self.part("multipliers", v)))
                offset = t("as_float", self.load(self.part("offsets", v)))
                yield f"{total} = quantize({total},"
                yield f"    {multiplier},"
                yield f"    {offset});"
            value = f"narrow({', '.join(sums)}, center, min, max)"
            yield from define(t.vector, f"outputs{first}", value)
            for index in range(together):
                pixel = first + index
                yield f"if (x + {pixel} < count) {{"
                yield f"  {self.store_part(f'outputs + {pixel} * pixel_bytes', first, index)};"
                yield "}"

    def store_part(self, place: str, first: int, index: int) -> str:
        """Stores the outputs of a pixel, part `index` of a vector."""
        t = self.target
        if self.filters == t.vector_bytes:
            return t("store_any", place, f"outputs{first}")
        if self.filters == 16:
            lane = t(f"lane{index}", f"outputs{first}")
            return f"_mm_storeu_si128((__m128i*)({place}), {lane})"
        half = t(f"half{index}", f"outputs{first}")
        return f"_mm256_storeu_si256((__m256i*)({place}), {half})"

    def function(self) -> Iterator[str]:
        yield f"void {self.name}(const StemRowArgs* args) {{"
        parts = ("bias",) if self.is_float else ("bias", "multipliers", "offsets")
        for index, name in enumerate((*parts, "first_weight")):
            place = self.part("args->stream", index * len(self.vectors))
            yield f"  const uint8_t* {name} = {place};"
        yield "  const size_t window_bytes = args->window_bytes;"
        yield "  const size_t pixel_bytes = args->pixel_bytes;"
        yield "  const size_t count = args->count;"
        yield "  uint8_t* outputs = args->outputs;"
        yield f"  for (size_t x = 0; x < count; x += {len(self.pixels)}) {{"
        yield from indent(self.multiply(), 2)
        yield from indent(self.store_floats() if self.is_float else self.store_bytes(), 2)
        yield f"    outputs += {len(self.pixels)} * pixel_bytes;"
        yield "  }"
        yield "}"
