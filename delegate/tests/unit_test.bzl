"""How the tests of this package are declared."""

def unit_test(name, deps, srcs = None, size = "small", **kwargs):
    """A GoogleTest whose source file has the name of the test.

    Args:
      name: of the test.
      deps: libraries it tests.
      srcs: source files, `name`.cc if not given.
      size: how long it may take, as in cc_test.
      **kwargs: passed on to cc_test.
    """
    native.cc_test(
        name = name,
        srcs = srcs or [name + ".cc"],
        size = size,
        deps = deps + ["@com_google_googletest//:gtest_main"],
        **kwargs
    )
