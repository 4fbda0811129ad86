"""Timing against every engine that a user could pick.

`benchmark_layer`, `benchmark_network` and `benchmark_model` each return a `Comparison`;
`print_results` shows them. `tf-pconv bench` is this package's command.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tf_pconv.benchmark.comparison import (
        benchmark_layer,
        benchmark_model,
        benchmark_network,
        compare,
        time_dense,
    )
    from tf_pconv.benchmark.layer_case import LayerCase
    from tf_pconv.benchmark.machine import describe_machine
    from tf_pconv.benchmark.network_case import NetworkCase
    from tf_pconv.benchmark.report import print_results
    from tf_pconv.benchmark.results import Comparison, Rival
    from tf_pconv.benchmark.subject import Subject

__all__ = [
    "Comparison",
    "LayerCase",
    "NetworkCase",
    "Rival",
    "Subject",
    "benchmark_layer",
    "benchmark_model",
    "benchmark_network",
    "compare",
    "describe_machine",
    "print_results",
    "time_dense",
]

# Imported when first used, so that one part does not wait for the others.
_MODULES = {
    "Comparison": "results",
    "LayerCase": "layer_case",
    "NetworkCase": "network_case",
    "Rival": "results",
    "Subject": "subject",
    "benchmark_layer": "comparison",
    "benchmark_model": "comparison",
    "benchmark_network": "comparison",
    "compare": "comparison",
    "describe_machine": "machine",
    "print_results": "report",
    "time_dense": "comparison",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'tf_pconv.benchmark' has no attribute '{name}'")
    return getattr(importlib.import_module(f"tf_pconv.benchmark.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
