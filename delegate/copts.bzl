"""How the delegate library is compiled."""

# The library must also load where there is no C++ runtime library.
LIBRARY_COPTS = [
    # The same roundings, whether or not the processor has fused operations.
    "-ffp-contract=off",
    "-fno-exceptions",
    "-fno-rtti",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
]
