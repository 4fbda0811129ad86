"""Pattern pruning for Keras 3, and the way to the delegate that makes it fast.

Training, conversion and execution in order of use: `PatternConfig`, `plan`, `prune_patterns`,
`UpdatePatternStep`, `strip_pruning`, `lite.TFLiteConverter`, `load_delegate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tf_pconv.lazy import lazy_names
from tf_pconv.registration import register_on_import_of_keras

if TYPE_CHECKING:
    from tf_pconv import lite, schedules
    from tf_pconv.callbacks import UpdatePatternStep
    from tf_pconv.config import LayerRule, PatternConfig
    from tf_pconv.patterns import PatternLibrary, get_library, natural_patterns
    from tf_pconv.planning import plan
    from tf_pconv.pruning import prune_patterns, strip_pruning, update_pattern_step
    from tf_pconv.report import plot_patterns
    from tf_pconv.runtime import delegate_path, load_delegate
    from tf_pconv.schedules import ConstantSparsity, PolynomialDecay
    from tf_pconv.wrappers import PatternWrapper

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

# Training needs neither TensorFlow Lite nor the delegate, and these need no Keras.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "ConstantSparsity": "schedules",
        "LayerRule": "config",
        "PatternConfig": "config",
        "PatternLibrary": "patterns",
        "PatternWrapper": "wrappers",
        "PolynomialDecay": "schedules",
        "UpdatePatternStep": "callbacks",
        "delegate_path": "runtime",
        "get_library": "patterns",
        "lite": "lite",
        "load_delegate": "runtime",
        "natural_patterns": "patterns",
        "plan": "planning",
        "plot_patterns": "report",
        "prune_patterns": "pruning",
        "schedules": "schedules",
        "strip_pruning": "pruning",
        "update_pattern_step": "pruning",
    },
)

register_on_import_of_keras()
