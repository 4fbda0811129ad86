"""Statements of C++ that all emitters write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def indent(lines: Iterable[str], levels: int = 1) -> Iterator[str]:
    """The lines, as the body of what stands around them."""
    for line in lines:
        yield "  " * levels + line


def define(vector: str, name: str, value: str, *, keep: bool = False) -> Iterator[str]:
    """A vector; `keep` stops compilers from loading it once for each use."""
    yield f"{'' if keep else 'const '}{vector} {name} ="
    yield f"    {value};"
    if keep:
        yield f"TF_PCONV_KEEP({name});"


def walk(count: str, words: int, body: Iterable[str]) -> Iterator[str]:
    """Runs the body `count` times, each with the next words of the stream."""
    yield f"for (uint32_t i = {count}; i != 0; --i) {{"
    yield from indent(body)
    yield f"  stream += {words};"
    yield "}"
