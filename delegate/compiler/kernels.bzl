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
    targets = sorted(_TARGET_COPTS) + ["table"]
    for target in targets:
        source = "%s_kernels_%s" % (name, target)
        native.genrule(
            name = source + "_source",
            srcs = [":compiler"],
            outs = [source + ".cc"],
            cmd = "python3 -B delegate/compiler/generate.py %s %s > $@" %
                  (name, target),
        )
        native.cc_library(
            name = source,
            srcs = [source + ".cc"],
            copts = LIBRARY_COPTS + select({
                "@platforms//cpu:x86_64": _TARGET_COPTS.get(target, []),
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
    native.cc_library(
        name = name + "_kernels",
        deps = ["%s_kernels_%s" % (name, target) for target in targets],
    )
    native.cc_library(
        name = name + "_kernels_emulated",
        testonly = True,
        deps = [
            "%s_kernels_%s_emulated" % (name, target)
            for target in targets
        ],
    )
