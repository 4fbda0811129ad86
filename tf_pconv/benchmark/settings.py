"""How to measure."""

from __future__ import annotations

from typing import TypedDict


class Settings(TypedDict, total=False):
    """How to measure.

    Attributes:
        kernel: Kernel of the delegate by name. Default: the delegate chooses.
        threads: Threads of each contestant, pinned to as many processors. Default: 1.
        seconds: How long to measure, in all. Default: 5.
        loads: How many times all contestants are loaded afresh: where tensors come to lie in memory
            moves times by some per cent. Default: 3.
        seed: Seed of weights and inputs. Default: 0.
        engine_python: Python of an environment that has what an engine outside of this one needs.
            Default: none.
        memory: Whether to measure load time and memory as well, in processes of their own.
            Default: no.
        profile: Whether to measure where the time goes as well, for `seconds` more. Default: no.
    """

    kernel: str
    threads: int
    seconds: float
    loads: int
    seed: int
    engine_python: str
    memory: bool
    profile: bool


def complete(settings: Settings) -> Settings:
    """Returns settings with defaults for what they leave out."""
    defaults: Settings = {
        "kernel": "",
        "threads": 1,
        "seconds": 5.0,
        "loads": 3,
        "seed": 0,
        "engine_python": "",
        "memory": False,
        "profile": False,
    }
    chosen: Settings = {**defaults, **settings}
    if chosen["loads"] < 1:
        raise ValueError(f"loads must be at least 1, but is {chosen['loads']}.")
    return chosen
