"""TensorFlow Lite: conversion, packing and inspection of models that follow patterns.

`TFLiteConverter` converts a stripped model; `pack` and `unpack` rewrite any `.tflite`; `inspect`
says what a file contains; `verify_packed` compares a packed file with its original. The storage
is described in `docs/fkw.md`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tf_pconv.lite.converter import TFLiteConverter
    from tf_pconv.lite.inspection import ConvolutionReport, ModelReport, inspect
    from tf_pconv.lite.packing import PackResult, pack, unpack
    from tf_pconv.lite.verification import (
        Agreement,
        UnverifiedWarning,
        VerificationError,
        verify_packed,
    )

__all__ = [
    "Agreement",
    "ConvolutionReport",
    "ModelReport",
    "PackResult",
    "TFLiteConverter",
    "UnverifiedWarning",
    "VerificationError",
    "inspect",
    "pack",
    "unpack",
    "verify_packed",
]

# Imported when first used, so that inspecting a file does not wait for the converter.
_MODULES = {
    "TFLiteConverter": "converter",
    "ConvolutionReport": "inspection",
    "ModelReport": "inspection",
    "inspect": "inspection",
    "PackResult": "packing",
    "pack": "packing",
    "unpack": "packing",
    "Agreement": "verification",
    "UnverifiedWarning": "verification",
    "VerificationError": "verification",
    "verify_packed": "verification",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'tf_pconv.lite' has no attribute '{name}'")
    return getattr(importlib.import_module(f"tf_pconv.lite.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
