"""What each instruction set offers to the kernel emitters.

A target is data: the type of a vector and, for each operation that an emitter
uses, the expression that performs it. A new instruction set is a new entry, and
its compiler options a line of `kernels.bzl`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Target:
    """An instruction set.

    Attributes:
        name: Last part of kernel names.
        features: Names of the `CpuFeature` bits that a processor must have.
        guard: Preprocessor condition under which its files have content.
        vector_bytes: Bytes of a vector register.
        vector: C type of an integer vector.
        float_vector: C type of a float vector.
        operations: Operation -> C expression; `{0}`, `{1}`... are arguments.
    """

    name: str
    features: tuple[str, ...]
    guard: str
    vector_bytes: int
    vector: str
    float_vector: str
    operations: Mapping[str, str]

    @property
    def lanes(self) -> int:
        """16-byte lanes of a vector."""
        return self.vector_bytes // 16

    @property
    def floats(self) -> int:
        """Floats of a vector."""
        return self.vector_bytes // 4

    @property
    def has_dot(self) -> bool:
        """Whether there is a dot product of bytes; else products are added in 16 bits first."""
        return "dot" in self.operations

    def __call__(self, operation: str, *arguments: object) -> str:
        """The expression of an operation."""
        return self.operations[operation].format(*arguments)


_X86 = "defined(__x86_64__)"

_AVX2 = {
    # 16 bytes from each address.
    "load_lanes": (
        "_mm256_inserti128_si256(_mm256_castsi128_si256("
        "_mm_loadu_si128((const __m128i*)({0}))), "
        "_mm_loadu_si128((const __m128i*)({1})), 1)"
    ),
    # To integers of half the size, in each 16-byte lane.
    "narrow32": "_mm256_packs_epi32({0}, {1})",
    "narrow16": "_mm256_packs_epi16({0}, {1})",
    "add16_saturate": "_mm256_adds_epi16({0}, {1})",
    "halve16": "_mm256_srai_epi16({0}, 1)",
    "min8": "_mm256_min_epi8({0}, {1})",
    "max8": "_mm256_max_epi8({0}, {1})",
    "set32": "_mm256_setr_epi32({0})",
    "permute32": "_mm256_permutevar8x32_epi32({0}, {1})",
    # The first quarters of a vector.
    "store_first2": "_mm_storeu_si128((__m128i*)({0}), _mm256_castsi256_si128({1}))",
    "store_first4": "_mm256_storeu_si256((__m256i*)({0}), {1})",
    "load": "_mm256_load_si256((const __m256i*)({0}))",
    "load_any": "_mm256_loadu_si256((const __m256i*)({0}))",
    # Signed bytes to 16 bits.
    "widen8": "_mm256_cvtepi8_epi16(_mm_load_si128((const __m128i*)({0})))",
    "widen_any8": "_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)({0})))",
    # The halves of a vector of 16 bits to 32 bits.
    "widen16_low": "_mm256_cvtepi16_epi32(_mm256_castsi256_si128({0}))",
    "widen16_high": "_mm256_cvtepi16_epi32(_mm256_extracti128_si256({0}, 1))",
    "lane0": "_mm256_castsi256_si128({0})",
    "lane1": "_mm256_extracti128_si256({0}, 1)",
    "store": "_mm256_store_si256((__m256i*)({0}), {1})",
    "store_any": "_mm256_storeu_si256((__m256i*)({0}), {1})",
    "xor": "_mm256_xor_si256({0}, {1})",
    "or": "_mm256_or_si256({0}, {1})",
    "splat8": "_mm256_set1_epi8({0})",
    "splat16": "_mm256_set1_epi16({0})",
    "splat32": "_mm256_set1_epi32({0})",
    "splat_lane": "_mm256_broadcastsi128_si256(_mm_load_si128((const __m128i*)({0})))",
    "shuffle": "_mm256_shuffle_epi8({0}, {1})",
    "unpack_low8": "_mm256_unpacklo_epi8({0}, {1})",
    "unpack_high8": "_mm256_unpackhi_epi8({0}, {1})",
    "unpack_low16": "_mm256_unpacklo_epi16({0}, {1})",
    "unpack_high16": "_mm256_unpackhi_epi16({0}, {1})",
    "shift_left16": "_mm256_slli_epi16({0}, {1})",
    "shift_right16": "_mm256_srai_epi16({0}, {1})",
    "add16": "_mm256_add_epi16({0}, {1})",
    "add32": "_mm256_add_epi32({0}, {1})",
    "shift_left32": "_mm256_slli_epi32({0}, {1})",
    "add8_saturate_unsigned": "_mm256_adds_epu8({0}, {1})",
    "multiply_pairs": "_mm256_maddubs_epi16({0}, {1})",
    "widen_pairs": "_mm256_madd_epi16({0}, {1})",
    "to_float": "_mm256_cvtepi32_ps({0})",
    "floor_to_int": "_mm256_cvtps_epi32(_mm256_floor_ps({0}))",
    "as_float": "_mm256_castsi256_ps({0})",
    "as_integer": "_mm256_castps_si256({0})",
    "splat_float": "_mm256_set1_ps({0})",
    # {0}, which is positive, with the sign of {1}.
    "copy_sign": "_mm256_or_ps({0}, _mm256_and_ps({1}, _mm256_set1_ps(-0.0f)))",
    "max_float": "_mm256_max_ps({0}, {1})",
    "min_float": "_mm256_min_ps({0}, {1})",
    "zero_float": "_mm256_setzero_ps()",
    "load_float": "_mm256_load_ps({0})",
    "load_any_float": "_mm256_loadu_ps({0})",
    "store_float": "_mm256_store_ps({0}, {1})",
    "store_any_float": "_mm256_storeu_ps({0}, {1})",
    "add_float": "_mm256_add_ps({0}, {1})",
    "subtract_float": "_mm256_sub_ps({0}, {1})",
    "multiply_float": "_mm256_mul_ps({0}, {1})",
    "divide_float": "_mm256_div_ps({0}, {1})",
    "multiply_add": "_mm256_fmadd_ps({0}, {1}, {2})",
    # The floats of {0} one lane up; into the lowest comes the highest of {1}.
    "move_up": (
        "_mm256_castsi256_ps(_mm256_alignr_epi8(_mm256_castps_si256({0}), "
        "_mm256_castps_si256(_mm256_permute2f128_ps({1}, {0}, 0x21)), 12))"
    ),
    # Transposes blocks of 1, 2, 4... floats of two vectors.
    "transpose1_low": "_mm256_unpacklo_ps({0}, {1})",
    "transpose1_high": "_mm256_unpackhi_ps({0}, {1})",
    "transpose2_low": (
        "_mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd({0}), _mm256_castps_pd({1})))"
    ),
    "transpose2_high": (
        "_mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd({0}), _mm256_castps_pd({1})))"
    ),
    "transpose4_low": "_mm256_permute2f128_ps({0}, {1}, 0x20)",
    "transpose4_high": "_mm256_permute2f128_ps({0}, {1}, 0x31)",
}

_AVX512 = {
    "load_lanes": (
        "_mm512_inserti32x4(_mm512_inserti32x4(_mm512_inserti32x4("
        "_mm512_castsi128_si512(_mm_loadu_si128((const __m128i*)({0}))), "
        "_mm_loadu_si128((const __m128i*)({1})), 1), "
        "_mm_loadu_si128((const __m128i*)({2})), 2), "
        "_mm_loadu_si128((const __m128i*)({3})), 3)"
    ),
    # 32 bytes from each address.
    "load_halves": (
        "_mm512_inserti64x4(_mm512_castsi256_si512("
        "_mm256_loadu_si256((const __m256i*)({0}))), "
        "_mm256_loadu_si256((const __m256i*)({1})), 1)"
    ),
    "half0": "_mm512_castsi512_si256({0})",
    "half1": "_mm512_extracti64x4_epi64({0}, 1)",
    "widen_any8": "_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i*)({0})))",
    "widen16_low": "_mm512_cvtepi16_epi32(_mm512_castsi512_si256({0}))",
    "widen16_high": "_mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64({0}, 1))",
    "narrow32": "_mm512_packs_epi32({0}, {1})",
    "narrow16": "_mm512_packs_epi16({0}, {1})",
    "add16_saturate": "_mm512_adds_epi16({0}, {1})",
    "halve16": "_mm512_srai_epi16({0}, 1)",
    "min8": "_mm512_min_epi8({0}, {1})",
    "max8": "_mm512_max_epi8({0}, {1})",
    "set32": "_mm512_setr_epi32({0})",
    "permute32": "_mm512_permutexvar_epi32({1}, {0})",
    "store_first1": "_mm_storeu_si128((__m128i*)({0}), _mm512_castsi512_si128({1}))",
    "store_first2": "_mm256_storeu_si256((__m256i*)({0}), _mm512_castsi512_si256({1}))",
    "store_first4": "_mm512_storeu_si512({0}, {1})",
    "load": "_mm512_load_si512({0})",
    "load_any": "_mm512_loadu_si512({0})",
    "lane0": "_mm512_castsi512_si128({0})",
    "lane1": "_mm512_extracti32x4_epi32({0}, 1)",
    "lane2": "_mm512_extracti32x4_epi32({0}, 2)",
    "lane3": "_mm512_extracti32x4_epi32({0}, 3)",
    "store": "_mm512_store_si512({0}, {1})",
    "store_any": "_mm512_storeu_si512({0}, {1})",
    "xor": "_mm512_xor_si512({0}, {1})",
    "or": "_mm512_or_si512({0}, {1})",
    "splat8": "_mm512_set1_epi8({0})",
    "splat16": "_mm512_set1_epi16({0})",
    "splat32": "_mm512_set1_epi32({0})",
    "splat_lane": "_mm512_broadcast_i32x4(_mm_load_si128((const __m128i*)({0})))",
    "shuffle": "_mm512_shuffle_epi8({0}, {1})",
    "unpack_low8": "_mm512_unpacklo_epi8({0}, {1})",
    "unpack_high8": "_mm512_unpackhi_epi8({0}, {1})",
    "unpack_low16": "_mm512_unpacklo_epi16({0}, {1})",
    "unpack_high16": "_mm512_unpackhi_epi16({0}, {1})",
    "add16": "_mm512_add_epi16({0}, {1})",
    "add32": "_mm512_add_epi32({0}, {1})",
    "shift_left32": "_mm512_slli_epi32({0}, {1})",
    "add8_saturate_unsigned": "_mm512_adds_epu8({0}, {1})",
    "dot": "_mm512_dpbusd_epi32({0}, {1}, {2})",
    "to_float": "_mm512_cvtepi32_ps({0})",
    "floor_to_int": ("_mm512_cvt_roundps_epi32({0}, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)"),
    "as_float": "_mm512_castsi512_ps({0})",
    "as_integer": "_mm512_castps_si512({0})",
    "splat_float": "_mm512_set1_ps({0})",
    "copy_sign": (
        "_mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512({0}), "
        "_mm512_and_si512(_mm512_castps_si512({1}), _mm512_set1_epi32(INT32_MIN))))"
    ),
    "max_float": "_mm512_max_ps({0}, {1})",
    "min_float": "_mm512_min_ps({0}, {1})",
    "zero_float": "_mm512_setzero_ps()",
    "load_float": "_mm512_load_ps({0})",
    "load_any_float": "_mm512_loadu_ps({0})",
    "store_float": "_mm512_store_ps({0}, {1})",
    "store_any_float": "_mm512_storeu_ps({0}, {1})",
    "add_float": "_mm512_add_ps({0}, {1})",
    "subtract_float": "_mm512_sub_ps({0}, {1})",
    "multiply_float": "_mm512_mul_ps({0}, {1})",
    "divide_float": "_mm512_div_ps({0}, {1})",
    "multiply_add": "_mm512_fmadd_ps({0}, {1}, {2})",
    "move_up": (
        "_mm512_castsi512_ps(_mm512_alignr_epi32("
        "_mm512_castps_si512({0}), _mm512_castps_si512({1}), 15))"
    ),
    "transpose1_low": "_mm512_unpacklo_ps({0}, {1})",
    "transpose1_high": "_mm512_unpackhi_ps({0}, {1})",
    "transpose2_low": (
        "_mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd({0}), _mm512_castps_pd({1})))"
    ),
    "transpose2_high": (
        "_mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd({0}), _mm512_castps_pd({1})))"
    ),
    "transpose4_low": "_mm512_shuffle_f32x4({0}, {1}, 0x88)",
    "transpose4_high": "_mm512_shuffle_f32x4({0}, {1}, 0xdd)",
    "transpose8_low": "_mm512_shuffle_f32x4({0}, {1}, 0x88)",
    "transpose8_high": "_mm512_shuffle_f32x4({0}, {1}, 0xdd)",
}

TARGETS = {
    target.name: target
    for target in (
        Target(
            name="avx2",
            features=("kAvx2",),
            guard=_X86,
            vector_bytes=32,
            vector="__m256i",
            float_vector="__m256",
            operations=_AVX2,
        ),
        Target(
            name="avxvnni",
            features=("kAvx2", "kAvxVnni"),
            guard=_X86,
            vector_bytes=32,
            vector="__m256i",
            float_vector="__m256",
            operations={**_AVX2, "dot": "_mm256_dpbusd_avx_epi32({0}, {1}, {2})"},
        ),
        Target(
            name="avx512",
            features=("kAvx2", "kAvx512"),
            guard=_X86,
            vector_bytes=64,
            vector="__m512i",
            float_vector="__m512",
            operations=_AVX512,
        ),
        Target(
            name="avx512vnni",
            features=("kAvx2", "kAvx512", "kAvx512Vnni"),
            guard=_X86,
            vector_bytes=64,
            vector="__m512i",
            float_vector="__m512",
            operations=_AVX512,
        ),
        Target(
            name="avx512vbmi",
            features=("kAvx2", "kAvx512", "kAvx512Vnni", "kAvx512Vbmi"),
            guard=_X86,
            vector_bytes=64,
            vector="__m512i",
            float_vector="__m512",
            operations={
                **_AVX512,
                "permute8": "_mm512_permutexvar_epi8({1}, {0})",
                # Bytes {1} of the two vectors {0} and {2}.
                "permute_two8": "_mm512_permutex2var_epi8({0}, {1}, {2})",
                # Bytes of {2} where those of {0} are negative, else of {1}.
                "select_negative8": ("_mm512_mask_blend_epi8(_mm512_movepi8_mask({0}), {1}, {2})"),
                # The bytes at {1} whose bit is set in {0}; no others are read.
                "compress8": ("_mm512_maskz_compress_epi8({0}, _mm512_maskz_loadu_epi8({0}, {1}))"),
            },
        ),
    )
}
