"""How to measure."""

from __future__ import annotations

from typing import TypedDict


class Settings(TypedDict, total=False):
    """How to measure.

    Attributes:
        kernel: Kernel of the delegate by name. Default: the delegate chooses.
        threads: Threads of each contestant, pinned to as many processors. Default: 1.
        seconds: How long to measure. Default: 5.
        seed: Seed of weights and inputs. Default: 0.
        memory: Whether to measure load time and memory as well, in processes of their own.
            Default: no.
    """

    kernel: str
    threads: int
    seconds: float
    seed: int
    memory: bool


def complete(settings: Settings) -> Settings:
    """Returns settings with defaults for what they leave out."""
    defaults: Settings = {"kernel": "", "threads": 1, "seconds": 5.0, "seed": 0, "memory": False}
    return {**defaults, **settings}
