"""TensorFlow Lite: conversion, packing and inspection of models that follow patterns.

`TFLiteConverter` converts a stripped model; `pack` and `unpack` rewrite any `.tflite`; `inspect`
says what a file contains; `verify_packed` compares a packed file with its original. The storage
is described in `docs/fkw.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tf_pconv.lazy import lazy_names

if TYPE_CHECKING:
    from tf_pconv.lite.converter import TFLiteConverter
    from tf_pconv.lite.inspection import ConvolutionReport, ModelReport, inspect
    from tf_pconv.lite.packing import PackResult, pack, unpack
    from tf_pconv.lite.tuning import TuningReport, tune, tuning_path
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
    "TuningReport",
    "UnverifiedWarning",
    "VerificationError",
    "inspect",
    "pack",
    "tune",
    "tuning_path",
    "unpack",
    "verify_packed",
]

# So that inspecting a file does not wait for the converter.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "TFLiteConverter": "converter",
        "ConvolutionReport": "inspection",
        "ModelReport": "inspection",
        "inspect": "inspection",
        "PackResult": "packing",
        "pack": "packing",
        "TuningReport": "tuning",
        "tune": "tuning",
        "tuning_path": "tuning",
        "unpack": "packing",
        "Agreement": "verification",
        "UnverifiedWarning": "verification",
        "VerificationError": "verification",
        "verify_packed": "verification",
    },
)
