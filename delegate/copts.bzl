"""How the delegate library is compiled."""

# The library must also load where there is no C++ runtime library.
LIBRARY_COPTS = [
    "-fno-exceptions",
    "-fno-rtti",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
]
