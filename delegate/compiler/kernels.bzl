"""Builds the kernels that generate.py writes."""

load("//delegate:copts.bzl", "LIBRARY_COPTS")

# How files of a target are compiled; targets.py says what they contain.
_AVX512 = [
    "-mavx512f",
    "-mavx512bw",
    "-mavx512dq",
    "-mavx512vl",
    "-mfma",
    # GCC 12 warns of the undefined operands in its own AVX-512 intrinsics.
    "-Wno-maybe-uninitialized",
    "-Wno-uninitialized",
]
_TARGET_COPTS = {
    "avx2": ["-mavx2", "-mfma"],
    "avxvnni": ["-mavx2", "-mfma", "-mavxvnni"],
    "avx512": _AVX512,
    "avx512vnni": _AVX512 + ["-mavx512vnni"],
    "avx512vbmi": _AVX512 + ["-mavx512vnni", "-mavx512vbmi", "-mavx512vbmi2"],
}

# SIMDe's many inlined functions compile slowly, and run only in tests.
_EMULATED_COPTS = ["-O1", "-Wno-psabi", "-Wno-unused-function"]

def kernel_family(name, interface):
    """The kernels of a family, and the same sources on emulated intrinsics.

    Args:
      name: family of generate.py. Libraries are `<name>_kernels` and
        `<name>_kernels_emulated`.
      interface: library with the headers that the generated files include.
    """
    for target in _TARGET_COPTS:
        source = "%s_kernels_%s" % (name, target)
        _generated(name, target)
        native.cc_library(
            name = source,
            srcs = [source + ".cc"],
            copts = LIBRARY_COPTS + select({
                "@platforms//cpu:x86_64": _TARGET_COPTS[target],
                "//conditions:default": [],
            }),
            deps = [":intrinsics", interface],
        )
        native.cc_library(
            name = source + "_emulated",
            testonly = True,
            srcs = [source + ".cc"],
            copts = LIBRARY_COPTS + _EMULATED_COPTS,
            local_defines = ["TF_PCONV_EMULATE"],
            deps = [":intrinsics", "@simde", interface],
        )

    table = "%s_kernels_table" % name
    _generated(name, "table")
    native.cc_library(
        name = name + "_kernels",
        srcs = [table + ".cc"],
        copts = LIBRARY_COPTS,
        deps = [":intrinsics", interface] + [
            "%s_kernels_%s" % (name, target)
            for target in _TARGET_COPTS
        ],
    )
    native.cc_library(
        name = name + "_kernels_emulated",
        testonly = True,
        srcs = [table + ".cc"],
        copts = LIBRARY_COPTS + _EMULATED_COPTS,
        local_defines = ["TF_PCONV_EMULATE"],
        deps = [":intrinsics", "@simde", interface] + [
            "%s_kernels_%s_emulated" % (name, target)
            for target in _TARGET_COPTS
        ],
    )

def _generated(family, part):
    native.genrule(
        name = "%s_kernels_%s_source" % (family, part),
        srcs = [":compiler"],
        outs = ["%s_kernels_%s.cc" % (family, part)],
        cmd = "python3 -B delegate/compiler/generate.py %s %s > $@" %
              (family, part),
    )
