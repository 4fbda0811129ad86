"""Pattern pruning for Keras 3, and the way to the delegate that makes it fast.

Training, conversion and execution in order of use: `PatternConfig`, `plan`, `prune_patterns`,
`UpdatePatternStep`, `strip_pruning`, `lite.TFLiteConverter`, `load_delegate`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tf_pconv import schedules
from tf_pconv.callbacks import UpdatePatternStep
from tf_pconv.config import LayerRule, PatternConfig
from tf_pconv.patterns import PatternLibrary, get_library, natural_patterns
from tf_pconv.planning import plan
from tf_pconv.pruning import prune_patterns, strip_pruning, update_pattern_step
from tf_pconv.report import plot_patterns
from tf_pconv.schedules import ConstantSparsity, PolynomialDecay
from tf_pconv.wrappers import PatternWrapper

if TYPE_CHECKING:
    from tf_pconv import lite
    from tf_pconv.runtime import delegate_path, load_delegate

__version__ = "0.1.0"

__all__ = [
    "ConstantSparsity",
    "LayerRule",
    "PatternConfig",
    "PatternLibrary",
    "PatternWrapper",
    "PolynomialDecay",
    "UpdatePatternStep",
    "delegate_path",
    "get_library",
    "lite",
    "load_delegate",
    "natural_patterns",
    "plan",
    "plot_patterns",
    "prune_patterns",
    "schedules",
    "strip_pruning",
    "update_pattern_step",
]

# Imported when first used: training needs neither TensorFlow Lite nor the delegate.
_LAZY = {
    "lite": ("tf_pconv.lite", None),
    "delegate_path": ("tf_pconv.runtime", "delegate_path"),
    "load_delegate": ("tf_pconv.runtime", "load_delegate"),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'tf_pconv' has no attribute '{name}'")
    module_name, attribute = _LAZY[name]
    module = importlib.import_module(module_name)
    return module if attribute is None else getattr(module, attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
